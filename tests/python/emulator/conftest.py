"""One embedded target for the session (with pytest-xdist: for each worker), clients of it, and names."""

import json
import os
import re
import subprocess
import sys
import uuid

import pytest

import support
from functions import Functions
from process import Emulator

CLI_SECONDS = 60


@pytest.fixture(scope="session", autouse=True)
def no_configuration_of_the_user():
    """Nothing of whoever runs this reaches a client: no profile, no endpoint, no proxy."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("AWS_") or name.lower().endswith("_proxy"):
                patch.delenv(name)
        patch.setenv("AWS_CONFIG_FILE", os.devnull)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


@pytest.fixture(scope="session")
def start_emulator(tmp_path_factory):
    """Starts another emulator; whatever is left of it goes at the end."""
    started = []

    def start(data, *arguments):
        log = tmp_path_factory.mktemp("log") / "emulator.log"
        started.append(Emulator(data, log, *arguments))
        return started[-1]

    yield start
    for one in started:
        one.clean_up()


@pytest.fixture(scope="session")
def emulator(start_emulator, tmp_path_factory):
    """The emulator that tests share."""
    emulator = start_emulator(tmp_path_factory.mktemp("data") / "embedded")
    yield emulator
    emulator.stop()


def _client_of(service):
    @pytest.fixture(scope="session", name=service)
    def make(emulator):
        return support.client(service, emulator.endpoint)

    return make


s3 = _client_of("s3")
sqs = _client_of("sqs")
dynamodb = _client_of("dynamodb")
lambda_ = _client_of("lambda")
logs = _client_of("logs")
sts = _client_of("sts")


@pytest.fixture
def name(request):
    """A name that no other test has: what it is about, and chance."""
    words = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower().removeprefix("test_"))
    return f"{words[:36].strip('-')}-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def bucket(s3, name):
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def queue(sqs, name):
    """The URL of a queue."""
    return sqs.create_queue(QueueName=name)["QueueUrl"]


@pytest.fixture
def functions(request, name, tmp_path):
    """Makes functions; they go with the test, so that idle processes do not add up."""
    functions = Functions(request.getfixturevalue("lambda"), name)
    yield functions
    functions.delete_all()


@pytest.fixture(scope="session")
def cli(emulator, tmp_path_factory):
    """Runs the AWS CLI; returns what it prints, read as JSON when it is."""
    home = tmp_path_factory.mktemp("home")

    def run(*arguments, expect=0, stdin=None):
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "AWS_ACCESS_KEY_ID": support.KEY_ID,
            "AWS_SECRET_ACCESS_KEY": support.SECRET_KEY,
            "AWS_DEFAULT_REGION": support.REGION,
            "AWS_DEFAULT_OUTPUT": "json",
            "AWS_MAX_ATTEMPTS": "1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        # Not by AWS_ENDPOINT_URL: version 1 of the CLI does not heed it for SQS and would ask AWS itself.
        command = [sys.executable, "-m", "awscli", "--endpoint-url", emulator.endpoint]
        done = subprocess.run(
            [*command, *map(str, arguments)],
            env=environment,
            cwd=home,
            input=stdin,
            capture_output=True,
            timeout=CLI_SECONDS,
            text=True,
        )
        said = f"aws {' '.join(map(str, arguments))}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert done.returncode == expect, said
        if expect:
            return done.stderr
        try:
            return json.loads(done.stdout)
        except json.JSONDecodeError:
            return done.stdout

    return run
