"""S3 by boto3: lists in pages, deleting many at once, versions, tags."""

import hashlib

import pytest

from support import refused

KEYS = [f"logs/{day:02}/{hour}.json" for day in range(1, 6) for hour in "abc"] + ["readme", "ä ö+ü&<x>"]


def put_all(s3, bucket, keys=KEYS):
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())


def keys_of(page, field="Contents"):
    return [one["Key"] for one in page.get(field, [])]


@pytest.mark.parametrize("operation", ["list_objects_v2", "list_objects"])
def test_lists_come_in_pages_and_in_order(s3, bucket, operation):
    put_all(s3, bucket)
    pages = list(s3.get_paginator(operation).paginate(Bucket=bucket, PaginationConfig={"PageSize": 7}))
    assert [len(page["Contents"]) for page in pages] == [7, 7, 3]
    assert [page["IsTruncated"] for page in pages] == [True, True, False]
    assert [key for page in pages for key in keys_of(page)] == sorted(KEYS, key=str.encode)
    first = pages[0]["Contents"][0]
    assert first["Size"] == len(first["Key"]) and first["StorageClass"] == "STANDARD"
    assert first["ETag"] == f'"{hashlib.md5(first["Key"].encode()).hexdigest()}"'


@pytest.mark.parametrize("operation", ["list_objects_v2", "list_objects"])
def test_a_delimiter_makes_folders_that_count_for_the_page(s3, bucket, operation):
    put_all(s3, bucket)
    pages = s3.get_paginator(operation).paginate(
        Bucket=bucket, Prefix="logs/", Delimiter="/", PaginationConfig={"PageSize": 2}
    )
    folders = [[one["Prefix"] for one in page["CommonPrefixes"]] for page in pages]
    assert folders == [["logs/01/", "logs/02/"], ["logs/03/", "logs/04/"], ["logs/05/"]]
    top = s3.list_objects_v2(Bucket=bucket, Delimiter="/")
    assert [one["Prefix"] for one in top["CommonPrefixes"]] == ["logs/"]
    assert (keys_of(top), top["KeyCount"]) == (["readme", "ä ö+ü&<x>"], 3)


def test_lists_begin_where_they_are_told_to(s3, bucket):
    put_all(s3, bucket, ["a", "b", "c", "d"])
    assert keys_of(s3.list_objects_v2(Bucket=bucket, StartAfter="b")) == ["c", "d"]
    assert keys_of(s3.list_objects(Bucket=bucket, Marker="b")) == ["c", "d"]
    assert keys_of(s3.list_objects_v2(Bucket=bucket, Prefix="b")) == ["b"]
    nothing = s3.list_objects_v2(Bucket=bucket, MaxKeys=0)
    assert (keys_of(nothing), nothing["KeyCount"], nothing["IsTruncated"]) == ([], 0, False)
    assert "Owner" not in s3.list_objects_v2(Bucket=bucket)["Contents"][0]
    assert s3.list_objects_v2(Bucket=bucket, FetchOwner=True)["Contents"][0]["Owner"]["ID"]
    with refused("InvalidArgument", "The continuation token provided is incorrect", 400):
        s3.list_objects_v2(Bucket=bucket, ContinuationToken="made up")


def test_many_are_deleted_and_some_are_refused(s3, bucket):
    put_all(s3, bucket, ["a", "b", "c"])
    etag = s3.head_object(Bucket=bucket, Key="a")["ETag"]
    objects = [{"Key": "a", "ETag": etag}, {"Key": "b", "ETag": etag}, {"Key": "c"}, {"Key": "absent"}]
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects})
    assert sorted(keys_of(answer, "Deleted")) == ["a", "absent", "c"]
    (error,) = answer["Errors"]
    assert (error["Key"], error["Code"]) == ("b", "PreconditionFailed")
    assert "At least one of the pre-conditions you specified did not hold" in error["Message"]
    assert keys_of(s3.list_objects_v2(Bucket=bucket)) == ["b"]
    quiet = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "b"}], "Quiet": True})
    assert "Deleted" not in quiet and "Errors" not in quiet
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_at_most_a_thousand_are_deleted_at_once(s3, bucket):
    put_all(s3, bucket, ["kept"])
    too_many = [{"Key": f"k{number}"} for number in range(1000)] + [{"Key": "kept"}]
    with refused("MalformedXML", "The XML you provided was not well-formed", 400):
        s3.delete_objects(Bucket=bucket, Delete={"Objects": too_many})
    # The refusal of an empty list comes from the wire library, which gives it no words.
    with refused("MalformedXML", status=400):
        s3.delete_objects(Bucket=bucket, Delete={"Objects": []})
    assert keys_of(s3.list_objects_v2(Bucket=bucket)) == ["kept"]
    assert len(s3.delete_objects(Bucket=bucket, Delete={"Objects": too_many[1:]})["Deleted"]) == 1000


def versioned(s3, bucket, status="Enabled"):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})


