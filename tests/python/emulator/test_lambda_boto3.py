"""Lambda's control plane by boto3: functions, their settings, policies, tags, concurrency."""

import json

import pytest

from functions import ECHO, code, sha256_of
from support import ACCOUNT, REGION, ROLE, refused


@pytest.fixture
def client(functions):
    return functions.client


def arn_of(name):
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"


def not_found(name):
    return f"Function not found: {arn_of(name)}"


def test_a_function_is_made_described_and_deleted(functions, client):
    archive = code()
    name = functions.create(
        archive=archive,
        Description="echoes",
        MemorySize=256,
        Environment={"Variables": {"STAGE": "test"}},
        Tags={"stack": "s"},
    )
    found = client.get_function(FunctionName=name)
    configuration = found["Configuration"]
    alone = client.get_function_configuration(FunctionName=name)
    del alone["ResponseMetadata"]
    assert alone == configuration
    expected = {
        "FunctionName": name,
        "FunctionArn": arn_of(name),
        "Runtime": "provided.al2023",
        "Role": ROLE,
        "Handler": "bootstrap",
        "CodeSize": len(archive),
        "CodeSha256": sha256_of(archive),
        "Description": "echoes",
        "Timeout": 10,
        "MemorySize": 256,
        "Version": "$LATEST",
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "Environment": {"Variables": {"STAGE": "test"}},
        "EphemeralStorage": {"Size": 512},
    }
    assert {key: configuration.get(key) for key in expected} == expected
    assert found["Tags"] == {"stack": "s"}
    assert found["Code"]["RepositoryType"] == "S3"
    # By its ARN, too.
    assert client.get_function(FunctionName=arn_of(name))["Configuration"] == configuration
    answer = client.delete_function(FunctionName=name)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    gone = client.exceptions.ResourceNotFoundException
    for call in (client.get_function, client.delete_function, client.invoke):
        with refused("ResourceNotFoundException", not_found(name), 404, gone):
            call(FunctionName=name)


def test_defaults(functions, client, name):
    client.create_function(
        FunctionName=name, Runtime="provided.al2023", Handler="bootstrap", Role=ROLE, Code={"ZipFile": code()}
    )
    functions.made.append(name)
    found = client.get_function_configuration(FunctionName=name)
    assert (found["Timeout"], found["MemorySize"], found["Description"]) == (3, 128, "")
    assert found["Architectures"] == ["x86_64"]
    assert found["TracingConfig"] == {"Mode": "PassThrough"}


def test_functions_are_listed_in_pages(functions, client):
    names = {functions.create(name=f"{functions.name}-{letter}") for letter in "abc"}
    pages = list(client.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2}))
    assert len(pages) > 1 and max(len(page["Functions"]) for page in pages) == 2
    assert names <= {one["FunctionName"] for page in pages for one in page["Functions"]}


# aws-behaviours L6
def test_a_name_is_taken_once(functions, client):
    name = functions.create()
    # aws-behaviours L6
    with refused(
        "ResourceConflictException",
        f"Function already exist: {name}",
        409,
        client.exceptions.ResourceConflictException,
    ):
        functions.create(name=name)


# aws-behaviours L9
def test_the_configuration_is_updated(functions, client):
    name = functions.create(Environment={"Variables": {"AA": "1", "BB": "2"}})
    before = client.get_function_configuration(FunctionName=name)
    client.update_function_configuration(FunctionName=name, Timeout=20, MemorySize=512, Description="new")
    client.get_waiter("function_updated_v2").wait(FunctionName=name)
    after = client.get_function_configuration(FunctionName=name)
    assert (after["Timeout"], after["MemorySize"], after["Description"]) == (20, 512, "new")
    assert after["Environment"] == before["Environment"] and after["CodeSha256"] == before["CodeSha256"]
    assert after["RevisionId"] != before["RevisionId"]
    # aws-behaviours L9: the whole map is replaced.
    client.update_function_configuration(FunctionName=name, Environment={"Variables": {"CC": "3"}})
    assert client.get_function_configuration(FunctionName=name)["Environment"] == {"Variables": {"CC": "3"}}
    source = "def handler(event, context):\n    return {k: os.environ.get(k) for k in ('AA', 'CC')}\n"
    client.update_function_code(FunctionName=name, ZipFile=code(source))
    client.get_waiter("function_updated_v2").wait(FunctionName=name)
    assert functions.invoke(name)["Payload"] == {"AA": None, "CC": "3"}
    with refused("ResourceNotFoundException", not_found(f"{name}-no"), 404):
        client.update_function_configuration(FunctionName=f"{name}-no", Timeout=20)


# aws-behaviours L10
def test_the_code_is_updated(functions, client):
    name = functions.create(ECHO)
    assert functions.invoke(name, {"n": 1})["Payload"] == {"n": 1}
    second = code("def handler(event, context):\n    return 'second'\n")
    dry = client.update_function_code(FunctionName=name, ZipFile=second, DryRun=True)
    assert dry["CodeSha256"] == sha256_of(second)
    assert functions.invoke(name, {"n": 2})["Payload"] == {"n": 2}
    updated = client.update_function_code(FunctionName=name, ZipFile=second)
    # aws-behaviours L10
    assert (updated["CodeSha256"], updated["CodeSize"]) == (sha256_of(second), len(second))
    client.get_waiter("function_updated_v2").wait(FunctionName=name)
    assert functions.invoke(name)["Payload"] == "second"


