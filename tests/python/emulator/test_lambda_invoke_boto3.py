"""Invoking functions by boto3: answers, errors of every kind, logs, concurrency."""

import base64
import json
import re
import threading

import pytest

from functions import bootstrap, zip_of
from support import ACCOUNT, REGION, WAIT_SECONDS, refused, wait_until

MIB = 1024 * 1024
MOST_RESPONSE = 6 * MIB + 100

# Does what the event says.
PUPPET = """
def handler(event, context):
    print("doing", event["do"], flush=True)
    return globals()[event["do"]](event, context)

def echo(event, context):
    return event

def fail(event, context):
    raise ValueError("no good")

def wait(event, context):
    time.sleep(60)

def exit(event, context):
    os._exit(event["status"])

def crash(event, context):
    os.kill(os.getpid(), 9)

def large(event, context):
    # The quotes of the JSON text count.
    return "x" * (event["bytes"] - 2)

def look(event, context):
    return {"environment": dict(os.environ), "directory": os.getcwd(), "files": os.listdir("."),
            "headers": dict(context), "now_ms": time.time() * 1000, "pid": os.getpid()}

def many(event, context):
    for number in range(event["lines"]):
        print("line %05d" % number)
    sys.stdout.flush()

def child(event, context):
    import subprocess
    return subprocess.Popen(["sleep", "600"]).pid
"""


@pytest.fixture
def puppet(functions):
    return functions.create(PUPPET)


@pytest.fixture
def client(functions):
    return functions.client


def failed(answer):
    """The error that an answer carries."""
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    return answer["Payload"]["errorType"], answer["Payload"]["errorMessage"]


def request_id_of(answer):
    return answer["ResponseMetadata"]["RequestId"]


def tail_of(answer):
    return base64.b64decode(answer["LogResult"]).decode()


@pytest.mark.parametrize("payload", [{}, [], "ü 😀", 1.5, None, {"a": [{"b": None}]}])
def test_a_payload_goes_there_and_back(functions, payload):
    name = functions.create()
    answer = functions.client.invoke(FunctionName=name, Payload=json.dumps(payload))
    assert json.loads(answer["Payload"].read()) == payload
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert "FunctionError" not in answer and "LogResult" not in answer


def test_no_payload_is_an_empty_object(functions):
    name = functions.create()
    assert json.loads(functions.client.invoke(FunctionName=name)["Payload"].read()) == {}


def test_what_is_no_json_is_refused(functions, client):
    name = functions.create()
    kind = client.exceptions.InvalidRequestContentException
    for how in ("RequestResponse", "Event"):
        with refused("InvalidRequestContentException", "Could not parse request body into json", 400, kind):
            client.invoke(FunctionName=name, Payload=b"{not json", InvocationType=how)


def test_a_dry_run_runs_nothing(functions, puppet, client, logs):
    answer = client.invoke(FunctionName=puppet, InvocationType="DryRun", Payload=b'{"do": "echo"}')
    assert (answer["StatusCode"], answer["Payload"].read()) == (204, b"")
    functions.invoke(puppet, {"do": "look"})
    lines = lines_of(logs, puppet, 1)
    assert "doing echo" not in lines and "doing look" in lines
    gone = f"Function not found: arn:aws:lambda:{REGION}:{ACCOUNT}:function:{puppet}-no"
    with refused("ResourceNotFoundException", gone, 404):
        client.invoke(FunctionName=f"{puppet}-no", InvocationType="DryRun")


def lines_of(logs, function, reports):
    """Messages of the function's log, once it has so many reports."""

    def look():
        try:
            pages = logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{function}")
            lines = [one["message"].rstrip("\n") for page in pages for one in page["events"]]
        except logs.exceptions.ResourceNotFoundException:
            return None
        return lines if sum(line.startswith("REPORT") for line in lines) >= reports else None

    return wait_until(look, f"{reports} reports in the log of {function}")


