"""One running `bootstrap` and the Lambda Runtime API served to it."""

import json
import os
import select
import signal
import subprocess
import threading
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

API = "/2018-06-01/runtime"
KEPT_LOG_BYTES = 256 * 1024


class InitError(Exception):
    """The process did not reach its first `next`; payload is what Invoke answers."""

    def __init__(self, payload: bytes):
        super().__init__(payload.decode(errors="replace"))
        self.payload = payload


class RuntimeExit(Exception):
    """The process ended while an invocation was under way."""


@dataclass
class Outcome:
    payload: bytes
    is_error: bool


@dataclass
class Pending:
    request_id: str
    payload: bytes
    headers: dict[str, str]
    done: Future = field(default_factory=Future)


def error_payload(error_type: str, message: str) -> bytes:
    return json.dumps({"errorType": error_type, "errorMessage": message}).encode()


class Output:
    """Reads a child's merged stdout and stderr; `take` also fetches what no one has read yet."""

    def __init__(self, fd: int):
        self._fd = fd
        os.set_blocking(fd, False)
        self._lock = threading.Lock()
        self._since_take: list[bytes] = []
        self._kept: deque[bytes] = deque()
        self._kept_size = 0
        self._closed = False
        threading.Thread(target=self._follow, name="lambda-output", daemon=True).start()

    def _read_available(self) -> None:
        while not self._closed:
            try:
                chunk = os.read(self._fd, 65536)
            except BlockingIOError:
                return
            except OSError:
                chunk = b""
            if not chunk:
                self._closed = True
                os.close(self._fd)
                return
            self._since_take.append(chunk)
            self._kept.append(chunk)
            self._kept_size += len(chunk)
            while self._kept_size > KEPT_LOG_BYTES and len(self._kept) > 1:
                self._kept_size -= len(self._kept.popleft())

    def _follow(self) -> None:
        while not self._closed:
            try:
                select.select([self._fd], [], [], 1.0)
            except (OSError, ValueError):
                return
            with self._lock:
                self._read_available()

    def take(self) -> str:
        with self._lock:
            self._read_available()
            text = b"".join(self._since_take).decode(errors="replace")
            self._since_take.clear()
            return text

    def everything(self) -> str:
        with self._lock:
            return b"".join(self._kept).decode(errors="replace")


