"""SQS by boto3: batches with partial errors, dead letter queues, and moving their messages back."""

import json

import pytest

from queues import (
    ATTRIBUTES,
    MIB,
    arn_of,
    attributes_of,
    counts,
    md5,
    md5_of_attributes,
    receive,
    receive_one,
)
from support import ACCOUNT, REGION, refused, wait_until

PREFIX = "AWS.SimpleQueueService"


def send_all(sqs, url, bodies):
    entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
    assert len(sqs.send_message_batch(QueueUrl=url, Entries=entries)["Successful"]) == len(bodies)


def failures(answer):
    return {one["Id"]: (one["Code"], one["SenderFault"]) for one in answer.get("Failed", [])}


def test_a_batch_is_sent_in_part(sqs, queue):
    entries = [
        {"Id": "good", "MessageBody": "one"},
        {"Id": "late", "MessageBody": "two", "DelaySeconds": 901},
        {"Id": "with", "MessageBody": "three", "MessageAttributes": ATTRIBUTES},
        {"Id": "odd", "MessageBody": "\u0001"},
    ]
    answer = sqs.send_message_batch(QueueUrl=queue, Entries=entries)
    sent = {one["Id"]: one for one in answer["Successful"]}
    assert set(sent) == {"good", "with"}
    assert sent["good"]["MD5OfMessageBody"] == md5("one")
    assert sent["with"]["MD5OfMessageAttributes"] == md5_of_attributes(ATTRIBUTES)
    assert failures(answer) == {
        "late": ("InvalidParameterValue", True),
        "odd": ("InvalidMessageContents", True),
    }
    messages = receive(sqs, queue, MaxNumberOfMessages=10)
    assert {one["MessageId"] for one in messages} == {one["MessageId"] for one in sent.values()}


def test_batches_are_changed_and_deleted_in_part(sqs, queue):
    send_all(sqs, queue, ["a", "b"])
    handles = [one["ReceiptHandle"] for one in receive(sqs, queue, MaxNumberOfMessages=10)]
    assert len(handles) == 2
    entries = [{"Id": str(number), "ReceiptHandle": handle} for number, handle in enumerate(handles)]
    wrong = {"Id": "wrong", "ReceiptHandle": "made up"}
    changed = sqs.change_message_visibility_batch(
        QueueUrl=queue, Entries=[{**one, "VisibilityTimeout": 0} for one in (entries[0], wrong)]
    )
    assert [one["Id"] for one in changed["Successful"]] == ["0"]
    assert failures(changed) == {"wrong": ("ReceiptHandleIsInvalid", True)}
    assert counts(sqs, queue) == (1, 1, 0)
    deleted = sqs.delete_message_batch(QueueUrl=queue, Entries=[*entries, wrong])
    assert [one["Id"] for one in deleted["Successful"]] == ["0", "1"]
    assert failures(deleted) == {"wrong": ("ReceiptHandleIsInvalid", True)}
    assert counts(sqs, queue) == (0, 0, 0)


@pytest.mark.parametrize(
    ("entries", "kind", "text"),
    [
        (
            [],
            "EmptyBatchRequest",
            "There should be at least one SendMessageBatchRequestEntry in the request.",
        ),
        (
            [{"Id": str(n), "MessageBody": "x"} for n in range(11)],
            "TooManyEntriesInBatchRequest",
            "Maximum number of entries per request are 10. You have sent 11.",
        ),
        ([{"Id": "same", "MessageBody": "x"}] * 2, "BatchEntryIdsNotDistinct", "Id same repeated."),
        (
            [{"Id": "a b", "MessageBody": "x"}],
            "InvalidBatchEntryId",
            "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.",
        ),
        ([{"Id": "a" * 81, "MessageBody": "x"}], "InvalidBatchEntryId", "A batch entry id can only contain"),
        (
            [{"Id": "1", "MessageBody": "x" * MIB}, {"Id": "2", "MessageBody": "x"}],
            "BatchRequestTooLong",
            f"Batch requests cannot be longer than {MIB} bytes. You have sent {MIB + 1} bytes.",
        ),
    ],
)
def test_whole_batches_are_refused(sqs, queue, entries, kind, text):
    with refused(f"{PREFIX}.{kind}", text, 400, getattr(sqs.exceptions, kind)):
        sqs.send_message_batch(QueueUrl=queue, Entries=entries)
    assert counts(sqs, queue) == (0, 0, 0)


