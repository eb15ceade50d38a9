"""LocalStack runtime executor that runs a function's `bootstrap` as a child process.

It stands where LocalStack's Docker executor and its Go init binary stand: LocalStack still owns the
function versions, environments, concurrency, retries, event source mappings and log groups.
"""

import atexit
import os
import time
from concurrent.futures import TimeoutError as FutureTimeout
from datetime import datetime, timezone

from localstack import config
from localstack.services.lambda_.invocation.executor_endpoint import StatusErrorException
from localstack.services.lambda_.invocation.lambda_models import FunctionVersion, InvocationResult
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor

from ls_process_executor.runtime_api import (
    BootstrapProcess,
    InitError,
    Outcome,
    Pending,
    RuntimeExit,
    error_payload,
)

# Time that a function stays Pending after CreateFunction (a Docker set-up pulls an image then).
ACTIVATION_DELAY = int(os.environ.get("LAMBDA_PROCESS_ACTIVATION_DELAY_MS") or 0) / 1000

_live: set["ProcessRuntimeExecutor"] = set()


@atexit.register
def _stop_all() -> None:
    for executor in list(_live):
        executor.stop()


class ProcessRuntimeExecutor(RuntimeExecutor):
    def __init__(self, id: str, function_version: FunctionVersion) -> None:
        super().__init__(id=id, function_version=function_version)
        self._env: dict[str, str] = {}
        self._process: BootstrapProcess | None = None
        self._report_init = False
        self._stopped = False

    # -- environment life cycle

    def start(self, env_vars: dict[str, str]) -> None:
        self._env = {key: str(value) for key, value in env_vars.items()}
        _live.add(self)
        self._start_process()

    def _start_process(self, patience: float | None = None) -> None:
        """Starts the process anew. Without patience LocalStack's own timer ends what hangs."""
        code = self.function_version.config.code
        if self._process:
            # The server of one that ended by itself would listen for ever.
            self._process.stop()
        self._process = BootstrapProcess(str(code.get_unzipped_code_location()), self._env)
        self._report_init = True
        if self._stopped:
            # Nobody would stop it: the environment was given up while its invocation was on its way.
            self._process.stop()
        try:
            self._process.start(patience)
        except InitError as e:
            raise StatusErrorException("Environment startup failed", payload=e.payload) from e

    def stop(self) -> None:
        self._stopped = True
        _live.discard(self)
        if self._process:
            self._process.stop()

    # -- invocation

    def invoke(self, payload: dict[str, str]) -> InvocationResult:
        request_id = payload["invoke-id"]
        version = self.function_version
        timeout = version.config.timeout
        log = [f"START RequestId: {request_id} Version: {version.id.qualifier}"]

        began = time.perf_counter()
        init_failure = None
        if not self._process.alive():
            # The last invocation ended the process: AWS starts it anew in the same environment.
            try:
                self._start_process(timeout)
            except StatusErrorException as e:
                init_failure = Outcome(e.payload, is_error=True)

        outcome, note = (
            (init_failure, None) if init_failure else self._run(request_id, payload, timeout)
        )
        limit = config.LAMBDA_LIMITS_MAX_FUNCTION_PAYLOAD_SIZE_BYTES
        if limit and len(outcome.payload) > limit:
            message = f"Response payload size exceeded maximum allowed payload size ({limit} bytes)."
            outcome = Outcome(
                error_payload("Function.ResponseSizeTooLarge", message), is_error=True
            )
        took = (time.perf_counter() - began) * 1000

        printed = (self._process.output.take() if self._process.output else "").rstrip("\n")
        if printed:
            log.append(printed)
        if note:
            log.append(note)
        log.append(f"END RequestId: {request_id}")
        report = (
            f"REPORT RequestId: {request_id}\tDuration: {took:.2f} ms\t"
            f"Billed Duration: {int(took) + 1} ms\tMemory Size: {version.config.memory_size} MB\t"
            f"Max Memory Used: {self._process.peak_memory_mb()} MB\t"
        )
        if self._report_init and self._process.init_ms is not None:
            report += f"Init Duration: {self._process.init_ms:.2f} ms\t"
            self._report_init = False
        log.append(report)
        return InvocationResult(
            request_id, outcome.payload, is_error=outcome.is_error, logs="\n".join(log) + "\n"
        )

    def _run(self, request_id: str, payload: dict[str, str], timeout: int):
        """The outcome, and a line for the log when the process did not answer by itself."""
        deadline_ms = int((time.time() + timeout) * 1000)
        pending = Pending(
            request_id,
            payload["payload"].encode(),
            {
                "Lambda-Runtime-Aws-Request-Id": request_id,
                "Lambda-Runtime-Deadline-Ms": str(deadline_ms),
                "Lambda-Runtime-Invoked-Function-Arn": payload["invoked-function-arn"],
                "Lambda-Runtime-Trace-Id": payload["trace-id"],
            },
        )
        try:
            self._process.submit(pending)
            return pending.done.result(timeout=timeout), None
        except FutureTimeout:
            self._process.stop()
            now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
            text = f"{now} {request_id} Task timed out after {timeout:.2f} seconds"
            return Outcome(error_payload("Sandbox.Timedout", text), is_error=True), text
        except RuntimeExit as e:
            text = f"RequestId: {request_id} Error: Runtime exited with error: {e}"
            return Outcome(error_payload("Runtime.ExitError", text), is_error=True), text

    # -- what LocalStack asks of an executor

    def get_address(self) -> str:
        return "127.0.0.1"

    def get_endpoint_from_executor(self) -> str:
        return "127.0.0.1"

    def get_runtime_endpoint(self) -> str:
        # Only the Go init binary calls this back; results are returned straight from invoke().
        port = config.GATEWAY_LISTEN[0].port
        return f"http://127.0.0.1:{port}/_localstack_lambda/{self.id}"

    def get_logs(self) -> str:
        if self._process and self._process.output:
            return self._process.output.everything()
        return ""

    @classmethod
    def prepare_version(cls, function_version: FunctionVersion) -> None:
        settings = function_version.config
        if not settings.code or not (settings.runtime or "").startswith("provided"):
            raise ValueError(
                f"the process executor runs zips of a provided runtime, not {settings.runtime}"
            )
        time.sleep(ACTIVATION_DELAY)
        settings.code.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version: FunctionVersion) -> None:
        return None

    @classmethod
    def validate_environment(cls) -> bool:
        return True