# aws-behaviours L19
def test_the_end_of_the_log_comes_along(functions, puppet, logs):
    answer = functions.invoke(puppet, {"do": "echo"}, LogType="Tail")
    request_id, lines = request_id_of(answer), tail_of(answer).splitlines()
    assert f"START RequestId: {request_id} Version: $LATEST" in lines
    assert lines.index("doing echo") < lines.index(f"END RequestId: {request_id}")
    report = lines[-1]
    shape = (
        rf"REPORT RequestId: {request_id}\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\t"
        r"Memory Size: 128 MB\tMax Memory Used: \d+ MB(\tInit Duration: \d+\.\d\d ms)?\s*"
    )
    # aws-behaviours L19
    assert re.fullmatch(shape, report).group(1), "a first invocation is cold"
    warm = tail_of(functions.invoke(puppet, {"do": "echo"}, LogType="Tail")).splitlines()[-1]
    assert "Init Duration" not in warm
    logged = lines_of(logs, puppet, 2)
    assert logged.count("doing echo") == 2 and any(
        line.startswith(f"START RequestId: {request_id}") for line in logged
    )
    (stream,) = logs.describe_log_streams(logGroupName=f"/aws/lambda/{puppet}")["logStreams"]
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", stream["logStreamName"])


def test_the_tail_is_at_most_4_kb(functions, puppet, logs):
    answer = functions.invoke(puppet, {"do": "many", "lines": 2000}, LogType="Tail")
    tail = tail_of(answer)
    assert 2000 < len(tail) <= 4096 and "line 01999" in tail and "line 00000" not in tail
    assert [line for line in lines_of(logs, puppet, 1) if line.startswith("line")] == [
        f"line {n:05}" for n in range(2000)
    ]


def test_an_error_of_the_function(functions, puppet):
    answer = functions.invoke(puppet, {"do": "fail"})
    assert failed(answer) == ("ValueError", "no good")
    # The environment goes on.
    before = functions.invoke(puppet, {"do": "look"})["Payload"]["pid"]
    functions.invoke(puppet, {"do": "fail"})
    assert functions.invoke(puppet, {"do": "look"})["Payload"]["pid"] == before


def test_a_timeout(functions):
    name = functions.create(PUPPET, Timeout=1)
    before = functions.invoke(name, {"do": "look"})["Payload"]["pid"]
    answer = functions.invoke(name, {"do": "wait"}, LogType="Tail")
    text = f"RequestId: {request_id_of(answer)} Error: Task timed out after 1.00 seconds"
    assert failed(answer) == ("Sandbox.Timedout", text)
    assert "Task timed out after 1.00 seconds" in tail_of(answer)
    assert functions.invoke(name, {"do": "look"})["Payload"]["pid"] != before


@pytest.mark.parametrize(
    ("event", "how"),
    [
        ({"do": "exit", "status": 3}, "with error: exit status 3"),
        ({"do": "exit", "status": 0}, "without providing a reason"),
        ({"do": "crash"}, "with error: signal: killed"),
    ],
)
def test_a_process_that_ends_without_an_answer(functions, puppet, event, how):
    answer = functions.invoke(puppet, event, LogType="Tail")
    text = f"RequestId: {request_id_of(answer)} Error: Runtime exited {how}"
    assert failed(answer) == ("Runtime.ExitError", text)
    assert f"doing {event['do']}" in tail_of(answer) and text in tail_of(answer)
    assert functions.invoke(puppet, {"do": "echo", "n": 1})["Payload"] == {"do": "echo", "n": 1}


def test_a_failed_start(functions):
    reporting = 'call("POST", "init/error", json.dumps({"errorType": "Mine", "errorMessage": "no start"}))\nsys.exit(1)\n'
    name = functions.create(archive=zip_of(("bootstrap", bootstrap(PUPPET, reporting))))
    assert failed(functions.invoke(name)) == ("Mine", "no start")
    name = functions.create(
        name=f"{name}-2", archive=zip_of(("bootstrap", bootstrap(PUPPET, "sys.exit(7)\n")))
    )
    kind, text = failed(functions.invoke(name))
    assert kind == "Runtime.ExitError"
    assert text.endswith("Error: Runtime exited with error: exit status 7")


# aws-behaviours L17
def test_a_script_without_its_interpreter(functions):
    name = functions.create(archive=zip_of(("bootstrap", b"#!/no/such/interpreter\n")))
    kind, _ = failed(functions.invoke(name))
    # aws-behaviours L17
    assert kind == "Runtime.InvalidEntrypoint"


def test_an_answer_of_6_mb_is_the_largest(functions, puppet):
    answer = functions.client.invoke(
        FunctionName=puppet, Payload=json.dumps({"do": "large", "bytes": MOST_RESPONSE})
    )
    assert "FunctionError" not in answer and len(answer["Payload"].read()) == MOST_RESPONSE
    kind, text = failed(functions.invoke(puppet, {"do": "large", "bytes": MOST_RESPONSE + 1}))
    assert kind == "Function.ResponseSizeTooLarge"
    # Newer answers name the size, too.
    shape = rf"Response payload size( \({MOST_RESPONSE + 1} bytes\))? exceeded maximum allowed payload size \({MOST_RESPONSE} bytes\)\."
    assert re.fullmatch(shape, text)
    assert functions.invoke(puppet, {"do": "echo"})["Payload"] == {"do": "echo"}


