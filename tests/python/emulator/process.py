"""An embedded target as a process of its own: started on a port that the system picks, stopped, killed."""

import json
import os
import signal
import subprocess
from pathlib import Path

from support import wait_until

ROOT = Path(__file__).resolve().parents[3]
START_SECONDS = 20
STOP_SECONDS = 20


def binary():
    """The program under test: $PIPECTL, else the one that `cargo build -p pipectl` makes."""
    path = Path(os.environ.get("PIPECTL") or ROOT / "target/debug/pipectl").resolve()
    assert path.is_file(), f"{path} is not there: build it, or set PIPECTL"
    return path


class Emulator:
    """`pipectl emulator` over a data directory. Functions run in process groups of their own, and all of
    them in the session of this process: what is left of it is found by that."""

    def __init__(self, data, log, *arguments):
        self.data = Path(data)
        self.log = Path(log)
        command = [str(binary()), "--output", "json", "emulator", "--data", str(data), *arguments]
        with open(self.log, "ab") as errors:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        self.endpoint = self._read_endpoint()

    def _read_endpoint(self):
        """Reads the envelope that is printed once the port is bound."""
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if line.rstrip() == b"}":
                break
        text = b"".join(lines).decode()
        assert text, f"the emulator ended with {self.process.wait(START_SECONDS)}: {self.errors()}"
        envelope = json.loads(text)
        assert envelope["version"] == 1, envelope
        assert envelope["status"] == "ok" and envelope["error"] is None, envelope
        assert envelope["data"]["pid"] == self.process.pid, envelope
        endpoint = envelope["data"]["endpoint"]
        assert endpoint.startswith("http://127.0.0.1:"), endpoint
        return endpoint

    def errors(self):
        return self.log.read_text(errors="replace")

    def processes(self):
        """Process ids of the session that have not ended."""
        left = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text(errors="replace").rpartition(")")[2].split()
            except OSError:
                # It has ended meanwhile.
                continue
            # Behind the name: state, parent, process group, session.
            if int(fields[3]) == self.process.pid and fields[0] not in ("Z", "X"):
                left.append(int(stat.parent.name))
        return left

    def stop(self):
        """Stops it as a user does; it must end well and leave no process behind."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(STOP_SECONDS)
        rest = self.process.stdout.read()
        self.process.stdout.close()
        assert status == 0, f"the emulator ended with {status}: {self.errors()}"
        assert rest == b"", f"there is more than one envelope on stdout: {rest}"
        left = self.processes()
        assert left == [], f"processes are left: {left}"

    def kill(self):
        """Kills it in the middle of what it does."""
        self.process.kill()
        assert self.process.wait(STOP_SECONDS) == -signal.SIGKILL
        self.process.stdout.close()

    def wait_until_gone(self):
        """Functions of an emulator that was killed notice it when they next speak to it."""
        wait_until(lambda: not self.processes(), "the functions have ended")

    def clean_up(self):
        """Whatever a failed test left."""
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait(STOP_SECONDS)
