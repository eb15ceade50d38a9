"""S3 by the AWS CLI: `aws s3` with its transfers, and `aws s3api`."""

import hashlib
import json
import random
import urllib.request

import pytest

MIB = 1024 * 1024


@pytest.fixture
def made(cli, name):
    """A bucket that the CLI made."""
    assert f"make_bucket: {name}" in cli("s3", "mb", f"s3://{name}")
    return name


def test_files_are_copied_listed_and_removed(cli, made, tmp_path):
    path = tmp_path / "a b.txt"
    path.write_text("hello")
    cli("s3", "cp", path, f"s3://{made}/dir/")
    cli("s3", "cp", "-", f"s3://{made}/piped", stdin="from stdin")
    assert cli("s3", "cp", f"s3://{made}/piped", "-") == "from stdin"
    listed = cli("s3", "ls", f"s3://{made}")
    assert "PRE dir/" in listed and listed.split()[-2:] == ["10", "piped"]
    recursive = cli("s3", "ls", f"s3://{made}", "--recursive", "--summarize")
    assert "dir/a b.txt" in recursive and "Total Objects: 2" in recursive and "Total Size: 15" in recursive
    cli("s3", "mv", f"s3://{made}/dir/a b.txt", f"s3://{made}/moved.txt")
    assert cli("s3", "cp", f"s3://{made}/moved.txt", "-") == "hello"
    assert "404" in cli("s3", "cp", f"s3://{made}/dir/a b.txt", "-", expect=1)
    assert "BucketNotEmpty" in cli("s3", "rb", f"s3://{made}", expect=1)
    assert "delete: s3://" in cli("s3", "rm", f"s3://{made}/piped")
    assert f"remove_bucket: {made}" in cli("s3", "rb", f"s3://{made}", "--force")
    assert "NoSuchBucket" in cli("s3", "ls", f"s3://{made}", expect=255)


def test_a_large_file_goes_in_parts(cli, made, tmp_path):
    content = random.Random(5).randbytes(20 * 1000 * 1000)
    (tmp_path / "up").write_bytes(content)
    cli("s3", "cp", tmp_path / "up", f"s3://{made}/big", "--no-progress")
    head = cli("s3api", "head-object", "--bucket", made, "--key", "big")
    md5s = b"".join(
        hashlib.md5(content[at : at + 8 * MIB]).digest() for at in range(0, len(content), 8 * MIB)
    )
    assert head["ETag"] == f'"{hashlib.md5(md5s).hexdigest()}-3"'
    cli("s3", "cp", f"s3://{made}/big", tmp_path / "down", "--no-progress")
    assert (tmp_path / "down").read_bytes() == content


def test_directories_are_synchronised(cli, made, tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    files = {"a.txt": "a", "deep/er/b.txt": "bb", "ü + c.log": "ccc"}
    for name, text in files.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text)
    first = cli("s3", "sync", source, f"s3://{made}/tree", "--no-progress")
    assert first.count("upload:") == 3
    assert cli("s3", "sync", source, f"s3://{made}/tree", "--no-progress") == ""
    cli("s3", "sync", f"s3://{made}/tree", target, "--no-progress")
    found = {str(path.relative_to(target)): path.read_text() for path in target.rglob("*") if path.is_file()}
    assert found == files
    (source / "a.txt").unlink()
    assert "delete: s3://" in cli("s3", "sync", source, f"s3://{made}/tree", "--delete", "--no-progress")
    cli("s3", "sync", source, f"s3://{made}/only", "--exclude", "*", "--include", "*.log")
    keys = cli("s3api", "list-objects-v2", "--bucket", made, "--query", "Contents[].Key")
    assert sorted(keys) == sorted(["only/ü + c.log", "tree/deep/er/b.txt", "tree/ü + c.log"])


def test_parts_by_hand(cli, made, tmp_path):
    here = ("--bucket", made, "--key", "big")
    upload = cli("s3api", "create-multipart-upload", *here)["UploadId"]
    parts = [random.Random(seed).randbytes(size) for seed, size in ((1, 5 * MIB), (2, 10))]
    done = []
    for number, part in enumerate(parts, 1):
        (tmp_path / "part").write_bytes(part)
        answer = cli(
            "s3api",
            "upload-part",
            *here,
            "--upload-id",
            upload,
            "--part-number",
            number,
            "--body",
            tmp_path / "part",
        )
        done.append({"PartNumber": number, "ETag": answer["ETag"]})
    assert len(cli("s3api", "list-parts", *here, "--upload-id", upload)["Parts"]) == 2
    assert cli("s3api", "list-multipart-uploads", "--bucket", made)["Uploads"][0]["UploadId"] == upload
    cli(
        "s3api",
        "complete-multipart-upload",
        *here,
        "--upload-id",
        upload,
        "--multipart-upload",
        json.dumps({"Parts": done}),
    )
    cli("s3api", "get-object", *here, tmp_path / "whole")
    assert (tmp_path / "whole").read_bytes() == b"".join(parts)
    error = cli("s3api", "abort-multipart-upload", *here, "--upload-id", upload, expect=255)
    assert "(NoSuchUpload)" in error


def test_conditions_ranges_and_versions(cli, made, tmp_path):
    (tmp_path / "body").write_text("0123456789")
    here = ("--bucket", made, "--key", "k")
    put = ("s3api", "put-object", *here, "--body", tmp_path / "body")
    cli("s3api", "put-bucket-versioning", "--bucket", made, "--versioning-configuration", "Status=Enabled")
    first = cli(*put, "--if-none-match", "*", "--checksum-algorithm", "SHA256")
    assert first["ChecksumSHA256"] and first["VersionId"]
    assert "(PreconditionFailed)" in cli(*put, "--if-none-match", "*", expect=255)
    cli("s3api", "get-object", *here, "--range", "bytes=2-4", tmp_path / "range")
    assert (tmp_path / "range").read_text() == "234"
    cli("s3api", "delete-object", *here)
    assert "(404)" in cli("s3api", "head-object", *here, expect=255)
    cli("s3api", "get-object", *here, "--version-id", first["VersionId"], tmp_path / "old")
    assert (tmp_path / "old").read_text() == "0123456789"
    versions = cli("s3api", "list-object-versions", "--bucket", made)
    assert len(versions["Versions"]) == len(versions["DeleteMarkers"]) == 1


def test_a_presigned_url(cli, made, tmp_path):
    (tmp_path / "body").write_text("for anybody")
    cli("s3", "cp", tmp_path / "body", f"s3://{made}/shared file")
    url = cli("s3", "presign", f"s3://{made}/shared file", "--expires-in", 60).strip()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=20) as answer:
        assert answer.read() == b"for anybody"