class BootstrapProcess:
    """Life of one process: start, wait until it asks for work, invoke, stop."""

    def __init__(self, code_dir: str, env: dict[str, str]):
        self._code_dir = code_dir
        self._env = env
        self._changed = threading.Condition()
        self._ready = False
        self._init_error: bytes | None = None
        self._exit_text: str | None = None
        self._stopped = False
        self._waiting: Pending | None = None  # accepted, not yet fetched by the process
        self._running: Pending | None = None  # fetched, not yet answered
        self._process: subprocess.Popen | None = None
        self._server: ThreadingHTTPServer | None = None
        self.output: Output | None = None
        self.init_ms: float | None = None

    # -- life cycle

    def start(self, patience: float | None) -> None:
        """Waits for its first `next`, for so many seconds at most."""
        with self._changed:
            if self._stopped:
                raise InitError(error_payload("Runtime.ExitError", "Error: Runtime was stopped"))
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_for(self))
        self._server.daemon_threads = True
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.5}, daemon=True
        ).start()
        began = time.perf_counter()
        program = os.path.join(self._code_dir, "bootstrap")
        if not os.path.isfile(program):
            self._close_server()
            raise InitError(
                error_payload(
                    "Runtime.InvalidEntrypoint",
                    "Error: Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]",
                )
            )
        env = {
            "PATH": "/usr/local/bin:/usr/bin:/bin:/opt/bin",
            **self._env,
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._server.server_address[1]}",
            "LAMBDA_TASK_ROOT": self._code_dir,
        }
        read_fd, write_fd = os.pipe()
        try:
            self._process = subprocess.Popen(
                [program],
                cwd=self._code_dir,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=write_fd,
                stderr=write_fd,
                start_new_session=True,
            )
        except OSError as e:
            os.close(read_fd)
            self._close_server()
            raise InitError(
                error_payload(
                    "Runtime.InvalidEntrypoint",
                    f"Error: fork/exec /var/task/bootstrap: {e.strerror.lower()}",
                )
            ) from e
        finally:
            os.close(write_fd)
        self.output = Output(read_fd)
        threading.Thread(target=self._watch, name="lambda-exit", daemon=True).start()

        with self._changed:
            self._changed.wait_for(
                lambda: self._ready or self._init_error or self._exit_text or self._stopped,
                patience,
            )
            if self._ready:
                self.init_ms = (time.perf_counter() - began) * 1000
                return
            payload = self._init_error or error_payload(
                "Runtime.ExitError",
                f"Error: Runtime exited with error: {self._exit_text}"
                if self._exit_text
                else "Error: Runtime did not ask for work, or was stopped, during startup",
            )
        self.stop()
        raise InitError(payload)

    def _watch(self) -> None:
        code = self._process.wait()
        text = f"exit status {code}" if code >= 0 else f"signal: {signal.Signals(-code).name}"
        with self._changed:
            self._exit_text = text
            pending = self._running or self._waiting
            self._running = self._waiting = None
            self._changed.notify_all()
        if pending and not pending.done.done():
            pending.done.set_exception(RuntimeExit(text))

    def alive(self) -> bool:
        with self._changed:
            return self._ready and self._exit_text is None and not self._stopped

    def stop(self) -> None:
        # Also a second time: the first may have come before there was a process.
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self._process and self._process.poll() is None:
            # AWS tells a function without extensions nothing: it is killed.
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self._close_server()

    def _close_server(self) -> None:
        server, self._server = self._server, None
        if server:
            # shutdown() waits for the serving loop to notice; no caller has to.
            threading.Thread(target=_close, args=(server,), daemon=True).start()

    def peak_memory_mb(self) -> int:
        try:
            with open(f"/proc/{self._process.pid}/status") as status:
                for line in status:
                    if line.startswith("VmHWM:"):
                        return max(1, int(line.split()[1]) // 1024)
        except OSError:
            pass
        return 1

    # -- invocations

    def submit(self, pending: Pending) -> None:
        with self._changed:
            if self._exit_text or self._stopped:
                raise RuntimeExit(self._exit_text or "stopped")
            self._waiting = pending
            self._changed.notify_all()

    # -- called by the HTTP handler

    def next(self) -> Pending | None:
        with self._changed:
            self._ready = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._waiting or self._exit_text or self._stopped)
            if not self._waiting:
                return None
            self._running, self._waiting = self._waiting, None
            return self._running

    def answer(self, request_id: str, payload: bytes, is_error: bool) -> bool:
        with self._changed:
            pending = self._running
            if not pending or pending.request_id != request_id:
                return False
            self._running = None
        pending.done.set_result(Outcome(payload, is_error))
        return True

    def init_failed(self, payload: bytes) -> None:
        with self._changed:
            self._init_error = payload or error_payload("Runtime.Unknown", "")
            self._changed.notify_all()


def _close(server: ThreadingHTTPServer) -> None:
    server.shutdown()
    server.server_close()


def _handler_for(owner: BootstrapProcess):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *args):
            pass

        def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None):
            head = [f"HTTP/1.1 {status} {self.responses[status][0]}"]
            all_headers = {
                "Content-Type": "application/json",
                "Content-Length": str(len(body)),
                **(headers or {}),
            }
            head += [f"{k}: {v}" for k, v in all_headers.items()]
            self.wfile.write(("\r\n".join(head) + "\r\n\r\n").encode() + body)

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
                parts = []
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                while self.rfile.readline().strip():
                    pass  # trailers
                return b"".join(parts)
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def do_GET(self):
            if self.path != f"{API}/invocation/next":
                return self._send(404, b"{}")
            pending = owner.next()
            if pending is None:
                self.close_connection = True
                return
            self._send(200, pending.payload, pending.headers)

        def do_POST(self):
            body = self._body()
            if self.path == f"{API}/init/error":
                owner.init_failed(body)
                return self._send(202, b'{"status":"OK"}')
            parts = self.path.removeprefix(f"{API}/invocation/").split("/")
            if len(parts) != 2 or parts[1] not in ("response", "error"):
                return self._send(404, b"{}")
            if owner.answer(parts[0], body, is_error=parts[1] == "error"):
                return self._send(202, b'{"status":"OK"}')
            self._send(
                400, b'{"errorType":"InvalidRequestID","errorMessage":"Invalid request ID"}'
            )

    return Handler
