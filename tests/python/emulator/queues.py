"""What tests of queues, and of what queues feed, need."""

import hashlib
import struct

from support import wait_until

MIB = 1024 * 1024


def arn_of(sqs, url):
    return attributes_of(sqs, url, "QueueArn")["QueueArn"]


def attributes_of(sqs, url, *names):
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(names) or ["All"])["Attributes"]


def counts(sqs, url):
    """Visible, not visible, delayed."""
    found = attributes_of(sqs, url)
    suffixes = ("", "NotVisible", "Delayed")
    return tuple(int(found[f"ApproximateNumberOfMessages{suffix}"]) for suffix in suffixes)


def receive(sqs, url, **arguments):
    return sqs.receive_message(QueueUrl=url, **arguments).get("Messages", [])


def receive_one(sqs, url, **arguments):
    (message,) = receive(sqs, url, **arguments)
    return message


def md5(text):
    return hashlib.md5(text.encode() if isinstance(text, str) else text).hexdigest()


def md5_of_attributes(attributes):
    """As the developer guide has it: by name; the length of each part before it, in four bytes; a byte for
    the kind of the value."""
    digest = hashlib.md5()

    def add(part):
        digest.update(struct.pack(">I", len(part)) + part)

    for name in sorted(attributes):
        value = attributes[name]
        add(name.encode())
        add(value["DataType"].encode())
        binary = value["DataType"].startswith("Binary")
        digest.update(b"\x02" if binary else b"\x01")
        add(value["BinaryValue"] if binary else value["StringValue"].encode())
    return digest.hexdigest()


def take(sqs, url, number, seconds=20):
    """So many messages, deleted from the queue; none may come beyond them."""
    taken = []

    def look():
        for message in sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        ).get("Messages", []):
            taken.append(message)
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return len(taken) >= number

    wait_until(look, f"{number} messages in {url}", seconds)
    assert len(taken) == number and counts(sqs, url) == (0, 0, 0)
    return taken


# One of each kind.
ATTRIBUTES = {
    "text": {"DataType": "String", "StringValue": "wörd"},
    "number": {"DataType": "Number", "StringValue": "-1.5e3"},
    "number.int": {"DataType": "Number.int", "StringValue": "42"},
    "bytes": {"DataType": "Binary", "BinaryValue": b"\x00\xff\x80"},
    "Capital": {"DataType": "String.mine", "StringValue": "x"},
}
