"""S3 by boto3: uploads in parts, by hand and by boto3's TransferManager."""

import base64
import hashlib
import random
import zlib

import pytest
from boto3.s3.transfer import TransferConfig

from support import refused

MIB = 1024 * 1024
LEAST_PART = 5 * MIB


def data(size, seed=1):
    return random.Random(seed).randbytes(size)


def etag_of(parts):
    """The ETag of an object that was uploaded in parts: the MD5 of their MD5s, and how many."""
    md5s = b"".join(hashlib.md5(part).digest() for part in parts)
    return f'"{hashlib.md5(md5s).hexdigest()}-{len(parts)}"'


PARTS = [data(LEAST_PART, 1), data(LEAST_PART + 1, 2), data(100, 3)]


@pytest.fixture
def upload(s3, bucket):
    return begin(s3, bucket)


def begin(s3, bucket, key="big", **arguments):
    begun = s3.create_multipart_upload(Bucket=bucket, Key=key, **arguments)
    assert (begun["Bucket"], begun["Key"]) == (bucket, key)
    return {"Bucket": bucket, "Key": key, "UploadId": begun["UploadId"]}


def put_parts(s3, upload, parts=PARTS, **arguments):
    done = []
    for number, part in enumerate(parts, 1):
        answer = s3.upload_part(**upload, PartNumber=number, Body=part, **arguments)
        assert answer["ETag"] == f'"{hashlib.md5(part).hexdigest()}"'
        sums = {key: value for key, value in answer.items() if key in ("ChecksumCRC32", "ChecksumSHA256")}
        done.append({"PartNumber": number, "ETag": answer["ETag"], **sums})
    return done


def complete(s3, upload, parts, **arguments):
    return s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, **arguments)


def test_parts_become_one_object(s3, upload):
    done = put_parts(s3, upload)
    listed = s3.list_parts(**upload)
    assert [(one["PartNumber"], one["Size"], one["ETag"]) for one in listed["Parts"]] == [
        (one["PartNumber"], len(part), one["ETag"]) for one, part in zip(done, PARTS)
    ]
    with refused("NoSuchKey", status=404):
        s3.get_object(Bucket=upload["Bucket"], Key=upload["Key"])
    completed = complete(s3, upload, done)
    assert completed["ETag"] == etag_of(PARTS)
    got = s3.get_object(Bucket=upload["Bucket"], Key=upload["Key"])
    assert got["Body"].read() == b"".join(PARTS)
    assert got["ETag"] == etag_of(PARTS)
    second = s3.get_object(Bucket=upload["Bucket"], Key=upload["Key"], PartNumber=2)
    assert second["Body"].read() == PARTS[1]
    assert second["PartsCount"] == 3
    total = sum(map(len, PARTS))
    assert second["ContentRange"] == f"bytes {LEAST_PART}-{2 * LEAST_PART}/{total}"
    assert s3.list_multipart_uploads(Bucket=upload["Bucket"]).get("Uploads", []) == []


def test_parts_are_put_again_left_out_and_numbered_with_gaps(s3, upload):
    wanted = [data(LEAST_PART, 7), data(10, 8)]
    s3.upload_part(**upload, PartNumber=5, Body=data(LEAST_PART, 9))
    first = s3.upload_part(**upload, PartNumber=5, Body=wanted[0])
    s3.upload_part(**upload, PartNumber=7, Body=b"left out")
    last = s3.upload_part(**upload, PartNumber=10000, Body=wanted[1])
    parts = [{"PartNumber": 5, "ETag": first["ETag"]}, {"PartNumber": 10000, "ETag": last["ETag"]}]
    assert complete(s3, upload, parts)["ETag"] == etag_of(wanted)
    got = s3.get_object(Bucket=upload["Bucket"], Key=upload["Key"])["Body"].read()
    assert got == b"".join(wanted)


def test_parts_are_listed_in_pages(s3, upload):
    for number in range(1, 6):
        s3.upload_part(**upload, PartNumber=number, Body=b"x")
    pages = list(s3.get_paginator("list_parts").paginate(**upload, PaginationConfig={"PageSize": 2}))
    assert [[one["PartNumber"] for one in page["Parts"]] for page in pages] == [[1, 2], [3, 4], [5]]


def test_uploads_are_listed_in_pages_and_aborted(s3, bucket):
    uploads = [begin(s3, bucket, key) for key in ("logs/a", "logs/b", "logs/b", "logs/c", "other")]
    pages = s3.get_paginator("list_multipart_uploads").paginate(
        Bucket=bucket, Prefix="logs/", PaginationConfig={"PageSize": 2}
    )
    listed = [[one["Key"] for one in page["Uploads"]] for page in pages]
    assert listed == [["logs/a", "logs/b"], ["logs/b", "logs/c"]]
    for upload in uploads:
        s3.abort_multipart_upload(**upload)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
    text = "The specified upload does not exist. The upload ID may be invalid"
    with refused("NoSuchUpload", text, 404, s3.exceptions.NoSuchUpload):
        s3.abort_multipart_upload(**uploads[0])
    with refused("NoSuchUpload", text, 404):
        s3.upload_part(**uploads[0], PartNumber=1, Body=b"x")
    with refused("NoSuchUpload", text, 404):
        s3.list_parts(**uploads[0])


