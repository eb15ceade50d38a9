"""Functions that queues feed, by boto3: event source mappings and what becomes of each message."""

import json
import uuid

import pytest

from queues import arn_of, counts, take
from support import ACCOUNT, REGION, refused, wait_until
from test_lambda_events_boto3 import function_arn

# A batch: fails with the messages whose text says so, and answers as the message tells.
BATCH = """
def handler(event, context):
    print("batch", json.dumps([[r["body"], r["attributes"]["ApproximateReceiveCount"]] for r in event["Records"]]), flush=True)
    for record in event["Records"]:
        if record["body"].startswith("raise"):
            raise RuntimeError("the whole batch")
        if record["body"].startswith("answer "):
            return json.loads(record["body"][len("answer "):])
    failed = [r["messageId"] for r in event["Records"] if r["body"].startswith("bad")]
    return {"batchItemFailures": [{"itemIdentifier": one} for one in failed]}
"""


@pytest.fixture
def client(functions):
    return functions.client


@pytest.fixture
def mapped(functions, client, sqs, name):
    """Makes a function, its queue and a dead letter queue, and maps them."""

    def make(source=BATCH, most=2, visibility=30, function=None, **settings):
        dead = sqs.create_queue(QueueName=f"{name}-dlq")["QueueUrl"]
        policy = json.dumps({"deadLetterTargetArn": arn_of(sqs, dead), "maxReceiveCount": most})
        url = sqs.create_queue(
            QueueName=name, Attributes={"RedrivePolicy": policy, "VisibilityTimeout": str(visibility)}
        )["QueueUrl"]
        functions.create(source, **(function or {}))
        arguments = {"FunctionResponseTypes": ["ReportBatchItemFailures"], **settings}
        mapping = client.create_event_source_mapping(
            EventSourceArn=arn_of(sqs, url), FunctionName=name, **arguments
        )
        assert mapping["ResponseMetadata"]["HTTPStatusCode"] == 202
        return url, dead, mapping

    return make


def reach(client, uuid, state):
    def look():
        return client.get_event_source_mapping(UUID=uuid)["State"] == state

    wait_until(look, f"the mapping is {state}")


def send(sqs, url, *bodies):
    entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
    return [one["MessageId"] for one in sqs.send_message_batch(QueueUrl=url, Entries=entries)["Successful"]]


def drained(sqs, url):
    wait_until(lambda: counts(sqs, url) == (0, 0, 0), f"{url} is empty", 20)


# aws-behaviours E5, E11
def test_a_mapping_is_made_described_changed_and_deleted(client, sqs, mapped, name):
    url, _, mapping = mapped(BatchSize=5, ScalingConfig={"MaximumConcurrency": 2}, Tags={"stack": "s"})
    assert uuid.UUID(mapping["UUID"]) and mapping["State"] == "Creating"
    expected = {
        "EventSourceArn": arn_of(sqs, url),
        "FunctionArn": function_arn(name),
        "BatchSize": 5,
        "MaximumBatchingWindowInSeconds": 0,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {"MaximumConcurrency": 2},
        "StateTransitionReason": "USER_INITIATED",
    }
    assert {key: mapping.get(key) for key in expected} == expected
    reach(client, mapping["UUID"], "Enabled")
    found = client.get_event_source_mapping(UUID=mapping["UUID"])
    assert {key: found.get(key) for key in expected} == expected
    assert (
        found["EventSourceMappingArn"]
        == f"arn:aws:lambda:{REGION}:{ACCOUNT}:event-source-mapping:{mapping['UUID']}"
    )
    # aws-behaviours E11
    assert client.list_tags(Resource=found["EventSourceMappingArn"])["Tags"] == {"stack": "s"}
    for filters in ({"FunctionName": name}, {"EventSourceArn": arn_of(sqs, url)}):
        listed = client.list_event_source_mappings(**filters)["EventSourceMappings"]
        assert [one["UUID"] for one in listed] == [mapping["UUID"]]
    # aws-behaviours E5: only an empty object takes the limit away.
    client.update_event_source_mapping(UUID=mapping["UUID"], BatchSize=7)
    reach(client, mapping["UUID"], "Enabled")
    found = client.get_event_source_mapping(UUID=mapping["UUID"])
    assert (found["BatchSize"], found["ScalingConfig"]) == (7, {"MaximumConcurrency": 2})
    client.update_event_source_mapping(UUID=mapping["UUID"], ScalingConfig={})
    reach(client, mapping["UUID"], "Enabled")
    assert not client.get_event_source_mapping(UUID=mapping["UUID"]).get("ScalingConfig")
    assert client.delete_event_source_mapping(UUID=mapping["UUID"])["State"] == "Deleting"
    gone = client.exceptions.ResourceNotFoundException
    with refused("ResourceNotFoundException", "The resource you requested does not exist.", 404, gone):
        client.get_event_source_mapping(UUID=mapping["UUID"])


