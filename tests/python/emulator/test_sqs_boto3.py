"""SQS by boto3: queues and their attributes, receiving, waiting, visibility."""

import json
import threading
import time

import pytest

from queues import MIB, arn_of, attributes_of, counts, md5, receive, receive_one
from support import ACCOUNT, REGION, WAIT_SECONDS, refused


def test_a_queue_is_made_found_and_deleted(sqs, name):
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    assert url.endswith(f"/{ACCOUNT}/{name}")
    assert sqs.get_queue_url(QueueName=name)["QueueUrl"] == url
    found = attributes_of(sqs, url)
    assert found["QueueArn"] == f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    defaults = {
        "DelaySeconds": "0",
        "MaximumMessageSize": str(MIB),
        "MessageRetentionPeriod": "345600",
        "ReceiveMessageWaitTimeSeconds": "0",
        "VisibilityTimeout": "30",
        "SqsManagedSseEnabled": "true",
    }
    assert {key: found.get(key) for key in defaults} == defaults
    assert abs(int(found["CreatedTimestamp"]) - time.time()) < 60
    sqs.delete_queue(QueueUrl=url)
    gone = sqs.exceptions.QueueDoesNotExist
    code, text = "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist"
    with refused(code, text, 400, gone):
        sqs.get_queue_url(QueueName=name)
    with refused(code, text, 400, gone):
        sqs.send_message(QueueUrl=url, MessageBody="x")
    with refused(code, text, 400, gone):
        sqs.delete_queue(QueueUrl=url)


def test_queues_are_listed_in_pages(sqs, name):
    urls = [sqs.create_queue(QueueName=f"{name}-{letter}")["QueueUrl"] for letter in "abcde"]
    pages = sqs.get_paginator("list_queues").paginate(QueueNamePrefix=name, PaginationConfig={"PageSize": 2})
    assert [page["QueueUrls"] for page in pages] == [urls[:2], urls[2:4], urls[4:]]
    assert "QueueUrls" not in sqs.list_queues(QueueNamePrefix=f"{name}-f")


# aws-behaviours Q2, Q3
def test_a_queue_is_made_twice_only_with_the_same_attributes(sqs, name):
    url = sqs.create_queue(QueueName=name, Attributes={"DelaySeconds": "1"})["QueueUrl"]
    # aws-behaviours Q2
    assert sqs.create_queue(QueueName=name, Attributes={"DelaySeconds": "1"})["QueueUrl"] == url
    # aws-behaviours Q3
    text = "A queue already exists with the same name and a different value for attribute DelaySeconds"
    with refused("QueueAlreadyExists", text, 400, sqs.exceptions.QueueNameExists):
        sqs.create_queue(QueueName=name, Attributes={"DelaySeconds": "2"})


@pytest.mark.parametrize("bad", ["a b", "a" * 81, "a.b", "ü"])
def test_queue_names_are_checked(sqs, bad):
    text = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
    with refused("InvalidParameterValue", text, 400):
        sqs.create_queue(QueueName=bad)


def test_fifo_queues_are_not_served(sqs, name):
    with refused("NotImplemented", "FIFO queues are not implemented", 501):
        sqs.create_queue(QueueName=f"{name}.fifo", Attributes={"FifoQueue": "true"})


def test_attributes_are_set_and_checked(sqs, queue):
    wanted = {
        "DelaySeconds": "900",
        "MaximumMessageSize": "1024",
        "MessageRetentionPeriod": "1209600",
        "ReceiveMessageWaitTimeSeconds": "20",
        "VisibilityTimeout": "43200",
    }
    sqs.set_queue_attributes(QueueUrl=queue, Attributes=wanted)
    assert attributes_of(sqs, queue, *wanted) == wanted
    for name, value in {
        "DelaySeconds": "901",
        "MaximumMessageSize": str(MIB + 1),
        "MessageRetentionPeriod": "59",
        "ReceiveMessageWaitTimeSeconds": "21",
        "VisibilityTimeout": "43201",
    }.items():
        with refused("InvalidAttributeValue", f"Invalid value for the parameter {name}.", 400):
            sqs.set_queue_attributes(QueueUrl=queue, Attributes={name: value})
    with refused("InvalidAttributeName", "Unknown Attribute Unknown.", 400):
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Unknown": "1"})
    with refused("InvalidAttributeName", "Unknown Attribute Unknown.", 400):
        sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["Unknown"])
    assert attributes_of(sqs, queue, *wanted) == wanted


