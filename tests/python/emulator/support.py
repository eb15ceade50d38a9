"""What tests of every service need: waiting, refusals, clients."""

import contextlib
import time

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

ACCOUNT = "000000000000"
REGION = "us-east-1"
KEY_ID = "test-key-id"
SECRET_KEY = "test-secret-key"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/function"

WAIT_SECONDS = 15
POLL_SECONDS = 0.01


def wait_until(look, what, seconds=WAIT_SECONDS):
    """Looks again and again until there is something; returns it."""
    end = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < end, f"not within {seconds} s: {what}; last seen: {found!r}"
        time.sleep(POLL_SECONDS)


def client(service, endpoint, **config):
    """One try and no more: a retry would hide an error from the test."""
    return boto3.client(service, config=_config(config), **_access(endpoint))


def resource(service, endpoint, **config):
    return boto3.resource(service, config=_config(config), **_access(endpoint))


def _config(config):
    settings = {"retries": {"total_max_attempts": 1, "mode": "standard"}, "read_timeout": 60}
    settings.update(config)
    return Config(**settings)


def _access(endpoint):
    return {
        "endpoint_url": endpoint,
        "region_name": REGION,
        "aws_access_key_id": KEY_ID,
        "aws_secret_access_key": SECRET_KEY,
    }


@contextlib.contextmanager
def refused(code, message=None, status=None, kind=ClientError):
    """The calls inside must be refused like this; `message` is a part of AWS's."""
    with pytest.raises(kind) as caught:
        yield caught
    error = caught.value.response["Error"]
    assert error["Code"] == code, f"{error}"
    if message is not None:
        assert message in error.get("Message", ""), f"{error}"
    if status is not None:
        answered = caught.value.response["ResponseMetadata"]["HTTPStatusCode"]
        assert answered == status, f"{answered}: {error}"
