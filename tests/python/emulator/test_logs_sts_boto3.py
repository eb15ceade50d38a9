"""CloudWatch Logs and STS by boto3, and services that are not served."""

import time

import pytest

import support
from support import ACCOUNT, REGION, refused


@pytest.fixture
def group(logs, name):
    logs.create_log_group(logGroupName=f"/test/{name}")
    return f"/test/{name}"


def write(logs, group, stream, messages, begin):
    logs.create_log_stream(logGroupName=group, logStreamName=stream)
    events = [{"timestamp": begin + number, "message": message} for number, message in enumerate(messages)]
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def now_ms():
    return int(time.time() * 1000)


# aws-behaviours C1
def test_a_group_is_made_described_and_deleted(logs, name):
    group = f"/test/{name}"
    logs.create_log_group(logGroupName=group, tags={"stack": "s"})
    # aws-behaviours C1
    there = logs.exceptions.ResourceAlreadyExistsException
    with refused("ResourceAlreadyExistsException", "The specified log group already exists", 400, there):
        logs.create_log_group(logGroupName=group)
    (found,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}"
    assert (found["logGroupName"], found["arn"]) == (group, f"{arn}:*")
    assert "retentionInDays" not in found
    assert abs(found["creationTime"] - now_ms()) < 60_000
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"stack": "s"}
    logs.tag_resource(resourceArn=arn, tags={"a": "1"})
    logs.untag_resource(resourceArn=arn, tagKeys=["stack"])
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"a": "1"}
    logs.delete_log_group(logGroupName=group)
    assert logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"] == []
    gone = logs.exceptions.ResourceNotFoundException
    with refused("ResourceNotFoundException", "The specified log group does not exist.", 400, gone):
        logs.delete_log_group(logGroupName=group)


def test_groups_are_listed_in_pages(logs, group):
    names = [f"{group}/{letter}" for letter in "abc"]
    for one in names:
        logs.create_log_group(logGroupName=one)
    pages = logs.get_paginator("describe_log_groups").paginate(
        logGroupNamePrefix=group, PaginationConfig={"PageSize": 3}
    )
    listed = [[one["logGroupName"] for one in page["logGroups"]] for page in pages]
    assert listed == [[group, *names[:2]], names[2:]]


# aws-behaviours C3
def test_a_retention_is_one_of_a_list(logs, group):
    # aws-behaviours C3
    logs.put_retention_policy(logGroupName=group, retentionInDays=7)
    assert logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["retentionInDays"] == 7
    with refused("InvalidParameterException", status=400):
        logs.put_retention_policy(logGroupName=group, retentionInDays=8)
    logs.delete_retention_policy(logGroupName=group)
    assert "retentionInDays" not in logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]


def test_events_are_read_from_both_ends(logs, group):
    begin = now_ms() - 10_000
    messages = [f"line {number}" for number in range(10)]
    write(logs, group, "s", messages, begin)

    def read(**arguments):
        return logs.get_log_events(logGroupName=group, logStreamName="s", **arguments)

    first = read(startFromHead=True, limit=4)
    assert [one["message"] for one in first["events"]] == messages[:4]
    assert first["events"][0]["timestamp"] == begin
    second = read(startFromHead=True, limit=4, nextToken=first["nextForwardToken"])
    assert [one["message"] for one in second["events"]] == messages[4:8]
    last = read(startFromHead=True, nextToken=second["nextForwardToken"])
    assert [one["message"] for one in last["events"]] == messages[8:]
    end = read(startFromHead=True, nextToken=last["nextForwardToken"])
    # The same token again is how the end is told.
    assert (end["events"], end["nextForwardToken"]) == ([], last["nextForwardToken"])
    back = read(limit=3)
    assert [one["message"] for one in back["events"]] == messages[-3:]
    before = read(limit=3, nextToken=back["nextBackwardToken"])
    assert [one["message"] for one in before["events"]] == messages[4:7]
    some = read(startFromHead=True, startTime=begin + 2, endTime=begin + 4)
    assert [one["message"] for one in some["events"]] == messages[2:4]


