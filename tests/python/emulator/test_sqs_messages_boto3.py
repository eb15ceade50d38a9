"""SQS by boto3: what is in a message: attributes with AWS's MD5s, what is refused, sizes."""

import pytest

from queues import ATTRIBUTES, MIB, counts, md5, md5_of_attributes, receive_one
from support import refused


def test_message_attributes_carry_awss_md5(sqs, queue):
    sent = sqs.send_message(QueueUrl=queue, MessageBody="x", MessageAttributes=ATTRIBUTES)
    assert sent["MD5OfMessageAttributes"] == md5_of_attributes(ATTRIBUTES)
    for wanted, names in [
        (["All"], set(ATTRIBUTES)),
        ([".*"], set(ATTRIBUTES)),
        (["number.*"], {"number", "number.int"}),
        (["text", "absent"], {"text"}),
        (["bytes", "Capital"], {"bytes", "Capital"}),
        (["absent"], set()),
        ([], set()),
    ]:
        message = receive_one(sqs, queue, VisibilityTimeout=0, MessageAttributeNames=wanted)
        expected = {name: ATTRIBUTES[name] for name in names}
        assert message.get("MessageAttributes", {}) == expected, wanted
        # The sum is of those that come.
        assert message.get("MD5OfMessageAttributes") == (
            md5_of_attributes(expected) if expected else None
        ), wanted


def test_a_trace_header_is_a_system_attribute(sqs, queue):
    trace = {
        "AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-5759e988-bd862e3fe1be46a994272793"}
    }
    sent = sqs.send_message(QueueUrl=queue, MessageBody="x", MessageSystemAttributes=trace)
    assert sent["MD5OfMessageSystemAttributes"] == md5_of_attributes(trace)
    message = receive_one(sqs, queue, MessageSystemAttributeNames=["AWSTraceHeader"])
    assert message["Attributes"] == {"AWSTraceHeader": trace["AWSTraceHeader"]["StringValue"]}


@pytest.mark.parametrize(
    ("attributes", "text"),
    [
        ({"a b": {"DataType": "String", "StringValue": "x"}}, "can only contain"),
        (
            {"AWS.x": {"DataType": "String", "StringValue": "x"}},
            "You can't use message attribute names beginning with 'AWS.'",
        ),
        (
            {"a": {"DataType": "Text", "StringValue": "x"}},
            "You must use only the following supported type prefixes: Binary, Number, String.",
        ),
        ({"a": {"DataType": "String", "StringValue": ""}}, "must contain a non-empty value of type 'String'"),
        (
            {"a": {"DataType": "Number", "StringValue": "many"}},
            "Can't cast the value of message (user) attribute 'a' to a number.",
        ),
        (
            {f"a{n}": {"DataType": "String", "StringValue": "x"} for n in range(11)},
            "Number of message attributes [11] exceeds the allowed maximum [10].",
        ),
    ],
)
def test_bad_message_attributes_are_refused(sqs, queue, attributes, text):
    with refused("InvalidParameterValue", text, 400):
        sqs.send_message(QueueUrl=queue, MessageBody="x", MessageAttributes=attributes)
    assert counts(sqs, queue) == (0, 0, 0)


def test_bad_bodies_are_refused(sqs, queue):
    with refused("MissingParameter", "The request must contain the parameter MessageBody.", 400):
        sqs.send_message(QueueUrl=queue, MessageBody="")
    with refused(
        "InvalidMessageContents", "Invalid characters found", 400, sqs.exceptions.InvalidMessageContents
    ):
        sqs.send_message(QueueUrl=queue, MessageBody="\u0000")
    assert counts(sqs, queue) == (0, 0, 0)


# aws-behaviours Q15
def test_one_mebibyte_is_the_most(sqs, queue):
    # aws-behaviours Q15
    body = "x" * MIB
    assert sqs.send_message(QueueUrl=queue, MessageBody=body)["MD5OfMessageBody"] == md5(body)
    assert receive_one(sqs, queue)["Body"] == body
    text = f"One or more parameters are invalid. Reason: Message must be shorter than {MIB} bytes."
    with refused("InvalidParameterValue", text, 400):
        sqs.send_message(QueueUrl=queue, MessageBody=body + "x")
    # Two bytes are one letter here, and names, types and values of attributes count.
    with refused("InvalidParameterValue", text, 400):
        sqs.send_message(QueueUrl=queue, MessageBody="ü" * (MIB // 2) + "x")
    attribute = {"n": {"DataType": "String", "StringValue": "v"}}
    sqs.send_message(QueueUrl=queue, MessageBody=body[8:], MessageAttributes=attribute)
    with refused("InvalidParameterValue", text, 400):
        sqs.send_message(QueueUrl=queue, MessageBody=body[7:], MessageAttributes=attribute)
    assert counts(sqs, queue) == (1, 1, 0)


def test_a_queue_can_have_a_lower_limit(sqs, queue):
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"MaximumMessageSize": "1024"})
    sqs.send_message(QueueUrl=queue, MessageBody="x" * 1024)
    text = "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes."
    with refused("InvalidParameterValue", text, 400):
        sqs.send_message(QueueUrl=queue, MessageBody="x" * 1025)
