"""Run Command that runs: documents with their parameters, delivery, time limits, cancellation."""

import json
import os
import re
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline_project_tests.aws_bed.box import MARK, Box

STDOUT_CHARS, STDERR_CHARS = 24_000, 8_000
MIN_DELIVERY_S, MAX_DELIVERY_S = 30, 2_592_000
FINAL = ("Success", "Failed", "TimedOut", "Cancelled")
_PLACE = re.compile(r"\{\{\s*(\w+)\s*\}\}")


class Refused(Exception):
    """What the API answers with an error code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def render(document: Mapping[str, Any], given: Mapping[str, list[str]]) -> tuple[str, int]:
    """Put parameters into a document's script as SSM does: plain text, after its own checks.

    Returns:
        The script and its execution timeout in seconds.
    """
    values: dict[str, str] = {}
    declared = document.get("parameters", {})
    for name in given:
        if name not in declared:
            raise Refused("InvalidParameters", f"Parameter {name} is not defined in document.")
    for name, rule in declared.items():
        if name in given:
            (value,) = given[name]
        elif "default" in rule:
            value = rule["default"]
        else:
            raise Refused("InvalidParameters", f"Parameter {name} requires a value.")
        if "allowedPattern" in rule and not re.search(rule["allowedPattern"], value):
            raise Refused(
                "InvalidParameters", f"Parameter {name} doesn't match {rule['allowedPattern']}."
            )
        if "allowedValues" in rule and value not in rule["allowedValues"]:
            raise Refused("InvalidParameters", f"Parameter {name} is not an allowed value.")
        values[name] = value

    def fill(text: str) -> str:
        return _PLACE.sub(lambda place: values[place.group(1)], text)

    (step,) = document["mainSteps"]
    inputs = step["inputs"]
    script = "\n".join(fill(line) for line in inputs["runCommand"])
    return script, int(fill(str(inputs.get("timeoutSeconds", "3600"))))


class Command:
    """One command on one box, and what becomes of it."""

    def __init__(
        self,
        box: Box,
        script: str,
        *,
        document: str,
        comment: str,
        delivery_s: float,
        execution_s: float,
        bucket: str,
        prefix: str,
        environment: Mapping[str, str],
        put: Callable[[str, str, bytes], None],
        visible_after_s: float,
        folder: Path,
    ) -> None:
        self.id = str(uuid.uuid4())
        self.box = box
        self.document, self.comment = document, comment
        self.status, self.details = "Pending", "Pending"
        self.code = -1
        self.stdout = self.stderr = ""
        self.requested = datetime.now(UTC)
        self.visible_at = time.monotonic() + visible_after_s
        self._script, self._environment = script, dict(environment)
        self._delivery_s, self._execution_s = delivery_s, execution_s
        self._bucket, self._prefix, self._put = bucket, prefix, put
        self._file = folder / self.id / "_script.sh"
        self._cancelled = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether anything is still done for this command."""
        return self._thread.is_alive()

    def join(self) -> None:
        """Wait until nothing is done for this command any more."""
        self._thread.join(10)

    def cancel(self) -> None:
        with self._lock:
            if self.status in FINAL:
                return
            self._cancelled.set()
            self.status = self.details = "Cancelling"
            self._kill()

    def invocation(self) -> dict[str, Any]:
        final = self.status in FINAL
        return {
            "CommandId": self.id,
            "InstanceId": self.box.id,
            "Comment": self.comment,
            "DocumentName": self.document,
            "PluginName": "runShellScript",
            "ResponseCode": self.code,
            "Status": self.status,
            "StatusDetails": self.details,
            "StandardOutputContent": self.stdout[:STDOUT_CHARS] if final else "",
            "StandardErrorContent": self.stderr[:STDERR_CHARS] if final else "",
        }

    def summary(self) -> dict[str, Any]:
        return {
            "CommandId": self.id,
            "DocumentName": self.document,
            "Comment": self.comment,
            "InstanceIds": [self.box.id],
            "Status": self.status,
            "StatusDetails": self.details,
            "RequestedDateTime": self.requested,
        }

    def _run(self) -> None:
        end = time.monotonic() + self._delivery_s
        while not self.box.online:
            if self._cancelled.is_set():
                return self._end("Cancelled", "Cancelled", -1)
            if time.monotonic() > end:
                return self._end("TimedOut", "DeliveryTimedOut", -1)
            time.sleep(0.02)
        with self._lock:
            if not self._cancelled.is_set():
                self.status = self.details = "InProgress"
                # As the agent does: a file, whose first line says what reads it.
                self._file.parent.mkdir(parents=True, exist_ok=True)
                self._file.write_text(self._script)
                self._file.chmod(0o700)
                self._process = subprocess.Popen(
                    ["sh", "-c", str(self._file)],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env={**self._environment, MARK: self.box.id},
                    start_new_session=True,
                )
        if self._process is None:
            return self._end("Cancelled", "Cancelled", -1)
        timed_out = False
        try:
            out, err = self._process.communicate(timeout=self._execution_s)
        except subprocess.TimeoutExpired:
            timed_out = True
            self._kill()
            out, err = self._process.communicate()
        code = self._process.returncode
        self.stdout, self.stderr = out.decode("utf-8", "replace"), err.decode("utf-8", "replace")
        self._store(out, err)
        if self._cancelled.is_set():
            return self._end("Cancelled", "Cancelled", code)
        if timed_out:
            return self._end("TimedOut", "ExecutionTimedOut", code)
        if self.box.state != "running":
            return self._end("Failed", "Terminated", code)
        ended = "Success" if code == 0 else "Failed"
        return self._end(ended, ended, code)

    def _store(self, out: bytes, err: bytes) -> None:
        if self._bucket:
            folder = f"{self._prefix}/{self.id}/{self.box.id}/awsrunShellScript/run"
            for name, data in (("stdout", out), ("stderr", err)):
                if data:
                    self._put(self._bucket, f"{folder}/{name}".lstrip("/"), data)

    def _end(self, status: str, details: str, code: int) -> None:
        with self._lock:
            self.code, self.details, self.status = code, details, status

    def _kill(self) -> None:
        """Kill the script's process group, which is all that the agent reaches."""
        if self._process is not None:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                return


def parse(content: str | Mapping[str, Any]) -> Mapping[str, Any]:
    """A registered document's content, which moto may keep as text."""
    parsed: Mapping[str, Any] = json.loads(content) if isinstance(content, str) else content
    return parsed
