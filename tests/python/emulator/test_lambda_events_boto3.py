"""Functions that are invoked asynchronously, by boto3: retries, destinations, events of S3."""

import json
import time
import urllib.parse
import uuid

import pytest

from queues import arn_of, take
from support import ACCOUNT, REGION

# Fails as often as the event says, and then works; counts in a file, as environments come and go.
FLAKY = """
def handler(event, context):
    with open(event["count"], "a") as file:
        file.write("x")
    if os.path.getsize(event["count"]) <= event["failures"]:
        raise RuntimeError("not yet")
    return {"tries": os.path.getsize(event["count"])}
"""


def function_arn(name):
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"


@pytest.fixture
def client(functions):
    return functions.client


@pytest.fixture
def flaky(functions, client, sqs, queue):
    """A function whose outcomes go to the queue."""
    name = functions.create(FLAKY)
    destination = {"Destination": arn_of(sqs, queue)}
    client.put_function_event_invoke_config(
        FunctionName=name, DestinationConfig={"OnSuccess": destination, "OnFailure": destination}
    )
    return name


def accept(client, name, event):
    answer = client.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event))
    assert (answer["StatusCode"], answer["Payload"].read()) == (202, b"")
    return answer["ResponseMetadata"]["RequestId"]


def record_of(sqs, queue):
    (message,) = take(sqs, queue, 1)
    return json.loads(message["Body"])


# aws-behaviours L21
def test_a_failure_that_stays_ends_at_the_destination(client, sqs, queue, flaky, tmp_path):
    event = {"count": str(tmp_path / "count"), "failures": 99}
    accept(client, flaky, event)
    record = record_of(sqs, queue)
    assert uuid.UUID(record["requestContext"].pop("requestId"))
    timestamp = record.pop("timestamp")
    assert (
        abs(time.mktime(time.strptime(timestamp[:19], "%Y-%m-%dT%H:%M:%S")) - time.mktime(time.gmtime())) < 60
    )
    assert record == {
        "version": "1.0",
        "requestContext": {
            "functionArn": f"{function_arn(flaky)}:$LATEST",
            "condition": "RetriesExhausted",
            # aws-behaviours L21: two retries.
            "approximateInvokeCount": 3,
        },
        "requestPayload": event,
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "responsePayload": {"errorMessage": "not yet", "errorType": "RuntimeError", "stackTrace": []},
    }
    assert (tmp_path / "count").read_text() == "xxx"


@pytest.mark.parametrize("failures", [0, 2])
def test_a_success_at_last_is_told_as_well(client, sqs, queue, flaky, tmp_path, failures):
    event = {"count": str(tmp_path / "count"), "failures": failures}
    accept(client, flaky, event)
    record = record_of(sqs, queue)
    assert uuid.UUID(record["requestContext"].pop("requestId"))
    assert record["requestContext"] == {
        "functionArn": f"{function_arn(flaky)}:$LATEST",
        "condition": "Success",
        "approximateInvokeCount": failures + 1,
    }
    assert record["requestPayload"] == event
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST"}
    assert record["responsePayload"] == {"tries": failures + 1}


def test_the_answer_names_the_invocation(client, sqs, queue, flaky, tmp_path):
    request_id = accept(client, flaky, {"count": str(tmp_path / "count"), "failures": 0})
    assert record_of(sqs, queue)["requestContext"]["requestId"] == request_id


# aws-behaviours L21
def test_retries_are_as_many_as_asked_for(client, sqs, queue, flaky, tmp_path):
    client.update_function_event_invoke_config(FunctionName=flaky, MaximumRetryAttempts=0)
    accept(client, flaky, {"count": str(tmp_path / "count"), "failures": 99})
    context = record_of(sqs, queue)["requestContext"]
    assert (context["condition"], context["approximateInvokeCount"]) == ("RetriesExhausted", 1)
    assert (tmp_path / "count").read_text() == "x"


def test_a_timeout_and_a_crash_are_failures_too(functions, client, sqs, queue):
    source = "def handler(event, context):\n    if event['wait']: time.sleep(60)\n    os._exit(4)\n"
    name = functions.create(source, Timeout=1)
    client.put_function_event_invoke_config(
        FunctionName=name,
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": arn_of(sqs, queue)}},
    )
    accept(client, name, {"wait": True})
    record = record_of(sqs, queue)
    request_id = record["requestContext"]["requestId"]
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert record["responsePayload"] == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {request_id} Error: Task timed out after 1.00 seconds",
    }
    accept(client, name, {"wait": False})
    assert record_of(sqs, queue)["responsePayload"]["errorType"] == "Runtime.ExitError"


# aws-behaviours S13
def test_an_event_of_s3(functions, client, s3, sqs, queue, bucket):
    name = functions.create()
    client.put_function_event_invoke_config(
        FunctionName=name, DestinationConfig={"OnSuccess": {"Destination": arn_of(sqs, queue)}}
    )
    client.add_permission(
        FunctionName=name,
        StatementId="s3",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn=f"arn:aws:s3:::{bucket}",
    )
    rule = {
        "Id": "mine",
        "LambdaFunctionArn": function_arn(name),
        "Events": ["s3:ObjectCreated:*"],
        "Filter": {
            "Key": {
                "FilterRules": [{"Name": "prefix", "Value": "logs/"}, {"Name": "suffix", "Value": ".json"}]
            }
        },
    }
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"LambdaFunctionConfigurations": [rule]}
    )
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    key = "logs/a b+ü.json"
    for other in ("other/a.json", "logs/a.txt"):
        s3.put_object(Bucket=bucket, Key=other, Body=b"x")
    put = s3.put_object(Bucket=bucket, Key=key, Body=b"{}")
    s3.delete_object(Bucket=bucket, Key=key)
    (event,) = record_of(sqs, queue)["requestPayload"]["Records"]
    assert (event["eventSource"], event["eventName"], event["awsRegion"]) == (
        "aws:s3",
        "ObjectCreated:Put",
        REGION,
    )
    assert event["eventVersion"].startswith("2.")
    named = event["s3"]
    assert (named["configurationId"], named["bucket"]["name"]) == ("mine", bucket)
    assert named["bucket"]["arn"] == f"arn:aws:s3:::{bucket}"
    # aws-behaviours S13
    assert named["object"]["key"] == urllib.parse.quote_plus(key, safe="/")
    assert named["object"]["size"] == 2
    assert named["object"]["eTag"] == put["ETag"].strip('"')
    assert named["object"]["versionId"] == put["VersionId"]
    assert int(named["object"]["sequencer"], 16) > 0
