"""S3 by presigned URLs, which need no SDK: read and written with urllib."""

import datetime
import hashlib
import urllib.error
import urllib.request
import xml.etree.ElementTree

import pytest

import support

BODY = b"by anybody who has the URL"
SECONDS = 20


@pytest.fixture(params=["s3", "s3v4"])
def signer(emulator, request):
    """boto3 presigns by the older signature unless it is told otherwise; both must do."""
    return support.client("s3", emulator.endpoint, signature_version=request.param)


def send(url, method="GET", body=None, headers=None):
    request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    # No proxy of the environment stands between.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return opener.open(request, timeout=SECONDS)


def refusal(url, method="GET", body=None):
    with pytest.raises(urllib.error.HTTPError) as caught:
        send(url, method, body)
    with caught.value as error:
        tree = xml.etree.ElementTree.fromstring(error.read())
        return error.code, tree.findtext("Code"), tree.findtext("Message")


def test_a_presigned_get(s3, signer, bucket):
    s3.put_object(Bucket=bucket, Key="a b+c/ü", Body=BODY, ContentType="text/plain")
    url = signer.generate_presigned_url(
        "get_object",
        Params={
            "Bucket": bucket,
            "Key": "a b+c/ü",
            "ResponseContentType": "application/x-other",
            "ResponseContentDisposition": 'attachment; filename="x"',
        },
    )
    with send(url) as answer:
        assert answer.read() == BODY
        assert answer.headers["Content-Type"] == "application/x-other"
        assert answer.headers["Content-Disposition"] == 'attachment; filename="x"'
        assert answer.headers["ETag"] == f'"{hashlib.md5(BODY).hexdigest()}"'


def test_a_presigned_put(s3, signer, bucket):
    url = signer.generate_presigned_url(
        "put_object", Params={"Bucket": bucket, "Key": "new", "ContentType": "text/csv"}, ExpiresIn=60
    )
    with send(url, "PUT", BODY, {"Content-Type": "text/csv"}) as answer:
        assert answer.status == 200
        assert answer.headers["ETag"] == f'"{hashlib.md5(BODY).hexdigest()}"'
    got = s3.get_object(Bucket=bucket, Key="new")
    assert (got["Body"].read(), got["ContentType"]) == (BODY, "text/csv")


def test_a_presigned_head_and_delete(s3, signer, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=BODY)
    named = {"Params": {"Bucket": bucket, "Key": "a"}}
    with send(signer.generate_presigned_url("head_object", **named), "HEAD") as answer:
        assert answer.headers["Content-Length"] == str(len(BODY))
    with send(signer.generate_presigned_url("delete_object", **named), "DELETE") as answer:
        assert answer.status == 204
    status, code, message = refusal(signer.generate_presigned_url("get_object", **named))
    assert (status, code, message) == (404, "NoSuchKey", "The specified key does not exist.")


@pytest.mark.parametrize("operation", ["get_object", "put_object"])
def test_an_old_url_has_expired(s3, signer, bucket, monkeypatch, operation):
    s3.put_object(Bucket=bucket, Key="a", Body=BODY)
    # Signed as it was two minutes ago, for one minute.
    then = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=2)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda *_: then)
    monkeypatch.setattr("botocore.auth.time.time", then.timestamp)
    url = signer.generate_presigned_url(operation, Params={"Bucket": bucket, "Key": "a"}, ExpiresIn=60)
    monkeypatch.undo()
    method, body = ("GET", None) if operation == "get_object" else ("PUT", b"too late")
    assert refusal(url, method, body) == (403, "AccessDenied", "Request has expired")
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == BODY
