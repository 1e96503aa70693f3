"""What a rented machine does over time, behind moto's instances.

`start` and `stop` take a while, meanwhile the other one is an IncorrectInstanceState, the SSM
agent comes online after `running`, and stopping kills whatever runs on the machine.
"""

import copy
import os
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moto.core.utils import utcnow
from moto.ec2.exceptions import EC2ClientError

MARK = "AWS_BED_BOX"  # every process on a box has this variable, set to the instance's id
CODES = {"pending": 0, "running": 16, "terminated": 48, "stopping": 64, "stopped": 80}


@dataclass
class Delays:
    """Seconds that things take on the bed."""

    boot_s: float = 0.15
    agent_s: float = 0.15
    stop_s: float = 0.15


class Box:
    """One instance's life; `instance` is moto's."""

    def __init__(self, instance: Any, delays: Delays) -> None:
        self.id: str = instance.id
        self._instance = instance
        self._delays = delays
        self._lock = threading.RLock()
        self._generation = 0
        self.agent_lost = False
        self.online_at = time.monotonic()
        self.starts = 0
        self.stops = 0

    @property
    def state(self) -> str:
        return str(self._instance._state.name)

    @property
    def online(self) -> bool:
        ready = time.monotonic() >= self.online_at
        return self.state == "running" and ready and not self.agent_lost

    def start(self) -> Any:
        with self._lock:
            before = copy.copy(self._instance._state)
            if before.name in ("stopping", "terminated"):
                raise self._incorrect("started")
            if before.name == "stopped":
                self.starts += 1
                self._instance.launch_time = utcnow()
                self._set("pending")
                self._later(self._delays.boot_s, self._running)
            return before

    def stop(self) -> Any:
        with self._lock:
            before = copy.copy(self._instance._state)
            if before.name in ("pending", "terminated"):
                raise self._incorrect("stopped")
            if before.name == "running":
                self.stops += 1
                self._set("stopping")
                self.kill_everything()
                self._later(self._delays.stop_s, lambda: self._set("stopped"))
            return before

    def terminate(self) -> Any:
        with self._lock:
            before = copy.copy(self._instance._state)
            self._generation += 1
            self._set("terminated")
            self.kill_everything()
            return before

    def become(self, state: str) -> None:
        """Put it into a final state at once, as a test's starting point."""
        with self._lock:
            self._generation += 1
            self._set(state)
            self.online_at = time.monotonic()

    def deleted_by_shutdown(self) -> None:
        """Have a shutdown from within terminate it; moto forgets this when asked by the API."""
        self._instance.instance_initiated_shutdown_behavior = "terminate"

    def kill_everything(self) -> None:
        """Kill every process that runs on this machine, as cutting its power would."""
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def processes(self) -> list[int]:
        """Every process that was started on this machine."""
        mark = f"{MARK}={self.id}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
            except OSError:
                continue  # gone since the list was made
        return found

    def _running(self) -> None:
        self.online_at = time.monotonic() + self._delays.agent_s
        self._set("running")

    def _set(self, state: str) -> None:
        self._instance._state.name = state
        self._instance._state.code = CODES[state]

    def _later(self, delay_s: float, act: Any) -> None:
        self._generation += 1
        generation = self._generation

        def when_due() -> None:
            with self._lock:
                if generation == self._generation:
                    act()

        timer = threading.Timer(delay_s, when_due)
        timer.daemon = True
        timer.start()

    def _incorrect(self, what: str) -> EC2ClientError:
        return EC2ClientError(
            "IncorrectInstanceState",
            f"The instance '{self.id}' is not in a state from which it can be {what}.",
        )
