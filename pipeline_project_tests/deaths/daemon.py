"""`dagster dev` over a scene: runs are launched, cancelled and killed as in the web UI."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg

import pipeline_project
from pipeline_project_tests.commands import BIN, environment
from pipeline_project_tests.deaths.scene import Scene

_LAUNCH = """mutation($params: ExecutionParams!) { launchRun(executionParams: $params) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
_TERMINATE = """mutation($run: String!) { terminateRun(runId: $run) { __typename } }"""
_READY = """{ repositoriesOrError { ... on RepositoryConnection { nodes {
  name location { name } } } } }"""


class Daemon:
    """The processes of one `dagster dev`, and what its web page would do."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        home = Path(scene.variables["DAGSTER_HOME"])
        shutil.copy(Path(pipeline_project.__file__).with_name("dagster.yaml"), home)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self._address = f"http://127.0.0.1:{port}/graphql"
        self._log = scene.folder / "log-daemon"
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [BIN / "dagster", "dev", "-m", "pipeline_project.definitions"]
                + ["-h", "127.0.0.1", "-p", str(port)],
                cwd=scene.folder,
                env={**environment(scene.folder), **scene.variables},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        scene.runs.append(self.process)
        scene.wait(self._ready, "dagster dev being up", 150)
        self.instance = dg.DagsterInstance.from_config(str(home))

    def launch(self) -> str:
        """Launch `curation_job` with nothing changed; gives the run's id."""
        (repository,) = self._repositories()
        selector = {
            "repositoryLocationName": repository["location"]["name"],
            "repositoryName": repository["name"],
            "jobName": "curation_job",
        }
        params = {"selector": selector, "runConfigData": {}, "mode": "default"}
        answer = self._ask(_LAUNCH, {"params": params})["launchRun"]
        return str(answer["run"]["runId"])

    def cancel(self, run_id: str) -> None:
        """Press Terminate."""
        answer = self._ask(_TERMINATE, {"run": run_id})["terminateRun"]
        assert answer["__typename"] == "TerminateRunSuccess", answer

    def status(self, run_id: str) -> str:
        run = self.instance.get_run_by_id(run_id)
        return run.status.value if run else "unknown"

    def run_worker(self, run_id: str) -> int:
        """The process that executes a run: what was started for it, and its step."""
        for record in self.instance.all_logs(run_id):
            words = record.user_message
            if "pid:" in words:
                return int(words.partition("pid:")[2].strip(" ).\n").split(")")[0])
        raise AssertionError("no process was started for the run")

    def daemon_process(self) -> int:
        """The process that runs sensors and schedules."""
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                group = os.getpgid(int(entry.name))
            except OSError:
                continue  # gone since the list was made
            if group == self.process.pid and b"dagster._daemon" in words:
                return int(entry.name)
        raise AssertionError("the daemon's process was not found")

    def kill_everything(self) -> None:
        """As a power cut does to the machine that runs Dagster."""
        groups = {os.getpgid(pid) for pid in _descendants(self.process.pid)}
        for group in groups | {self.process.pid}:
            os.killpg(group, signal.SIGKILL)
        self.process.wait(30)

    def _ready(self) -> bool:
        try:
            return bool(self._repositories())
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def _repositories(self) -> list[dict[str, Any]]:
        nodes: list[dict[str, Any]] = self._ask(_READY, {})["repositoriesOrError"].get("nodes", [])
        return nodes

    def _ask(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(self._address, body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            data: dict[str, Any] = json.load(answer)["data"]
        return data


def _descendants(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue  # gone since the list was made
            children.setdefault(parent, []).append(int(entry.name))
    found, queue = [pid], [pid]
    while queue:
        for child in children.get(queue.pop(), []):
            found.append(child)
            queue.append(child)
    return found


@contextmanager
def daemon(scene: Scene) -> Iterator[Daemon]:
    """Run `dagster dev` over a scene, and leave nothing of it behind."""
    started = Daemon(scene)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            os.killpg(started.process.pid, signal.SIGINT)
            deadline = time.monotonic() + 20
            while started.process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.1)
        if started.process.poll() is None:
            started.kill_everything()