def test_a_batch_may_be_one_mebibyte(sqs, queue):
    entries = [{"Id": str(number), "MessageBody": str(number) * (MIB // 8)} for number in range(8)]
    assert len(sqs.send_message_batch(QueueUrl=queue, Entries=entries)["Successful"]) == 8
    bodies = []
    wait_until(
        lambda: bodies.extend(one["Body"] for one in receive(sqs, queue, MaxNumberOfMessages=10))
        or len(bodies) == 8,
        "all have come",
    )
    assert sorted(bodies) == [one["MessageBody"] for one in entries]


@pytest.fixture
def dead(sqs, name):
    """The URL of a dead letter queue."""
    return sqs.create_queue(QueueName=f"{name}-dlq")["QueueUrl"]


def redrive_to(sqs, url, dead, most=2):
    policy = {"deadLetterTargetArn": arn_of(sqs, dead), "maxReceiveCount": most}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": json.dumps(policy)})
    return policy


def bury(sqs, url, bodies):
    """Sends messages and fails with them until they are dead."""
    send_all(sqs, url, bodies)
    wait_until(
        lambda: not receive(sqs, url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        and counts(sqs, url) == (0, 0, 0),
        "all are dead",
    )


# aws-behaviours Q9
def test_after_the_last_receive_a_message_is_dead(sqs, queue, dead):
    policy = redrive_to(sqs, queue, dead)
    assert json.loads(attributes_of(sqs, queue, "RedrivePolicy")["RedrivePolicy"]) == policy
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [queue]
    sent = sqs.send_message(QueueUrl=queue, MessageBody="bad", MessageAttributes=ATTRIBUTES)
    system = ["All"]
    for count in ("1", "2"):
        message = receive_one(sqs, queue, VisibilityTimeout=0, MessageSystemAttributeNames=system)
        assert message["Attributes"]["ApproximateReceiveCount"] == count
    assert counts(sqs, dead) == (0, 0, 0)
    assert receive(sqs, queue) == []
    (found,) = receive(sqs, dead, MessageSystemAttributeNames=system, MessageAttributeNames=["All"])
    assert (found["MessageId"], found["Body"]) == (sent["MessageId"], "bad")
    assert found["MessageAttributes"] == ATTRIBUTES
    assert found["Attributes"]["DeadLetterQueueSourceArn"] == arn_of(sqs, queue)
    # aws-behaviours Q9: it stays as old as it is.
    assert found["Attributes"]["SentTimestamp"] == message["Attributes"]["SentTimestamp"]
    assert found["Attributes"]["ApproximateReceiveCount"] == "3"
    assert counts(sqs, queue) == (0, 0, 0)


# aws-behaviours Q7
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            {"deadLetterTargetArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:no-such-queue"},
            "Dead letter target does not exist.",
        ),
        ({"deadLetterTargetArn": "dummy"}, "Invalid value for deadLetterTargetArn."),
        (
            {"maxReceiveCount": 0},
            "Invalid value for maxReceiveCount: 0, valid values are from 1 to 1000 both inclusive.",
        ),
        (
            {"maxReceiveCount": 1001},
            "Invalid value for maxReceiveCount: 1001, valid values are from 1 to 1000 both inclusive.",
        ),
    ],
)
def test_redrive_policies_are_checked(sqs, queue, dead, change, reason):
    # aws-behaviours Q7
    policy = json.dumps({"deadLetterTargetArn": arn_of(sqs, dead), "maxReceiveCount": 5, **change})
    with refused(
        "InvalidParameterValue",
        f"Value {policy} for parameter RedrivePolicy is invalid. Reason: {reason}",
        400,
    ):
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": policy})
    assert "Attributes" not in sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["RedrivePolicy"])


def ended(sqs, arn):
    """The newest task, once it has ended."""

    def look():
        (task,) = sqs.list_message_move_tasks(SourceArn=arn)["Results"]
        return task if task["Status"] != "RUNNING" else None

    return wait_until(look, "the move task has ended")


