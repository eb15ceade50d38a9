"""SQS, DynamoDB, Lambda, Logs and STS by the AWS CLI, a process for each call."""

import hashlib
import json

import pytest

from functions import code, sha256_of
from support import ACCOUNT, REGION, ROLE, wait_until


def said(operation, code):
    """The CLI's line for a refusal."""
    return f"An error occurred ({code}) when calling the {operation} operation"


def test_sts(cli):
    identity = cli("sts", "get-caller-identity")
    assert identity["Account"] == ACCOUNT
    assert cli("sts", "get-caller-identity", "--query", "Account", "--output", "text").strip() == ACCOUNT


def test_sqs(cli, name):
    url = cli(
        "sqs", "create-queue", "--queue-name", name, "--attributes", "VisibilityTimeout=60", "--tags", "a=1"
    )["QueueUrl"]
    assert cli("sqs", "get-queue-url", "--queue-name", name)["QueueUrl"] == url
    attributes = json.dumps({"kind": {"DataType": "String", "StringValue": "x"}})
    sent = cli(
        "sqs",
        "send-message",
        "--queue-url",
        url,
        "--message-body",
        "hello",
        "--message-attributes",
        attributes,
    )
    assert sent["MD5OfMessageBody"] == hashlib.md5(b"hello").hexdigest()
    entries = json.dumps(
        [{"Id": "1", "MessageBody": "more"}, {"Id": "2", "MessageBody": "x", "DelaySeconds": 901}]
    )
    batch = cli("sqs", "send-message-batch", "--queue-url", url, "--entries", entries)
    assert [one["Id"] for one in batch["Successful"]] == ["1"]
    assert [(one["Id"], one["Code"], one["SenderFault"]) for one in batch["Failed"]] == [
        ("2", "InvalidParameterValue", True)
    ]
    received = cli(
        "sqs",
        "receive-message",
        "--queue-url",
        url,
        "--max-number-of-messages",
        10,
        "--wait-time-seconds",
        1,
        "--message-attribute-names",
        "All",
        "--attribute-names",
        "All",
    )["Messages"]
    assert sorted(one["Body"] for one in received) == ["hello", "more"]
    assert received[0]["Attributes"]["ApproximateReceiveCount"] == "1"
    first, second = [one["ReceiptHandle"] for one in received]
    cli("sqs", "delete-message", "--queue-url", url, "--receipt-handle", first)
    cli(
        "sqs",
        "change-message-visibility",
        "--queue-url",
        url,
        "--receipt-handle",
        second,
        "--visibility-timeout",
        0,
    )
    found = cli("sqs", "get-queue-attributes", "--queue-url", url, "--attribute-names", "All")["Attributes"]
    assert (found["ApproximateNumberOfMessages"], found["VisibilityTimeout"]) == ("1", "60")
    cli("sqs", "purge-queue", "--queue-url", url)
    assert cli("sqs", "receive-message", "--queue-url", url) == ""
    assert cli("sqs", "list-queues", "--queue-name-prefix", name)["QueueUrls"] == [url]
    cli("sqs", "delete-queue", "--queue-url", url)
    error = cli("sqs", "get-queue-url", "--queue-name", name, expect=255)
    assert said("GetQueueUrl", "AWS.SimpleQueueService.NonExistentQueue") in error
    assert "The specified queue does not exist" in error


def test_dynamodb(cli, name):
    made = cli(
        "dynamodb",
        "create-table",
        "--table-name",
        name,
        "--billing-mode",
        "PAY_PER_REQUEST",
        "--key-schema",
        "AttributeName=id,KeyType=HASH",
        "--attribute-definitions",
        "AttributeName=id,AttributeType=S",
    )
    assert made["TableDescription"]["TableArn"] == f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}"
    cli("dynamodb", "wait", "table-exists", "--table-name", name)
    item = {"id": {"S": "a"}, "n": {"N": "1"}}
    put = ("dynamodb", "put-item", "--table-name", name, "--item", json.dumps(item))
    cli(*put, "--condition-expression", "attribute_not_exists(id)")
    error = cli(*put, "--condition-expression", "attribute_not_exists(id)", expect=255)
    assert said("PutItem", "ConditionalCheckFailedException") + ": The conditional request failed" in error
    assert cli("dynamodb", "get-item", "--table-name", name, "--key", '{"id": {"S": "a"}}')["Item"] == item
    changed = cli(
        "dynamodb",
        "update-item",
        "--table-name",
        name,
        "--key",
        '{"id": {"S": "a"}}',
        "--return-values",
        "ALL_NEW",
        "--update-expression",
        "SET n = n + :one",
        "--expression-attribute-values",
        '{":one": {"N": "1"}}',
    )
    assert changed["Attributes"]["n"] == {"N": "2"}
    requests = {name: [{"PutRequest": {"Item": {"id": {"S": str(number)}}}} for number in range(5)]}
    assert (
        cli("dynamodb", "batch-write-item", "--request-items", json.dumps(requests))["UnprocessedItems"] == {}
    )
    scanned = cli("dynamodb", "scan", "--table-name", name, "--page-size", 2)
    assert (scanned["Count"], len(scanned["Items"])) == (6, 6)
    queried = cli(
        "dynamodb",
        "query",
        "--table-name",
        name,
        "--key-condition-expression",
        "id = :id",
        "--expression-attribute-values",
        '{":id": {"S": "3"}}',
    )
    assert queried["Items"] == [{"id": {"S": "3"}}]
    write = [
        {
            "Delete": {
                "TableName": name,
                "Key": {"id": {"S": "a"}},
                "ConditionExpression": "attribute_not_exists(id)",
            }
        }
    ]
    error = cli("dynamodb", "transact-write-items", "--transact-items", json.dumps(write), expect=255)
    assert "please refer cancellation reasons for specific reasons [ConditionalCheckFailed]" in error
    cli("dynamodb", "delete-table", "--table-name", name)
    cli("dynamodb", "wait", "table-not-exists", "--table-name", name)


