"""Functions for Lambda whose `bootstrap` is a small script: it talks to the Runtime API, which is plain
HTTP, and calls `handler(event, context)` of the source that a test gives."""

import base64
import hashlib
import io
import json
import stat
import sys
import zipfile

from support import ROLE

RUNTIME = """\
import http.client
import json
import os
import sys
import time
API = os.environ["AWS_LAMBDA_RUNTIME_API"]


def call(method, path, body=None, headers={}):
    connection = http.client.HTTPConnection(API)
    connection.request(method, "/2018-06-01/runtime/" + path, body, headers)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, response.headers, body


def error_of(error):
    return json.dumps(
        {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": []}
    )


def serve(handler):
    while True:
        _, headers, body = call("GET", "invocation/next")
        request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        try:
            answer = json.dumps(handler(json.loads(body), headers))
        except Exception as error:
            call("POST", "invocation/" + request_id + "/error", error_of(error),
                 {"Lambda-Runtime-Function-Error-Type": type(error).__name__})
        else:
            call("POST", "invocation/" + request_id + "/response", answer)

"""

START = """

try:
    serve(handler)
except (ConnectionError, http.client.HTTPException):
    # The emulator is gone.
    sys.exit(0)
"""

ECHO = "def handler(event, context):\n    return event\n"


def bootstrap(source, before=""):
    """The script: the interpreter that runs the tests, isolated and without site packages."""
    return f"#!{sys.executable} -IS\n{RUNTIME}{before}\n{source}{START}".encode()


def entry(name, mode=0o755, kind=stat.S_IFREG):
    """The head of a zip entry, as zip on Unix writes it; without a time, so that zips are the same."""
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (kind | mode) << 16
    return info


def zip_of(*entries):
    """A zip of heads (or names) and contents."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for head, content in entries:
            if isinstance(head, str):
                head = entry(head)
            archive.writestr(head, content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def code(source=ECHO, before=""):
    return zip_of(("bootstrap", bootstrap(source, before)))


def sha256_of(archive):
    return base64.b64encode(hashlib.sha256(archive).digest()).decode()


class Functions:
    """Makes functions and removes them at the end."""

    def __init__(self, client, name):
        self.client = client
        self.name = name
        self.made = []

    def create(self, source=ECHO, name=None, archive=None, **settings):
        """Creates a function and waits until it is active; returns its name."""
        name = name or self.name
        wanted = {
            "FunctionName": name,
            "Runtime": "provided.al2023",
            "Handler": "bootstrap",
            "Role": ROLE,
            "Code": {"ZipFile": archive or code(source)},
            "Timeout": 10,
        }
        wanted.update(settings)
        self.client.create_function(**wanted)
        self.made.append(name)
        waiter = self.client.get_waiter("function_active_v2")
        waiter.wait(FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 10})
        return name

    def invoke(self, name, event=None, **arguments):
        """Invokes synchronously; returns the answer with its payload read."""
        payload = json.dumps({} if event is None else event)
        answer = self.client.invoke(FunctionName=name, Payload=payload, **arguments)
        answer["Payload"] = json.loads(answer["Payload"].read() or b"null")
        return answer

    def delete_all(self):
        mappings = self.client.get_paginator("list_event_source_mappings")
        for name in self.made:
            for page in mappings.paginate(FunctionName=name):
                for mapping in page["EventSourceMappings"]:
                    self.client.delete_event_source_mapping(UUID=mapping["UUID"])
            try:
                self.client.delete_function(FunctionName=name)
            except self.client.exceptions.ResourceNotFoundException:
                # The test removed it itself.
                continue