# aws-behaviours Q14
def test_dead_messages_are_moved_back_to_where_they_came_from(sqs, queue, dead, name):
    redrive_to(sqs, queue, dead)
    other = sqs.create_queue(QueueName=f"{name}-other")["QueueUrl"]
    redrive_to(sqs, other, dead)
    bury(sqs, queue, ["a", "b"])
    bury(sqs, other, ["c"])
    # aws-behaviours Q14
    arn = arn_of(sqs, dead)
    assert sqs.start_message_move_task(SourceArn=arn)["TaskHandle"]
    task = ended(sqs, arn)
    assert (task["Status"], task["SourceArn"], "DestinationArn" in task) == ("COMPLETED", arn, False)
    assert (task["ApproximateNumberOfMessagesMoved"], task["ApproximateNumberOfMessagesToMove"]) == (3, 3)
    assert "TaskHandle" not in task and task["StartedTimestamp"] > 0
    assert counts(sqs, dead) == (0, 0, 0)
    back = receive(sqs, queue, MaxNumberOfMessages=10)
    assert sorted(one["Body"] for one in back) == ["a", "b"]
    assert receive_one(sqs, other)["Body"] == "c"


def test_dead_messages_are_moved_where_one_likes(sqs, queue, dead, name):
    redrive_to(sqs, queue, dead)
    bury(sqs, queue, ["a"])
    target = sqs.create_queue(QueueName=f"{name}-target")["QueueUrl"]
    sqs.start_message_move_task(SourceArn=arn_of(sqs, dead), DestinationArn=arn_of(sqs, target))
    task = ended(sqs, arn_of(sqs, dead))
    assert (task["Status"], task["DestinationArn"]) == ("COMPLETED", arn_of(sqs, target))
    assert receive_one(sqs, target)["Body"] == "a"


def test_a_slow_move_is_the_only_one_and_can_be_cancelled(sqs, queue, dead):
    redrive_to(sqs, queue, dead)
    bury(sqs, queue, [str(number) for number in range(10)])
    arn = arn_of(sqs, dead)
    begun = sqs.start_message_move_task(SourceArn=arn, MaxNumberOfMessagesPerSecond=1)
    text = "There is already a task running. Only one active task is allowed for a source queue arn at a given time."
    with refused("InvalidParameterValue", text, 400):
        sqs.start_message_move_task(SourceArn=arn)
    (running,) = sqs.list_message_move_tasks(SourceArn=arn)["Results"]
    assert (running["Status"], running["MaxNumberOfMessagesPerSecond"]) == ("RUNNING", 1)
    assert running["TaskHandle"] == begun["TaskHandle"]
    cancelled = sqs.cancel_message_move_task(TaskHandle=begun["TaskHandle"])
    assert cancelled["ApproximateNumberOfMessagesMoved"] < 10
    task = ended(sqs, arn)
    assert task["Status"] == "CANCELLED"
    moved = task["ApproximateNumberOfMessagesMoved"]
    assert (counts(sqs, dead)[0], counts(sqs, queue)[0]) == (10 - moved, moved)


def test_moves_of_what_is_not_there_are_refused(sqs, queue, dead, name):
    with refused("InvalidParameterValue", "Source queue must be configured as a Dead Letter Queue.", 400):
        sqs.start_message_move_task(SourceArn=arn_of(sqs, queue))
    redrive_to(sqs, queue, dead)
    absent = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}-absent"
    gone = sqs.exceptions.ResourceNotFoundException
    text = "The resource that you specified for the {} parameter doesn't exist."
    with refused("ResourceNotFoundException", text.format("SourceArn"), kind=gone):
        sqs.start_message_move_task(SourceArn=absent)
    with refused("ResourceNotFoundException", text.format("DestinationArn"), kind=gone):
        sqs.start_message_move_task(SourceArn=arn_of(sqs, dead), DestinationArn=absent)
    with refused("InvalidParameterValue", "Value for parameter TaskHandle is invalid.", 400):
        sqs.cancel_message_move_task(TaskHandle="made up")