def test_queues_have_tags(sqs, name):
    url = sqs.create_queue(QueueName=name, tags={"a": "1", "b": "2"})["QueueUrl"]
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"a": "1", "b": "2"}
    sqs.tag_queue(QueueUrl=url, Tags={"b": "3", "c": "ä"})
    sqs.untag_queue(QueueUrl=url, TagKeys=["a", "absent"])
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"b": "3", "c": "ä"}
    sqs.untag_queue(QueueUrl=url, TagKeys=["b", "c"])
    assert "Tags" not in sqs.list_queue_tags(QueueUrl=url)


def test_a_message_comes_as_it_was_sent_until_it_is_deleted(sqs, queue):
    body = '{"text": "ü 😀 <&>"}\n\t'
    before = int(time.time() * 1000) - 1
    sent = sqs.send_message(QueueUrl=queue, MessageBody=body)
    assert sent["MD5OfMessageBody"] == md5(body)
    message = receive_one(sqs, queue, MessageSystemAttributeNames=["All"])
    assert (message["MessageId"], message["Body"], message["MD5OfBody"]) == (
        sent["MessageId"],
        body,
        md5(body),
    )
    system = message["Attributes"]
    assert system["ApproximateReceiveCount"] == "1" and system["SenderId"]
    sent_at, first = int(system["SentTimestamp"]), int(system["ApproximateFirstReceiveTimestamp"])
    assert before <= sent_at <= first <= time.time() * 1000 + 1
    assert counts(sqs, queue) == (0, 1, 0)
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    assert counts(sqs, queue) == (0, 0, 0)
    # To delete it again is no error.
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])


def test_a_long_poll_is_woken_by_a_send(sqs, queue):
    sent_at = []

    def send():
        sqs.send_message(QueueUrl=queue, MessageBody="wake up")
        sent_at.append(time.monotonic())

    # Not what the assertion rests on: that the send came while the poll waited is measured.
    timer = threading.Timer(0.3, send)
    begun = time.monotonic()
    timer.start()
    message = receive_one(sqs, queue, WaitTimeSeconds=20)
    ended = time.monotonic()
    timer.join(WAIT_SECONDS)
    assert message["Body"] == "wake up"
    assert ended - begun >= 0.3, "the poll had to wait"
    assert ended - sent_at[0] < 2, "the poll did not wait on"


def test_a_long_poll_ends_empty(sqs, queue):
    begun = time.monotonic()
    assert receive(sqs, queue, WaitTimeSeconds=1) == []
    assert 0.9 < time.monotonic() - begun < 5
    # The queue's own wait, unless the call has one.
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"ReceiveMessageWaitTimeSeconds": "1"})
    begun = time.monotonic()
    assert receive(sqs, queue, WaitTimeSeconds=0) == []
    assert time.monotonic() - begun < 0.9
    assert receive(sqs, queue) == []
    assert time.monotonic() - begun > 0.9


def test_a_message_can_be_delayed(sqs, queue):
    begun = time.time()
    sqs.send_message(QueueUrl=queue, MessageBody="later", DelaySeconds=1)
    assert receive(sqs, queue) == []
    assert counts(sqs, queue) == (0, 0, 1)
    message = receive_one(sqs, queue, WaitTimeSeconds=10)
    assert message["Body"] == "later"
    assert time.time() - begun >= 1
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"DelaySeconds": "900"})
    sqs.send_message(QueueUrl=queue, MessageBody="by the queue")
    sqs.send_message(QueueUrl=queue, MessageBody="at once", DelaySeconds=0)
    assert counts(sqs, queue) == (1, 1, 1)
    with refused(
        "InvalidParameterValue",
        "Value 901 for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.",
        400,
    ):
        sqs.send_message(QueueUrl=queue, MessageBody="x", DelaySeconds=901)