# aws-behaviours C6
def test_events_are_filtered_over_streams_in_pages(logs, group):
    begin = now_ms() - 10_000
    write(logs, group, "a/1", ["ERROR one", "fine", "ERROR three"], begin)
    write(logs, group, "b/1", ["ERROR disk full", 'say "hello"'], begin + 10)

    def found(**arguments):
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group, **arguments)
        return [one["message"] for page in pages for one in page["events"]]

    assert found(PaginationConfig={"PageSize": 2}) == [
        "ERROR one",
        "fine",
        "ERROR three",
        "ERROR disk full",
        'say "hello"',
    ]
    assert found(filterPattern="ERROR") == ["ERROR one", "ERROR three", "ERROR disk full"]
    assert found(filterPattern="ERROR full") == ["ERROR disk full"]
    assert found(filterPattern='"disk full"') == ["ERROR disk full"]
    assert found(filterPattern="ERROR -full") == ["ERROR one", "ERROR three"]
    assert found(filterPattern="?fine ?hello") == ["fine", 'say "hello"']
    assert found(filterPattern="error") == [], "letters must match"
    assert found(logStreamNamePrefix="b/") == ["ERROR disk full", 'say "hello"']
    assert found(logStreamNames=["a/1"], startTime=begin + 1) == ["fine", "ERROR three"]
    event = logs.filter_log_events(logGroupName=group, limit=1)["events"][0]
    assert (event["logStreamName"], event["timestamp"]) == ("a/1", begin) and event["eventId"]


def test_streams_are_listed_and_deleted(logs, group):
    begin = now_ms() - 10_000
    for number, stream in enumerate(["old", "new"]):
        write(logs, group, stream, ["x"], begin + number * 1000)
    with refused("ResourceAlreadyExistsException", "The specified log stream already exists", 400):
        logs.create_log_stream(logGroupName=group, logStreamName="new")
    by_time = logs.describe_log_streams(logGroupName=group, orderBy="LastEventTime", descending=True)[
        "logStreams"
    ]
    assert [one["logStreamName"] for one in by_time] == ["new", "old"]
    assert by_time[0]["firstEventTimestamp"] == by_time[0]["lastEventTimestamp"] == begin + 1000
    logs.delete_log_stream(logGroupName=group, logStreamName="old")
    text = "The specified log stream does not exist."
    with refused("ResourceNotFoundException", text, 400):
        logs.get_log_events(logGroupName=group, logStreamName="old")
    with refused("ResourceNotFoundException", text, 400):
        logs.put_log_events(
            logGroupName=group, logStreamName="old", logEvents=[{"timestamp": begin, "message": "x"}]
        )


def test_events_must_be_in_order(logs, group):
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    events = [{"timestamp": now_ms() - number, "message": "x"} for number in (0, 10)]
    with refused(
        "InvalidParameterException",
        "Log events in a single PutLogEvents request must be in chronological order.",
        400,
    ):
        logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)
    assert logs.filter_log_events(logGroupName=group)["events"] == []
    with refused("ResourceNotFoundException", "The specified log group does not exist.", 400):
        logs.filter_log_events(logGroupName=f"{group}-absent")


def test_who_am_i(sts):
    identity = sts.get_caller_identity()
    assert identity["Account"] == ACCOUNT
    assert identity["Arn"].startswith("arn:aws:") and f"::{ACCOUNT}:" in identity["Arn"]
    assert identity["UserId"]


def test_what_is_not_served_says_so(emulator, sts, logs):
    with refused("NotImplemented", "GetSessionToken", 501):
        sts.get_session_token()
    with refused("NotImplemented", "StartQuery", 501):
        logs.start_query(logGroupName="g", startTime=0, endTime=1, queryString="fields @message")
    with refused("NotImplemented", "CreateRole", 501):
        support.client("iam", emulator.endpoint).create_role(RoleName="r", AssumeRolePolicyDocument="{}")
    with refused("NotImplemented", "ListKeys", 501):
        support.client("kms", emulator.endpoint).list_keys()