def test_what_cannot_be_completed_is_refused(s3, upload):
    small = [s3.upload_part(**upload, PartNumber=number, Body=b"too small")["ETag"] for number in (1, 2)]
    parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(small, 1)]
    with refused("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed", 400):
        complete(s3, upload, parts)
    with refused("InvalidPart", "One or more of the specified parts could not be found", 400):
        complete(s3, upload, [{"PartNumber": 1, "ETag": f'"{"0" * 32}"'}])
    with refused("InvalidPart", status=400):
        complete(s3, upload, [{"PartNumber": 3, "ETag": small[0]}])
    with refused("InvalidPartOrder", "The list of parts was not in ascending order", 400):
        complete(s3, upload, parts[::-1])
    with refused("MalformedXML", "The XML you provided was not well-formed", 400):
        complete(s3, upload, [])
    for number in (0, 10001):
        with refused("InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive", 400):
            s3.upload_part(**upload, PartNumber=number, Body=b"x")
    # None of it has ended the upload.
    assert complete(s3, upload, parts[:1])["ETag"] == etag_of([b"too small"])


def test_completing_can_be_conditional(s3, bucket):
    s3.put_object(Bucket=bucket, Key="big", Body=b"first")
    upload = begin(s3, bucket)
    done = put_parts(s3, upload, [b"second"])
    with refused("PreconditionFailed", status=412):
        complete(s3, upload, done, IfNoneMatch="*")
    assert s3.get_object(Bucket=bucket, Key="big")["Body"].read() == b"first"
    s3.abort_multipart_upload(**upload)
    s3.delete_object(Bucket=bucket, Key="big")
    # Begun after the delete: a delete meanwhile is a conflict on AWS.
    upload = begin(s3, bucket)
    done = put_parts(s3, upload, [b"second"])
    complete(s3, upload, done, IfNoneMatch="*")
    assert s3.get_object(Bucket=bucket, Key="big")["Body"].read() == b"second"


def test_checksums_of_parts_make_a_checksum_of_checksums(s3, bucket):
    upload = begin(s3, bucket, ChecksumAlgorithm="SHA256")
    done = put_parts(s3, upload, ChecksumAlgorithm="SHA256")
    completed = complete(s3, upload, done)
    sums = b"".join(hashlib.sha256(part).digest() for part in PARTS)
    expected = f"{base64.b64encode(hashlib.sha256(sums).digest()).decode()}-{len(PARTS)}"
    assert (completed["ChecksumSHA256"], completed["ChecksumType"]) == (expected, "COMPOSITE")
    head = s3.head_object(Bucket=bucket, Key="big", ChecksumMode="ENABLED")
    assert (head["ChecksumSHA256"], head["ChecksumType"]) == (expected, "COMPOSITE")


def test_a_checksum_of_the_whole_object_is_checked(s3, bucket):
    whole = base64.b64encode(zlib.crc32(b"".join(PARTS)).to_bytes(4, "big")).decode()
    upload = begin(s3, bucket, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
    done = put_parts(s3, upload, ChecksumAlgorithm="CRC32")
    with refused("BadDigest", "did not match", 400):
        complete(s3, upload, done, ChecksumType="FULL_OBJECT", ChecksumCRC32="AAAAAA==")
    completed = complete(s3, upload, done, ChecksumType="FULL_OBJECT", ChecksumCRC32=whole)
    assert (completed["ChecksumCRC32"], completed["ChecksumType"]) == (whole, "FULL_OBJECT")


def test_a_part_with_a_wrong_checksum_is_refused(s3, upload):
    with refused("BadDigest", "did not match", 400):
        s3.upload_part(**upload, PartNumber=1, Body=b"part", ChecksumCRC32="AAAAAA==")
    assert "Parts" not in s3.list_parts(**upload)


def test_the_transfer_manager_takes_20_mb_there_and_back(s3, bucket, tmp_path):
    content = data(20 * 1000 * 1000)
    (tmp_path / "up").write_bytes(content)
    steps = []
    config = TransferConfig(multipart_threshold=8 * MIB, multipart_chunksize=8 * MIB, max_concurrency=4)
    s3.upload_file(
        str(tmp_path / "up"),
        bucket,
        "big",
        ExtraArgs={"ContentType": "text/plain", "Metadata": {"a": "b"}},
        Callback=steps.append,
        Config=config,
    )
    assert sum(steps) == len(content)
    head = s3.head_object(Bucket=bucket, Key="big")
    chunks = [content[start : start + 8 * MIB] for start in range(0, len(content), 8 * MIB)]
    assert head["ETag"] == etag_of(chunks)
    assert (head["ContentLength"], head["ContentType"], head["Metadata"]) == (
        len(content),
        "text/plain",
        {"a": "b"},
    )
    s3.download_file(bucket, "big", str(tmp_path / "down"), Config=config)
    assert (tmp_path / "down").read_bytes() == content