def test_a_message_is_visible_again_after_its_timeout(sqs, queue):
    sqs.send_message(QueueUrl=queue, MessageBody="x")
    begun = time.time()
    receive_one(sqs, queue, VisibilityTimeout=1)
    assert receive(sqs, queue) == []
    again = receive_one(
        sqs, queue, WaitTimeSeconds=10, MessageSystemAttributeNames=["ApproximateReceiveCount"]
    )
    assert time.time() - begun >= 1
    assert again["Attributes"]["ApproximateReceiveCount"] == "2"


def test_visibility_can_be_changed(sqs, queue):
    sqs.send_message(QueueUrl=queue, MessageBody="x")
    handle = receive_one(sqs, queue)["ReceiptHandle"]
    sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=handle, VisibilityTimeout=0)
    assert counts(sqs, queue) == (1, 0, 0)
    second = receive_one(sqs, queue, VisibilityTimeout=1, MessageSystemAttributeNames=["All"])
    assert second["Attributes"]["ApproximateReceiveCount"] == "2"
    sqs.change_message_visibility(
        QueueUrl=queue, ReceiptHandle=second["ReceiptHandle"], VisibilityTimeout=600
    )
    assert receive(sqs, queue, WaitTimeSeconds=2) == []
    with refused("InvalidParameterValue", "Value 43201 for parameter VisibilityTimeout is invalid.", 400):
        sqs.change_message_visibility(
            QueueUrl=queue, ReceiptHandle=second["ReceiptHandle"], VisibilityTimeout=43201
        )
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=second["ReceiptHandle"])
    with refused(
        "InvalidParameterValue",
        "Reason: Message does not exist or is not available for visibility timeout change.",
        400,
    ):
        sqs.change_message_visibility(
            QueueUrl=queue, ReceiptHandle=second["ReceiptHandle"], VisibilityTimeout=0
        )


def test_a_made_up_receipt_handle_is_refused(sqs, queue):
    kind = sqs.exceptions.ReceiptHandleIsInvalid
    text = 'The input receipt handle "made up" is not a valid receipt handle.'
    with refused("ReceiptHandleIsInvalid", text, 400, kind):
        sqs.delete_message(QueueUrl=queue, ReceiptHandle="made up")
    with refused("ReceiptHandleIsInvalid", text, 400, kind):
        sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle="made up", VisibilityTimeout=0)


def test_what_a_receive_asks_for_is_checked(sqs, queue):
    for number in (0, 11):
        text = f"Value {number} for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided."
        with refused("InvalidParameterValue", text, 400):
            receive(sqs, queue, MaxNumberOfMessages=number)
    text = "Value 21 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided."
    with refused("InvalidParameterValue", text, 400):
        receive(sqs, queue, WaitTimeSeconds=21)


def test_a_purged_queue_is_empty(sqs, queue):
    for number in range(3):
        sqs.send_message(QueueUrl=queue, MessageBody=str(number))
    sqs.send_message(QueueUrl=queue, MessageBody="delayed", DelaySeconds=600)
    receive_one(sqs, queue)
    assert counts(sqs, queue) == (2, 1, 1)
    sqs.purge_queue(QueueUrl=queue)
    assert counts(sqs, queue) == (0, 0, 0)
    assert receive(sqs, queue) == []
    sqs.send_message(QueueUrl=queue, MessageBody="after")
    assert receive_one(sqs, queue)["Body"] == "after"


def test_policies_are_kept_as_they_are(sqs, queue):
    policy = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": "*",
                    "Action": "sqs:SendMessage",
                    "Resource": arn_of(sqs, queue),
                }
            ],
        }
    )
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    assert json.loads(attributes_of(sqs, queue, "Policy")["Policy"]) == json.loads(policy)