# Shows what it got; the name of the file appears once all of it is there.
SHOW = """
def handler(event, context):
    with open(os.environ["SEEN"] + ".part", "w") as file:
        json.dump(event, file)
    os.rename(os.environ["SEEN"] + ".part", os.environ["SEEN"])
"""


def test_messages_come_as_events(functions, client, sqs, queue, name, tmp_path):
    seen = tmp_path / "seen"
    functions.create(SHOW, Environment={"Variables": {"SEEN": str(seen)}})
    client.create_event_source_mapping(EventSourceArn=arn_of(sqs, queue), FunctionName=name)
    attributes = {
        "text": {"DataType": "String", "StringValue": "ü"},
        "bytes": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    sent = sqs.send_message(QueueUrl=queue, MessageBody="hello", MessageAttributes=attributes)
    wait_until(seen.exists, "the function has run")
    (record,) = json.loads(seen.read_text())["Records"]
    assert record.pop("receiptHandle")
    system = record.pop("attributes")
    assert set(system) == {
        "ApproximateReceiveCount",
        "SentTimestamp",
        "SenderId",
        "ApproximateFirstReceiveTimestamp",
    }
    assert system["ApproximateReceiveCount"] == "1"
    assert record == {
        "messageId": sent["MessageId"],
        "body": "hello",
        "messageAttributes": {
            "text": {
                "stringValue": "ü",
                "stringListValues": [],
                "binaryListValues": [],
                "dataType": "String",
            },
            "bytes": {
                "binaryValue": "AP8=",
                "stringListValues": [],
                "binaryListValues": [],
                "dataType": "Binary",
            },
        },
        "md5OfMessageAttributes": sent["MD5OfMessageAttributes"],
        "md5OfBody": sent["MD5OfMessageBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": arn_of(sqs, queue),
        "awsRegion": REGION,
    }
    drained(sqs, queue)


# aws-behaviours E9
def test_of_a_batch_only_what_failed_comes_again(sqs, mapped, name, logs):
    url, dead, _ = mapped(most=3)
    ids = send(sqs, url, "good 1", "bad 1", "good 2", "bad 2")
    found = take(sqs, dead, 2)
    assert {one["MessageId"]: one["Body"] for one in found} == {ids[1]: "bad 1", ids[3]: "bad 2"}
    assert [one["Attributes"]["DeadLetterQueueSourceArn"] for one in found] == [arn_of(sqs, url)] * 2
    assert counts(sqs, url) == (0, 0, 0)
    tries = wait_until(lambda: tries_of(logs, name, 8), "the log of all batches")
    # After exactly as many receives as the queue allows.
    expected = [
        ["good 1", "1"],
        ["good 2", "1"],
        *([f"bad {n}", str(count)] for n in (1, 2) for count in (1, 2, 3)),
    ]
    assert sorted(tries) == sorted(expected)


def tries_of(logs, name, number):
    """Body and receive count of every message that the function got, once there are so many."""
    try:
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=f"/aws/lambda/{name}", filterPattern="batch"
        )
        lines = [one["message"] for page in pages for one in page["events"]]
    except logs.exceptions.ResourceNotFoundException:
        return None
    tries = [one for line in lines for one in json.loads(line.removeprefix("batch "))]
    return tries if len(tries) >= number else None


# aws-behaviours E9
@pytest.mark.parametrize(
    "answer",
    [
        {"batchItemFailures": [{"itemIdentifier": "no such message"}]},
        {"batchItemFailures": [{"itemIdentifier": ""}]},
        {"batchItemFailures": [{"itemIdentifier": None}]},
        {"batchItemFailures": [{"id": "x"}]},
        {"batchItemFailures": "all"},
        "text",
    ],
)
def test_an_answer_that_makes_no_sense_fails_the_whole_batch(sqs, mapped, answer):
    url, dead, _ = mapped(most=1)
    send(sqs, url, f"answer {json.dumps(answer)}")
    assert take(sqs, dead, 1)[0]["Body"].startswith("answer")
    assert counts(sqs, url) == (0, 0, 0)


# aws-behaviours E9
@pytest.mark.parametrize("answer", [{"batchItemFailures": []}, {"batchItemFailures": None}, {}, None])
def test_an_answer_without_failures_is_a_success(sqs, mapped, answer):
    url, dead, _ = mapped(most=1)
    send(sqs, url, f"answer {json.dumps(answer)}")
    drained(sqs, url)
    assert counts(sqs, dead) == (0, 0, 0)


def test_an_error_fails_the_whole_batch(client, sqs, mapped):
    url, dead, mapping = mapped(most=2, Enabled=False)
    # Both are there when the first batch is taken.
    ids = send(sqs, url, "good", "raise")
    client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
    assert sorted(one["MessageId"] for one in take(sqs, dead, 2)) == sorted(ids)
    assert counts(sqs, url) == (0, 0, 0)


def test_without_the_report_an_answer_means_nothing(sqs, mapped):
    url, dead, _ = mapped(most=1, FunctionResponseTypes=[])
    send(sqs, url, "bad", "good")
    drained(sqs, url)
    assert counts(sqs, dead) == (0, 0, 0)


def test_a_disabled_mapping_leaves_messages_alone(client, sqs, mapped):
    url, _, mapping = mapped(Enabled=False)
    reach(client, mapping["UUID"], "Disabled")
    send(sqs, url, "waits")
    assert counts(sqs, url) == (1, 0, 0)
    client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
    drained(sqs, url)
    client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    reach(client, mapping["UUID"], "Disabled")
    send(sqs, url, "waits again")
    assert counts(sqs, url) == (1, 0, 0)


# aws-behaviours E1
def test_a_queue_is_mapped_to_a_function_once(client, sqs, mapped, name):
    url, _, mapping = mapped()
    # aws-behaviours E1
    text = (
        f'An event source mapping with SQS arn (" {arn_of(sqs, url)} ") and function (" {name} ") already exists. '
        f"Please update or delete the existing mapping with UUID {mapping['UUID']}"
    )
    with refused("ResourceConflictException", text, 409, client.exceptions.ResourceConflictException):
        client.create_event_source_mapping(EventSourceArn=arn_of(sqs, url), FunctionName=name)


# aws-behaviours Q10
def test_a_queue_must_hide_messages_as_long_as_the_function_may_run(client, sqs, mapped, name):
    # aws-behaviours Q10
    text = "Queue visibility timeout: 30 seconds is less than Function timeout: 31 seconds"
    with refused("InvalidParameterValueException", text, 400):
        mapped(function={"Timeout": 31})
    assert client.list_event_source_mappings(FunctionName=name)["EventSourceMappings"] == []
    client.update_function_configuration(FunctionName=name, Timeout=30)
    client.get_waiter("function_updated_v2").wait(FunctionName=name)
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    client.create_event_source_mapping(EventSourceArn=arn_of(sqs, url), FunctionName=name)
    with refused("InvalidParameterValueException", text, 400):
        client.update_function_configuration(FunctionName=name, Timeout=31)


# aws-behaviours E8
def test_mappings_are_checked(client, sqs, functions, queue, name):
    arn = arn_of(sqs, queue)
    functions.create()

    def create(**settings):
        client.create_event_source_mapping(**{"EventSourceArn": arn, "FunctionName": name, **settings})

    # aws-behaviours E8
    text = "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
    with refused("InvalidParameterValueException", text, 400):
        create(BatchSize=11)
    text = "SQS Error Code: AWS.SimpleQueueService.NonExistentQueue"
    with refused("InvalidParameterValueException", text, 400):
        create(EventSourceArn=f"{arn}-absent")
    with refused("ResourceNotFoundException", f"Function not found: {function_arn(name)}-absent", 404):
        create(FunctionName=f"{name}-absent")
    assert client.list_event_source_mappings(EventSourceArn=arn)["EventSourceMappings"] == []


# aws-behaviours E5
def test_the_concurrency_of_a_mapping_has_a_range(client, sqs, functions, queue, name):
    functions.create()
    # aws-behaviours E5
    with refused(
        "ValidationException",
        "failed to satisfy constraint: Member must have value less than or equal to 1000",
        400,
    ):
        client.create_event_source_mapping(
            EventSourceArn=arn_of(sqs, queue), FunctionName=name, ScalingConfig={"MaximumConcurrency": 1001}
        )


# aws-behaviours L12, E4
def test_a_mapping_outlives_its_function(client, mapped, name):
    _, _, mapping = mapped()
    client.delete_function(FunctionName=name)
    # aws-behaviours E4
    assert client.get_event_source_mapping(UUID=mapping["UUID"])["FunctionArn"] == function_arn(name)
