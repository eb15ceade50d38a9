"""What was acknowledged is there after the emulator was killed and started over the same data."""

import json

import pytest

import support
from functions import Functions
from support import refused, wait_until
from tables import key, make_table

# Waits for a gate, so that the emulator can be killed while it runs.
GATED = """
def handler(event, context):
    open(event["begun"], "a").close()
    end = time.monotonic() + 30
    while not os.path.exists(event["gate"]):
        assert time.monotonic() < end, "nobody opened the gate"
        time.sleep(0.005)
    return event["n"]
"""


class Target:
    """An emulator of the test's own, which can be killed and started again; clients follow it."""

    def __init__(self, start, data):
        self.start, self.data = start, data
        self.emulator = start(data)

    def kill_and_start(self):
        """Returns the one that was killed."""
        killed = self.emulator
        killed.kill()
        self.emulator = self.start(self.data)
        return killed

    def client(self, service):
        return support.client(service, self.emulator.endpoint)


@pytest.fixture
def target(start_emulator, tmp_path):
    target = Target(start_emulator, tmp_path / "embedded")
    yield target
    target.emulator.stop()


def test_objects_versions_and_configurations(target):
    s3 = target.client("s3")
    s3.create_bucket(Bucket="logs")
    s3.put_bucket_versioning(Bucket="logs", VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_tagging(Bucket="logs", Tagging={"TagSet": [{"Key": "a", "Value": "1"}]})
    ids = [
        s3.put_object(
            Bucket="logs", Key="k", Body=body, Metadata={"n": str(number)}, ChecksumAlgorithm="SHA256"
        )["VersionId"]
        for number, body in enumerate((b"first", b"second"))
    ]
    marker = s3.delete_object(Bucket="logs", Key="gone")["VersionId"]
    upload = {
        "Bucket": "logs",
        "Key": "big",
        "UploadId": s3.create_multipart_upload(Bucket="logs", Key="big")["UploadId"],
    }
    part = s3.upload_part(**upload, PartNumber=1, Body=b"x" * 5_000_000)
    target.kill_and_start()
    s3 = target.client("s3")
    for version, body, number in ((ids[0], b"first", "0"), (ids[1], b"second", "1")):
        got = s3.get_object(Bucket="logs", Key="k", VersionId=version, ChecksumMode="ENABLED")
        assert (got["Body"].read(), got["Metadata"]) == (body, {"n": number})
    listed = s3.list_object_versions(Bucket="logs")
    assert [(one["VersionId"], one["IsLatest"]) for one in listed["Versions"]] == [
        (ids[1], True),
        (ids[0], False),
    ]
    assert [one["VersionId"] for one in listed["DeleteMarkers"]] == [marker]
    assert s3.get_bucket_tagging(Bucket="logs")["TagSet"] == [{"Key": "a", "Value": "1"}]
    # The upload goes on where it was.
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(**upload, MultipartUpload=parts)
    assert s3.get_object(Bucket="logs", Key="big")["Body"].read() == b"x" * 5_000_000


def test_messages_with_their_counts(target):
    sqs = target.client("sqs")
    dead = sqs.create_queue(QueueName="jobs-dlq")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})
    url = sqs.create_queue(QueueName="jobs", Attributes={"RedrivePolicy": policy}, tags={"a": "1"})[
        "QueueUrl"
    ]
    attributes = {"kind": {"DataType": "Binary", "BinaryValue": b"\x00\xff"}}
    sent = sqs.send_message(QueueUrl=url, MessageBody="twice", MessageAttributes=attributes)
    sqs.send_message(QueueUrl=url, MessageBody="delayed", DelaySeconds=900)
    for _ in range(2):
        (message,) = sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)["Messages"]
    sqs.send_message(QueueUrl=url, MessageBody="done")
    done = next(
        one
        for one in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)["Messages"]
        if one["Body"] == "done"
    )
    sqs.delete_message(QueueUrl=url, ReceiptHandle=done["ReceiptHandle"])
    sqs.send_message(QueueUrl=url, MessageBody="in flight")
    target.kill_and_start()
    sqs = target.client("sqs")
    url, dead = (sqs.get_queue_url(QueueName=name)["QueueUrl"] for name in ("jobs", "jobs-dlq"))
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"a": "1"}
    # Three receives had been counted, so that this one was its last.
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    assert [one["Body"] for one in messages] == ["in flight"]
    (found,) = sqs.receive_message(
        QueueUrl=dead, MessageSystemAttributeNames=["All"], MessageAttributeNames=["All"]
    )["Messages"]
    assert (found["MessageId"], found["Body"], found["MessageAttributes"]) == (
        sent["MessageId"],
        "twice",
        attributes,
    )
    assert found["Attributes"]["ApproximateReceiveCount"] == "4"
    counted = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    names = (
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesDelayed",
    )
    assert [counted[name] for name in names] == ["0", "1", "1"]
    # A receipt handle from before the kill does what it did.
    handle = messages[0]["ReceiptHandle"]
    target.kill_and_start()
    sqs = target.client("sqs")
    url = sqs.get_queue_url(QueueName="jobs")["QueueUrl"]
    assert sqs.receive_message(QueueUrl=url).get("Messages", []) == [], "still hidden"
    sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)
    counted = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert [counted[name] for name in names] == ["0", "0", "1"]


