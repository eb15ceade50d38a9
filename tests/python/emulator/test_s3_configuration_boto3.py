"""S3 by boto3: notification configurations and the documents of a bucket."""

import json

import pytest

from support import ACCOUNT, REGION, refused

CREATED = "s3:ObjectCreated:*"


def rule(arn, events=(CREATED,), prefix=None, suffix=None, **fields):
    rules = [
        {"Name": name, "Value": value} for name, value in (("prefix", prefix), ("suffix", suffix)) if value
    ]
    filters = {"Filter": {"Key": {"FilterRules": rules}}} if rules else {}
    return {"LambdaFunctionArn": arn, "Events": list(events), **filters, **fields}


def put(s3, bucket, *rules, **arguments):
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"LambdaFunctionConfigurations": list(rules)}, **arguments
    )


def rules_of(s3, bucket):
    return s3.get_bucket_notification_configuration(Bucket=bucket).get("LambdaFunctionConfigurations", [])


@pytest.fixture
def arn(request, functions, bucket):
    """A function that S3 may invoke for the bucket."""
    client = request.getfixturevalue("lambda")
    name = functions.create()
    client.add_permission(
        FunctionName=name,
        StatementId="s3",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn=f"arn:aws:s3:::{bucket}",
        SourceAccount=ACCOUNT,
    )
    return client.get_function(FunctionName=name)["Configuration"]["FunctionArn"]


# aws-behaviours S8
def test_a_notification_configuration_is_replaced_as_a_whole(s3, bucket, arn):
    logs = rule(arn, prefix="logs/", suffix=".json", Id="logs")
    other = rule(arn, prefix="other/", events=["s3:ObjectCreated:Put", "s3:ObjectRemoved:*"], Id="other")
    put(s3, bucket, logs, other)
    first, second = sorted(rules_of(s3, bucket), key=lambda one: one["Id"])
    assert (first["Id"], first["LambdaFunctionArn"], first["Events"]) == ("logs", arn, [CREATED])
    filters = {one["Name"].lower(): one["Value"] for one in first["Filter"]["Key"]["FilterRules"]}
    assert filters == {"prefix": "logs/", "suffix": ".json"}
    assert sorted(second["Events"]) == ["s3:ObjectCreated:Put", "s3:ObjectRemoved:*"]
    # aws-behaviours S8
    put(s3, bucket, rule(arn, prefix="new/"))
    (only,) = rules_of(s3, bucket)
    assert only["Id"], "a rule without an id gets one"
    put(s3, bucket)
    assert rules_of(s3, bucket) == []


# aws-behaviours S9
def test_a_function_must_be_there_and_let_itself_be_invoked(s3, bucket, functions):
    text = "Unable to validate the following destination configurations"
    absent = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{functions.name}-absent"
    # aws-behaviours S9
    with refused("InvalidArgument", text, 400):
        put(s3, bucket, rule(absent))
    name = functions.create()
    arn = functions.client.get_function(FunctionName=name)["Configuration"]["FunctionArn"]
    with refused("InvalidArgument", text, 400):
        put(s3, bucket, rule(arn))
    permission = {"FunctionName": name, "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}
    functions.client.add_permission(
        **permission, StatementId="other", SourceArn="arn:aws:s3:::another-bucket"
    )
    with refused("InvalidArgument", text, 400):
        put(s3, bucket, rule(arn))
    assert rules_of(s3, bucket) == []
    functions.client.add_permission(**permission, StatementId="this", SourceArn=f"arn:aws:s3:::{bucket}")
    put(s3, bucket, rule(arn))
    assert len(rules_of(s3, bucket)) == 1


def test_the_check_of_destinations_can_be_skipped(s3, bucket, name):
    absent = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
    put(s3, bucket, rule(absent), SkipDestinationValidation=True)
    assert [one["LambdaFunctionArn"] for one in rules_of(s3, bucket)] == [absent]


# aws-behaviours S10
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {}),
        ({"prefix": "logs/"}, {"prefix": "logs/2026/"}),
        ({"prefix": "logs/"}, {"suffix": ".gz"}),
        ({"suffix": ".gz"}, {"suffix": ".json.gz"}),
        ({}, {"events": ["s3:ObjectCreated:Put"]}),
    ],
)
def test_overlapping_rules_are_refused(s3, bucket, arn, first, second):
    # aws-behaviours S10; with filters AWS has other words for it.
    if "prefix" in {**first, **second} or "suffix" in {**first, **second}:
        text = (
            "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the prefixes "
            "are overlapping for the same event type."
        )
    else:
        text = "Configurations overlap. Configurations on the same bucket cannot share a common event type."
    with refused("InvalidArgument", text, 400):
        put(s3, bucket, rule(arn, **first), rule(arn, **second))
    assert rules_of(s3, bucket) == []


def test_unknown_events_and_equal_ids_are_refused(s3, bucket, arn):
    with refused("InvalidArgument", "is not supported for notifications", 400):
        put(s3, bucket, rule(arn, events=["s3:ObjectRead:*"]))
    with refused("InvalidArgument", status=400):
        put(s3, bucket, rule(arn, prefix="a/", Id="same"), rule(arn, prefix="b/", Id="same"))
    with refused("NoSuchBucket", status=404):
        put(s3, f"{bucket}-no", rule(arn))
    assert rules_of(s3, bucket) == []


POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::x/*"}],
}
BLOCK = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}
LIFECYCLE = {
    "Rules": [{"ID": "old", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 30}}]
}


def test_a_new_bucket_is_private_encrypted_and_owned(s3, bucket):
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == BLOCK
    rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    assert s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"] == [
        {"ObjectOwnership": "BucketOwnerEnforced"}
    ]
    with refused("AccessControlListNotSupported", "The bucket does not allow ACLs", 400):
        s3.put_object(Bucket=bucket, Key="a", ACL="public-read")


def test_the_documents_of_a_bucket_are_kept(s3, bucket):
    with refused("NoSuchBucketPolicy", "The bucket policy does not exist", 404):
        s3.get_bucket_policy(Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(POLICY))
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"]) == POLICY
    s3.delete_bucket_policy(Bucket=bucket)
    with refused("NoSuchBucketPolicy", status=404):
        s3.get_bucket_policy(Bucket=bucket)

    with refused("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist", 404):
        s3.get_bucket_lifecycle_configuration(Bucket=bucket)
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration=LIFECYCLE)
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == LIFECYCLE["Rules"]
    s3.delete_bucket_lifecycle(Bucket=bucket)
    with refused("NoSuchLifecycleConfiguration", status=404):
        s3.get_bucket_lifecycle_configuration(Bucket=bucket)

    s3.delete_public_access_block(Bucket=bucket)
    with refused(
        "NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found", 404
    ):
        s3.get_public_access_block(Bucket=bucket)
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=BLOCK)
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == BLOCK


def test_a_policy_must_be_json(s3, bucket):
    with refused("MalformedPolicy", status=400):
        s3.put_bucket_policy(Bucket=bucket, Policy="not json")