@pytest.fixture
def archive(tmp_path):
    source = "def handler(event, context):\n    print('got', event['n'], flush=True)\n    return {'double': event['n'] * 2}\n"
    path = tmp_path / "function.zip"
    path.write_bytes(code(source))
    return path


def test_lambda_and_logs(cli, name, archive, tmp_path):
    made = cli(
        "lambda",
        "create-function",
        "--function-name",
        name,
        "--runtime",
        "provided.al2023",
        "--handler",
        "bootstrap",
        "--role",
        ROLE,
        "--zip-file",
        f"fileb://{archive}",
        "--environment",
        "Variables={STAGE=test}",
        "--tags",
        "a=1",
    )
    assert (made["FunctionName"], made["CodeSha256"]) == (name, sha256_of(archive.read_bytes()))
    cli("lambda", "wait", "function-active-v2", "--function-name", name)
    out = tmp_path / "out.json"
    answer = cli("lambda", "invoke", "--function-name", name, "--payload", '{"n": 21}', out)
    assert answer == {"StatusCode": 200, "ExecutedVersion": "$LATEST"}
    assert json.loads(out.read_text()) == {"double": 42}
    answer = cli(
        "lambda",
        "invoke",
        "--function-name",
        name,
        "--payload",
        '{"n": 1}',
        "--invocation-type",
        "Event",
        out,
    )
    assert answer == {"StatusCode": 202}
    answer = cli("lambda", "invoke", "--function-name", name, "--invocation-type", "DryRun", out)
    assert answer == {"StatusCode": 204}
    cli(
        "lambda",
        "update-function-configuration",
        "--function-name",
        name,
        "--timeout",
        9,
        "--memory-size",
        256,
    )
    cli("lambda", "wait", "function-updated-v2", "--function-name", name)
    found = cli("lambda", "get-function", "--function-name", name)
    assert (found["Configuration"]["Timeout"], found["Configuration"]["MemorySize"], found["Tags"]) == (
        9,
        256,
        {"a": "1"},
    )
    cli("lambda", "update-function-code", "--function-name", name, "--zip-file", f"fileb://{archive}")
    assert name in cli("lambda", "list-functions", "--query", "Functions[].FunctionName")
    error = cli("lambda", "invoke", "--function-name", name, "--payload", "no json", out, expect=255)
    assert said("Invoke", "InvalidRequestContentException") in error

    group = f"/aws/lambda/{name}"

    def messages():
        events = cli("logs", "filter-log-events", "--log-group-name", group, "--filter-pattern", "got")[
            "events"
        ]
        found = sorted(one["message"].strip() for one in events)
        return found if len(found) == 2 else None

    assert wait_until(messages, "both lines are in the log") == ["got 1", "got 21"]
    assert (
        cli("logs", "describe-log-groups", "--log-group-name-prefix", group)["logGroups"][0]["logGroupName"]
        == group
    )
    stream = cli("logs", "describe-log-streams", "--log-group-name", group)["logStreams"][0]["logStreamName"]
    events = cli("logs", "get-log-events", "--log-group-name", group, "--log-stream-name", stream)["events"]
    assert any(one["message"].startswith("REPORT RequestId") for one in events)
    cli("lambda", "delete-function", "--function-name", name)
    error = cli("lambda", "get-function", "--function-name", name, expect=255)
    assert said("GetFunction", "ResourceNotFoundException") in error
    cli("logs", "delete-log-group", "--log-group-name", group)


def test_a_mapping_and_a_destination(cli, name, archive, tmp_path):
    cli(
        "lambda",
        "create-function",
        "--function-name",
        name,
        "--runtime",
        "provided.al2023",
        "--handler",
        "bootstrap",
        "--role",
        ROLE,
        "--zip-file",
        f"fileb://{archive}",
    )
    url = cli("sqs", "create-queue", "--queue-name", name)["QueueUrl"]
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    create = ("lambda", "create-event-source-mapping", "--function-name", name, "--event-source-arn", arn)
    mapping = cli(*create, "--batch-size", 1, "--no-enabled")
    error = cli(*create, expect=255)
    assert said("CreateEventSourceMapping", "ResourceConflictException") in error and mapping["UUID"] in error
    cli("lambda", "delete-event-source-mapping", "--uuid", mapping["UUID"])
    cli(
        "lambda",
        "put-function-event-invoke-config",
        "--function-name",
        name,
        "--destination-config",
        json.dumps({"OnSuccess": {"Destination": arn}}),
    )
    cli(
        "lambda",
        "invoke",
        "--function-name",
        name,
        "--invocation-type",
        "Event",
        "--payload",
        '{"n": 4}',
        tmp_path / "out",
    )
    received = cli("sqs", "receive-message", "--queue-url", url, "--wait-time-seconds", 10)["Messages"]
    record = json.loads(received[0]["Body"])
    assert (record["requestPayload"], record["responsePayload"]) == ({"n": 4}, {"double": 8})
    cli("lambda", "delete-function", "--function-name", name)


def test_what_is_not_served_says_so(cli):
    error = cli("iam", "list-roles", expect=255)
    assert said("ListRoles", "NotImplemented") in error