# aws-behaviours L21
def test_requests_have_limits(functions, puppet, client):
    def payload(size):
        head, end = b'{"do":"exit","status":0,"fill":"', b'"}'
        return head + b"x" * (size - len(head) - len(end)) + end

    assert client.invoke(FunctionName=puppet, Payload=payload(6 * MIB))["StatusCode"] == 200
    # Words differ by the place that refuses; both name the limit.
    with refused("RequestEntityTooLargeException", str(6 * MIB), 413):
        client.invoke(FunctionName=puppet, Payload=payload(6 * MIB + 1))
    # aws-behaviours L21
    with refused("RequestEntityTooLargeException", str(MIB), 413):
        client.invoke(FunctionName=puppet, Payload=payload(MIB + 1), InvocationType="Event")


def test_what_a_function_finds(functions, emulator):
    name = functions.create(PUPPET, Environment={"Variables": {"MINE": "ü=1"}}, MemorySize=192, Timeout=7)
    answer = functions.invoke(name, {"do": "look"})
    found = answer["Payload"]
    environment = found["environment"]
    expected = {
        "MINE": "ü=1",
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "192",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": emulator.endpoint,
        "_HANDLER": "bootstrap",
        "TZ": ":UTC",
        "LAMBDA_TASK_ROOT": found["directory"],
    }
    assert {key: environment.get(key) for key in expected} == expected
    # Nothing of whoever started the emulator.
    assert "HOME" not in environment and "PIPECTL" not in environment
    assert found["files"] == ["bootstrap"]
    headers = {key.lower(): value for key, value in found["headers"].items()}
    assert headers["lambda-runtime-aws-request-id"] == request_id_of(answer)
    assert (
        headers["lambda-runtime-invoked-function-arn"] == f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
    )
    left = int(headers["lambda-runtime-deadline-ms"]) - found["now_ms"]
    assert 5_000 < left <= 7_000
    assert headers["lambda-runtime-trace-id"].startswith("Root=")


def test_an_idle_environment_is_used_again_and_a_busy_one_is_not(functions, tmp_path):
    source = """
def handler(event, context):
    open(event["mine"], "w").close()
    end = time.monotonic() + 10
    while not os.path.exists(event["other"]):
        assert time.monotonic() < end, "the other did not run at the same time"
        time.sleep(0.005)
    return os.getpid()
"""
    name = functions.create(source)
    (tmp_path / "there").touch()
    alone = {"mine": str(tmp_path / "mine"), "other": str(tmp_path / "there")}
    first = functions.invoke(name, alone)["Payload"]
    assert functions.invoke(name, alone)["Payload"] == first
    pids = []
    names = [str(tmp_path / "left"), str(tmp_path / "right")]
    threads = [
        threading.Thread(
            target=lambda m, o: pids.append(functions.invoke(name, {"mine": m, "other": o})["Payload"]),
            args=pair,
        )
        for pair in (names, names[::-1])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_SECONDS)
    assert len(set(pids)) == 2 and first in pids, pids


def test_one_at_a_time_when_so_reserved(functions, client, tmp_path):
    source = """
def handler(event, context):
    open(event["begun"], "w").close()
    end = time.monotonic() + 10
    while not os.path.exists(event["gate"]):
        assert time.monotonic() < end
        time.sleep(0.005)
"""
    name = functions.create(source)
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    event = {"begun": str(tmp_path / "begun"), "gate": str(tmp_path / "gate")}
    answers = []
    thread = threading.Thread(target=lambda: answers.append(functions.invoke(name, event)))
    thread.start()
    wait_until((tmp_path / "begun").exists, "the first runs")
    with refused("TooManyRequestsException", "Rate Exceeded.", 429):
        functions.invoke(name, event)
    (tmp_path / "gate").touch()
    thread.join(WAIT_SECONDS)
    assert "FunctionError" not in answers[0]
    assert "FunctionError" not in functions.invoke(name, event)


def test_children_go_with_their_function(functions, puppet, emulator):
    pid = functions.invoke(puppet, {"do": "child"})["Payload"]
    assert pid in emulator.processes()
    functions.client.delete_function(FunctionName=puppet)
    wait_until(lambda: pid not in emulator.processes(), "the child is gone")