# aws-behaviours L11
def test_permissions(functions, client):
    name = functions.create()
    absent = "The resource you requested does not exist."
    with refused("ResourceNotFoundException", absent, 404):
        client.get_policy(FunctionName=name)
    permission = {
        "FunctionName": name,
        "StatementId": "s3",
        "Action": "lambda:InvokeFunction",
        "Principal": "s3.amazonaws.com",
    }
    added = client.add_permission(**permission, SourceArn="arn:aws:s3:::bucket", SourceAccount=ACCOUNT)
    statement = {
        "Sid": "s3",
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": arn_of(name),
        "Condition": {
            "StringEquals": {"AWS:SourceAccount": ACCOUNT},
            "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::bucket"},
        },
    }
    assert json.loads(added["Statement"]) == statement
    assert json.loads(client.get_policy(FunctionName=name)["Policy"])["Statement"] == [statement]
    # aws-behaviours L11
    text = "The statement id (s3) provided already exists. Please provide a new statement id, or remove the existing statement."
    with refused("ResourceConflictException", text, 409):
        client.add_permission(**permission)
    with refused("ResourceNotFoundException", "Statement other is not found in resource policy.", 404):
        client.remove_permission(FunctionName=name, StatementId="other")
    client.remove_permission(FunctionName=name, StatementId="s3")
    with refused("ResourceNotFoundException", absent, 404):
        client.get_policy(FunctionName=name)


def test_settings_of_asynchronous_invocations(functions, client, queue, sqs):
    name = functions.create()
    absent = f"The function {arn_of(name)}:$LATEST doesn't have an EventInvokeConfig"
    with refused("ResourceNotFoundException", absent, 404):
        client.get_function_event_invoke_config(FunctionName=name)
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    put = client.put_function_event_invoke_config(
        FunctionName=name, MaximumRetryAttempts=1, DestinationConfig={"OnFailure": {"Destination": arn}}
    )
    assert (put["FunctionArn"], put["MaximumRetryAttempts"]) == (f"{arn_of(name)}:$LATEST", 1)
    assert put["DestinationConfig"]["OnFailure"] == {"Destination": arn}
    client.update_function_event_invoke_config(FunctionName=name, MaximumEventAgeInSeconds=60)
    found = client.get_function_event_invoke_config(FunctionName=name)
    assert (found["MaximumRetryAttempts"], found["MaximumEventAgeInSeconds"]) == (1, 60)
    assert found["DestinationConfig"]["OnFailure"] == {"Destination": arn}
    listed = client.list_function_event_invoke_configs(FunctionName=name)["FunctionEventInvokeConfigs"]
    assert [one["MaximumRetryAttempts"] for one in listed] == [1]
    # A put replaces all.
    client.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=0)
    found = client.get_function_event_invoke_config(FunctionName=name)
    assert "MaximumEventAgeInSeconds" not in found and found["DestinationConfig"]["OnFailure"] == {}
    client.delete_function_event_invoke_config(FunctionName=name)
    with refused("ResourceNotFoundException", absent, 404):
        client.delete_function_event_invoke_config(FunctionName=name)


def test_a_destination_must_be_there(functions, client):
    name = functions.create()
    missing = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}-absent"
    with refused("InvalidParameterValueException", f"The destination ARN {missing} is invalid", 400):
        client.put_function_event_invoke_config(
            FunctionName=name, DestinationConfig={"OnFailure": {"Destination": missing}}
        )


# aws-behaviours L16
def test_reserved_concurrency(functions, client):
    name = functions.create()
    assert "ReservedConcurrentExecutions" not in client.get_function_concurrency(FunctionName=name)
    unreserved = client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    # aws-behaviours L16
    text = "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100]."
    with refused("InvalidParameterValueException", text, 400):
        client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=unreserved)
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=5)
    assert client.get_function_concurrency(FunctionName=name)["ReservedConcurrentExecutions"] == 5
    assert client.get_function(FunctionName=name)["Concurrency"] == {"ReservedConcurrentExecutions": 5}
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    kind = client.exceptions.TooManyRequestsException
    with refused("TooManyRequestsException", "Rate Exceeded.", 429, kind) as caught:
        functions.invoke(name)
    assert caught.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    client.delete_function_concurrency(FunctionName=name)
    assert functions.invoke(name, {"n": 1})["Payload"] == {"n": 1}


def test_functions_have_tags(functions, client):
    name = functions.create(Tags={"a": "1", "b": "2"})
    arn = arn_of(name)
    client.tag_resource(Resource=arn, Tags={"b": "3", "c": "ä"})
    client.untag_resource(Resource=arn, TagKeys=["a"])
    assert client.list_tags(Resource=arn)["Tags"] == {"b": "3", "c": "ä"}
    with refused("ResourceNotFoundException", status=404):
        client.list_tags(Resource=f"{arn}-absent")


def test_what_is_not_served_says_so(functions, client):
    name = functions.create()
    with refused("NotImplemented", "PublishVersion", 501):
        client.publish_version(FunctionName=name)
    with refused("NotImplemented", "CreateAlias", 501):
        client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    with refused("NotImplemented", "python3.13", 501):
        functions.create(name=f"{name}-b", Runtime="python3.13")