def test_items_indexes_and_settings(target):
    dynamodb = target.client("dynamodb")
    make_table(dynamodb, "orders", index=True, Tags=[{"Key": "a", "Value": "1"}])
    dynamodb.update_time_to_live(
        TableName="orders", TimeToLiveSpecification={"AttributeName": "expires_at", "Enabled": True}
    )
    for at in range(5):
        dynamodb.put_item(TableName="orders", Item={**key(at=at), "status": {"S": "open"}})
    dynamodb.delete_item(TableName="orders", Key=key(at=0))
    target.kill_and_start()
    dynamodb = target.client("dynamodb")
    found = dynamodb.query(
        TableName="orders",
        IndexName="by_status",
        KeyConditionExpression="#s = :s",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":s": {"S": "open"}},
    )["Items"]
    assert [one["at"]["N"] for one in found] == ["1", "2", "3", "4"]
    described = dynamodb.describe_time_to_live(TableName="orders")["TimeToLiveDescription"]
    assert described == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}
    arn = dynamodb.describe_table(TableName="orders")["Table"]["TableArn"]
    assert dynamodb.list_tags_of_resource(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "1"}]


def test_functions_mappings_permissions_and_what_they_feed(target):
    client, sqs = target.client("lambda"), target.client("sqs")
    url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    functions = Functions(client, "worker")
    functions.create(Environment={"Variables": {"STAGE": "test"}}, Tags={"a": "1"})
    mapping = client.create_event_source_mapping(EventSourceArn=arn, FunctionName="worker", BatchSize=3)[
        "UUID"
    ]
    client.add_permission(
        FunctionName="worker", StatementId="s3", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com"
    )
    client.put_function_concurrency(FunctionName="worker", ReservedConcurrentExecutions=7)
    before = client.get_function(FunctionName="worker")
    policy = client.get_policy(FunctionName="worker")["Policy"]
    target.kill_and_start()
    client, sqs = target.client("lambda"), target.client("sqs")
    after = client.get_function(FunctionName="worker")
    for answer in (before, after):
        del answer["ResponseMetadata"]
        answer["Code"].pop("Location", None)
    assert after == before
    assert client.get_policy(FunctionName="worker")["Policy"] == policy
    found = client.get_event_source_mapping(UUID=mapping)
    assert (found["EventSourceArn"], found["BatchSize"], found["State"]) == (arn, 3, "Enabled")
    assert Functions(client, "worker").invoke("worker", {"n": 1})["Payload"] == {"n": 1}
    # The mapping works on.
    url = sqs.get_queue_url(QueueName="jobs")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="x")

    def drained():
        counted = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return all(counted[f"ApproximateNumberOfMessages{suffix}"] == "0" for suffix in ("", "NotVisible"))

    wait_until(drained, "the queue is empty")


def test_an_accepted_invocation_is_taken_up_again(target, tmp_path):
    client, sqs = target.client("lambda"), target.client("sqs")
    url = sqs.create_queue(QueueName="outcomes")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    Functions(client, "gated").create(GATED, Timeout=40)
    client.put_function_event_invoke_config(
        FunctionName="gated", DestinationConfig={"OnSuccess": {"Destination": arn}}
    )
    for number in range(3):
        event = {"n": number, "begun": str(tmp_path / f"begun-{number}"), "gate": str(tmp_path / "gate")}
        client.invoke(FunctionName="gated", InvocationType="Event", Payload=json.dumps(event))
    wait_until((tmp_path / "begun-0").exists, "one runs")
    killed = target.kill_and_start()
    (tmp_path / "gate").touch()
    sqs = target.client("sqs")
    url = sqs.get_queue_url(QueueName="outcomes")["QueueUrl"]
    outcomes = []

    def look():
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get(
            "Messages", []
        ):
            outcomes.append(json.loads(message["Body"])["responsePayload"])
        return len(outcomes) >= 3

    wait_until(look, "all have come to their end")
    assert sorted(outcomes) == [0, 1, 2]
    # What ran for the one that was killed has nobody to tell.
    killed.wait_until_gone()


def test_one_data_directory_has_one_emulator(target, start_emulator):
    with pytest.raises(AssertionError, match="is in use by another emulator"):
        start_emulator(target.data)
    assert target.client("s3").list_buckets()["Buckets"] == []


def test_a_stop_is_clean_with_functions_at_work(target, start_emulator, tmp_path):
    client = target.client("lambda")
    Functions(client, "gated").create(GATED, Timeout=40)
    event = {"n": 1, "begun": str(tmp_path / "begun"), "gate": str(tmp_path / "gate")}
    client.invoke(FunctionName="gated", InvocationType="Event", Payload=json.dumps(event))
    wait_until((tmp_path / "begun").exists, "it runs")
    # No process is left, and it ends with 0: `stop` checks both.
    target.emulator.stop()
    target.emulator = start_emulator(target.data)
    with refused("ResourceNotFoundException", status=404):
        target.client("lambda").get_function(FunctionName="never-made")
