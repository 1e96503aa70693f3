"""A run on the bed, a way to hurt it, and the safeguards that outlive it."""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline_project.build import aws_instance
from pipeline_project.sample import sample_dir
from pipeline_project.settings import load_settings
from pipeline_project_tests.aws_bed.bed import AwsBed, Delays
from pipeline_project_tests.aws_bed.house import aws_house
from pipeline_project_tests.aws_bed.metadata import Metadata
from pipeline_project_tests.commands import BIN, environment
from pipeline_project_tests.seaweed import Seaweed
from pipeline_project_tests.seaweed import environment as set_variables

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "ec2" / "dead_mans_switch.py"
DEFINITIONS = "pipeline_project.definitions"
DOOMED = "pipeline_project_tests.deaths.doomed"  # one step of it fails, see there
HANGS = "#!/bin/sh\necho begun\nexec sleep 600\n"
FAILS = "#!/bin/sh\necho 'the worker fails on purpose' >&2\nexit 3\n"


class Scene:
    """One bed, one stack on it, some footage."""

    def __init__(self, folder: Path, bed: AwsBed, given: dict[str, str]) -> None:
        self.folder, self.bed = folder, bed
        self.footage = folder / "footage"
        self.footage.mkdir()
        for path in sorted(sample_dir().glob("*.jpg")):
            shutil.copy(path, self.footage)
        self.variables = {
            **given,
            "PIPELINE_ON": "aws",
            "PIPELINE_SOURCE": str(self.footage),
            "PIPELINE_AWS__LEASE_S": "30",
            "DAGSTER_HOME": str(folder / "dagster"),
        }
        (folder / "dagster").mkdir()
        self.runs: list[subprocess.Popen[bytes]] = []
        self.hurt_at: float | None = None

    def hurt(self) -> None:
        """Note that it happens now, whatever it is."""
        self.hurt_at = time.monotonic()

    def worker(self, script: str) -> None:
        """Put another program on the box in our worker's place."""
        launcher = self.folder / "other-worker"
        launcher.write_text(script)
        launcher.chmod(0o755)
        self.variables["PIPELINE_AWS__WORKER"] = str(launcher)

    def start(self, **more: str) -> subprocess.Popen[bytes]:
        """Start a run as a user does, and return at once."""
        module = DOOMED if "DOOM" in more else DEFINITIONS
        with (self.folder / f"log-{len(self.runs)}").open("wb") as log:
            run = subprocess.Popen(
                [BIN / "dagster", "job", "execute", "-m", module, "-j", "curation_job"],
                cwd=self.folder,
                env={**environment(self.folder), "PYTHONPATH": str(ROOT), **self.variables, **more},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.runs.append(run)
        return run

    def log(self) -> str:
        logs = sorted(self.folder.glob("log-*"), key=lambda path: path.stat().st_mtime)
        return "\n".join(path.read_text()[-5000:] for path in logs[-3:])

    def wait(self, seen: Callable[[], Any], what: str, timeout_s: float = 120) -> None:
        """Wait until something is seen; what the runs said is in the error."""
        deadline = time.monotonic() + timeout_s
        while not seen():
            assert time.monotonic() < deadline, f"{what}: not within {timeout_s} s\n{self.log()}"
            time.sleep(0.02)

    def wait_at_work(self, commands: int = 1) -> None:
        """Wait until our worker's place on the box is taken by a running program."""
        self.wait(
            lambda: sum(each.status == "InProgress" for each in self.bed.commands) >= commands,
            "the worker at work on the box",
        )

    def ended(self, run: subprocess.Popen[bytes], timeout_s: float = 150) -> int:
        """Wait for a run's end; gives its exit code."""
        self.wait(lambda: run.poll() is not None, "the run's end", timeout_s)
        return int(run.returncode)

    def kill(self, run: subprocess.Popen[bytes], number: int) -> None:
        """Send a signal to the run's own process, as a terminal or the kernel does."""
        self.hurt()
        os.kill(run.pid, number)

    @property
    def stopped(self) -> bool:
        return self.bed.state() in ("stopped", "terminated")

    def demand_stopped(self, timeout_s: float = 30) -> None:
        """Wait for the box to be off; `benchmarks/ways_to_die.py` asks for a note of how long."""
        self.wait(lambda: self.stopped, "the box being off", timeout_s)
        assert self.bed.box.processes() == []
        notes = os.environ.get("WAYS_TO_DIE")
        if notes:
            test = os.environ["PYTEST_CURRENT_TEST"].partition("::")[2].partition(" ")[0]
            with Path(notes).open("a") as file:
                took = None if self.hurt_at is None else time.monotonic() - self.hurt_at
                file.write(json.dumps([test, took]) + "\n")

    def instance(self, later_s: float = 0.0) -> Any:
        """What the sensors use, in this process, with a clock that is ahead."""
        variables = {**self.variables, "PIPELINE_HOME": str(self.folder / ".pipeline")}
        with set_variables(variables):
            instance = aws_instance(load_settings())
        instance._clock = instance._book._clock = lambda: (
            datetime.now(UTC) + timedelta(seconds=later_s)
        )
        return instance

    def reap(self, later_s: float) -> str:
        """Tick the reaper sensor so much later; gives what it said."""
        return str(self.instance(later_s).reap("the reaper sensor").message)

    def tick_switch(self, later_s: float) -> bool:
        """Run the dead-man's switch on the box so much later; tells whether it shut it down."""
        spec = importlib.util.spec_from_file_location("dead_mans_switch", SCRIPT)
        assert spec and spec.loader
        switch = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(switch)
        metadata = Metadata()
        metadata.tags = self._tags()
        order = self.folder / "shutdown-ordered"
        (self.folder / "uptime").write_text(f"{later_s + 60} 0\n")
        try:
            code = switch.main(
                ["--metadata", metadata.url, "--uptime-file", str(self.folder / "uptime")]
                + ["--state", str(self.folder / "switch.json"), "--shutdown", "touch", str(order)],
                clock=lambda: time.time() + later_s,
            )
        finally:
            metadata.close()
        assert code == 0
        if order.exists():
            order.unlink()
            self.bed.box.stop()
            return True
        return False

    def leases(self) -> list[str]:
        return [lease.run_id for lease in self.instance().status().leases]

    def _tags(self) -> dict[str, str]:
        said = self.bed.client("ec2").describe_instances(InstanceIds=[self.bed.instance_id])
        (instance,) = said["Reservations"][0]["Instances"]
        return {each["Key"]: each["Value"] for each in instance.get("Tags", [])}


@contextmanager
def scene(folder: Path, server: Seaweed, delays: Delays | None = None) -> Iterator[Scene]:
    """Build a scene, and leave no process of it behind."""
    with set_variables(server.environment), aws_house(folder, server, delays) as (bed, given):
        made = Scene(folder, bed, given)
        try:
            yield made
        finally:
            for run in made.runs:
                try:
                    os.killpg(run.pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
                run.wait(30)
