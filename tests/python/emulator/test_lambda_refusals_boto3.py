"""What Lambda refuses, by boto3: settings out of range and code that cannot run or would leave its directory."""

import json
import stat

import pytest

from functions import bootstrap, code, entry, zip_of
from support import refused

SCRIPT = bootstrap("def handler(event, context):\n    return event\n")
INVALID = "InvalidParameterValueException"


@pytest.fixture
def client(functions):
    return functions.client


def elf(machine, bits=2):
    """The head of an ELF program for a machine."""
    return (
        b"\x7fELF"
        + bytes([bits, 1, 1])
        + bytes(9)
        + (2).to_bytes(2, "little")
        + machine.to_bytes(2, "little")
        + bytes(44)
    )


# RISC-V, which Lambda does not have. The other one of Lambda's two runs where qemu-user does.
ELSEWHERE = 243


@pytest.mark.parametrize(
    ("archive", "text"),
    [
        (zip_of(("main", SCRIPT)), "bootstrap"),
        (zip_of(("bin/bootstrap", SCRIPT)), "bootstrap"),
        (zip_of((entry("bootstrap", 0o644), SCRIPT)), "executable"),
        (zip_of(("bootstrap", elf(ELSEWHERE))), f"ELF machine {ELSEWHERE}"),
        (zip_of(("bootstrap", elf(40, 1))), "ELF machine 40"),
        (zip_of(("bootstrap", b"neither a program nor a script")), "bootstrap"),
        (zip_of(("bootstrap", b"")), "bootstrap"),
        (zip_of(("bootstrap", SCRIPT), ("../outside", b"x")), "../outside"),
        (zip_of(("bootstrap", SCRIPT), ("a/../../outside", b"x")), "outside"),
        (zip_of(("bootstrap", SCRIPT), (entry("link", 0o777, stat.S_IFLNK), b"/etc/passwd")), "link"),
        (zip_of((entry("bootstrap", 0o777, stat.S_IFLNK), b"/bin/sh")), "bootstrap"),
        (
            b"no zip at all",
            "Could not unzip uploaded file. Please check your file, then try to upload again.",
        ),
        (code()[:-30], "Could not unzip uploaded file."),
    ],
    ids=[
        "no-bootstrap",
        "bootstrap-in-a-folder",
        "not-executable",
        "foreign-architecture",
        "foreign-32-bit",
        "neither",
        "empty",
        "slip",
        "slip-in-the-middle",
        "symlink",
        "symlink-as-bootstrap",
        "no-zip",
        "cut-zip",
    ],
)
def test_code_that_cannot_run_is_refused(functions, client, emulator, archive, text):
    with refused(INVALID, text, 400):
        functions.create(archive=archive)
    with refused("ResourceNotFoundException", status=404):
        client.get_function(FunctionName=functions.name)
    good = functions.create()
    with refused(INVALID, text, 400):
        client.update_function_code(FunctionName=good, ZipFile=archive)
    # What was there goes on.
    assert functions.invoke(good, {"n": 1})["Payload"] == {"n": 1}
    assert [path for path in emulator.data.parent.rglob("outside")] == []
    assert [path for path in (emulator.data / "lambda").rglob("*") if path.is_symlink()] == []


def test_an_absolute_path_in_a_zip_stays_below_the_function(functions, tmp_path):
    outside = tmp_path / "outside"
    source = "def handler(event, context):\n    return os.path.exists(event['path'].lstrip('/'))\n"
    name = functions.create(archive=zip_of(("bootstrap", bootstrap(source)), (str(outside), b"x")))
    assert functions.invoke(name, {"path": str(outside)})["Payload"] is True
    assert not outside.exists()


# aws-behaviours L7
def test_a_zip_that_unpacks_to_too_much_is_refused(functions):
    """262,144,000 bytes of zeros and one more: 250 kB to send."""
    bomb = zip_of(("bootstrap", SCRIPT), ("zeros", bytes(262_144_001 - len(SCRIPT))))
    # aws-behaviours L7
    with refused(INVALID, "Unzipped size must be smaller than 262144000 bytes", 400):
        functions.create(archive=bomb)


# aws-behaviours L7
def test_a_zip_of_more_than_50_mb_is_refused(functions):
    archive = zip_of(("bootstrap", SCRIPT)) + bytes(52_428_800)
    # aws-behaviours L7
    with refused("RequestEntityTooLargeException", "Request must be smaller than", 413):
        functions.create(archive=archive)


# aws-behaviours L8
def test_reserved_variables_are_refused(functions, client):
    variables = {"AWS_REGION": "x", "AWS_LAMBDA_FUNCTION_NAME": "x", "MINE": "x"}
    text = (
        "Lambda was unable to configure your environment variables because the environment variables you have "
        "provided contains reserved keys that are currently not supported for modification. "
        "Reserved keys used in this request: "
    )
    with refused(INVALID, text, 400) as caught:
        functions.create(Environment={"Variables": variables})
    named = caught.value.response["Error"]["Message"].removeprefix(text)
    assert sorted(named.split(", ")) == ["AWS_LAMBDA_FUNCTION_NAME", "AWS_REGION"]
    name = functions.create()
    for reserved in (
        "_HANDLER",
        "AWS_ACCESS_KEY_ID",
        "AWS_SESSION_TOKEN",
        "LAMBDA_TASK_ROOT",
        "AWS_LAMBDA_RUNTIME_API",
    ):
        with refused(INVALID, f"{text}{reserved}", 400):
            client.update_function_configuration(
                FunctionName=name, Environment={"Variables": {reserved: "x"}}
            )
    assert "Environment" not in client.get_function_configuration(FunctionName=name)


def environment_of(size):
    """Variables whose JSON text has so many bytes."""
    empty = len(json.dumps({"VALUE": ""}, separators=(",", ":")))
    return {"Variables": {"VALUE": "x" * (size - empty)}}


# aws-behaviours L8
def test_an_environment_has_at_most_4_kb(functions, client):
    name = functions.create(Environment=environment_of(4096))
    # aws-behaviours L8
    text = (
        "Lambda was unable to configure your environment variables because the environment variables you have "
        "provided exceeded the 4KB limit. String measured: "
    )
    with refused(INVALID, text, 400):
        functions.create(name=f"{name}-b", Environment=environment_of(4097))
    with refused(INVALID, text, 400):
        client.update_function_configuration(FunctionName=name, Environment=environment_of(4097))


@pytest.mark.parametrize("variable", ["1st", "with-dash", "A", "ü"])
def test_names_of_variables_are_checked(functions, variable):
    with refused("ValidationException", "environment", 400):
        functions.create(Environment={"Variables": {variable: "x"}})


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        (
            {"Role": "my-role"},
            "Value 'my-role' at 'role' failed to satisfy constraint: Member must satisfy regular expression pattern",
        ),
        (
            {"FunctionName": "bad name!"},
            "Value 'bad name!' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern",
        ),
        (
            {"Timeout": 5401},
            "Value '5401' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to",
        ),
        (
            {"MemorySize": 32769},
            "Value '32769' at 'memorySize' failed to satisfy constraint: Member must have value less than or equal to",
        ),
        ({"Architectures": ["mips"]}, "at 'architectures' failed to satisfy constraint"),
    ],
    ids=["role", "name", "timeout", "memory", "architecture"],
)
def test_settings_are_checked(functions, client, settings, field):
    with refused("ValidationException", "1 validation error detected: Value", 400) as caught:
        functions.create(**settings)
    assert field in caught.value.response["Error"]["Message"]
    with refused("ResourceNotFoundException", status=404):
        client.get_function(FunctionName=functions.name)