def test_every_version_is_kept(s3, bucket):
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    versioned(s3, bucket)
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    ids = [s3.put_object(Bucket=bucket, Key="a", Body=text)["VersionId"] for text in (b"1", b"2")]
    assert len(set(ids)) == 2
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"2"
    old = s3.get_object(Bucket=bucket, Key="a", VersionId=ids[0])
    assert (old["Body"].read(), old["VersionId"]) == (b"1", ids[0])

    marker = s3.delete_object(Bucket=bucket, Key="a")
    assert marker["DeleteMarker"] is True
    with refused("NoSuchKey", status=404) as caught:
        s3.get_object(Bucket=bucket, Key="a")
    headers = caught.value.response["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amz-delete-marker"] == "true"
    assert headers["x-amz-version-id"] == marker["VersionId"]
    with refused("MethodNotAllowed", "The specified method is not allowed against this resource.", 405):
        s3.get_object(Bucket=bucket, Key="a", VersionId=marker["VersionId"])
    listed = s3.list_object_versions(Bucket=bucket)
    assert [(one["VersionId"], one["IsLatest"]) for one in listed["Versions"]] == [
        (ids[1], False),
        (ids[0], False),
    ]
    assert [(one["VersionId"], one["IsLatest"]) for one in listed["DeleteMarkers"]] == [
        (marker["VersionId"], True)
    ]

    gone = s3.delete_object(Bucket=bucket, Key="a", VersionId=marker["VersionId"])
    assert gone["DeleteMarker"] is True and gone["VersionId"] == marker["VersionId"]
    assert s3.get_object(Bucket=bucket, Key="a")["VersionId"] == ids[1]
    s3.delete_object(Bucket=bucket, Key="a", VersionId=ids[1])
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"1"
    with refused("NoSuchVersion", "The specified version does not exist.", 404):
        s3.get_object(Bucket=bucket, Key="a", VersionId=ids[1])


def test_versions_are_listed_in_pages_and_deleted(s3, bucket):
    versioned(s3, bucket)
    for key in ("a", "b"):
        for _ in range(3):
            s3.put_object(Bucket=bucket, Key=key, Body=b"x")
        s3.delete_object(Bucket=bucket, Key=key)
    everything = []
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, PaginationConfig={"PageSize": 3})
    for page in pages:
        here = page.get("Versions", []) + page.get("DeleteMarkers", [])
        assert len(here) <= 3
        everything += [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in here]
    assert len({one["VersionId"] for one in everything}) == 8
    with refused("BucketNotEmpty", "You must delete all versions in the bucket.", 409):
        s3.delete_bucket(Bucket=bucket)
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": everything})
    assert len(answer["Deleted"]) == 8 and "Errors" not in answer
    assert sum(1 for one in answer["Deleted"] if one.get("DeleteMarker")) == 2
    s3.delete_bucket(Bucket=bucket)


def test_a_suspended_bucket_has_one_null_version(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"before")
    versioned(s3, bucket)
    kept = s3.put_object(Bucket=bucket, Key="a", Body=b"kept")["VersionId"]
    versioned(s3, bucket, "Suspended")
    for text in (b"first", b"last"):
        s3.put_object(Bucket=bucket, Key="a", Body=text)
    listed = s3.list_object_versions(Bucket=bucket)["Versions"]
    assert [one["VersionId"] for one in listed] == ["null", kept]
    assert s3.get_object(Bucket=bucket, Key="a", VersionId="null")["Body"].read() == b"last"


def test_objects_have_tags(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"x", Tagging="k=v%20w")
    assert s3.get_object_tagging(Bucket=bucket, Key="a")["TagSet"] == [{"Key": "k", "Value": "v w"}]
    tags = [{"Key": f"k{number}", "Value": "ä"} for number in range(10)]
    s3.put_object_tagging(Bucket=bucket, Key="a", Tagging={"TagSet": tags})
    assert s3.get_object_tagging(Bucket=bucket, Key="a")["TagSet"] == tags
    with refused("BadRequest", "Object tags cannot be greater than 10", 400):
        s3.put_object_tagging(Bucket=bucket, Key="a", Tagging={"TagSet": tags + [{"Key": "l", "Value": ""}]})
    with refused("InvalidTag", "Cannot provide multiple Tags with the same key", 400):
        s3.put_object_tagging(Bucket=bucket, Key="a", Tagging={"TagSet": tags[:1] * 2})
    with refused("InvalidTag", status=400):
        s3.put_object_tagging(Bucket=bucket, Key="a", Tagging={"TagSet": [{"Key": "k" * 129, "Value": ""}]})
    s3.delete_object_tagging(Bucket=bucket, Key="a")
    assert s3.get_object_tagging(Bucket=bucket, Key="a")["TagSet"] == []
    with refused("NoSuchKey", status=404):
        s3.get_object_tagging(Bucket=bucket, Key="absent")


# aws-behaviours S18
def test_buckets_have_tags(s3, bucket):
    with refused("NoSuchTagSet", "The TagSet does not exist", 404):
        s3.get_bucket_tagging(Bucket=bucket)
    for tags in ([{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}], [{"Key": "c", "Value": "3"}]):
        # aws-behaviours S18: the whole set is replaced.
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
        assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags
    s3.delete_bucket_tagging(Bucket=bucket)
    with refused("NoSuchTagSet", status=404):
        s3.get_bucket_tagging(Bucket=bucket)
