"""`dagster dev` and `dagit`, started as a user starts them."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline_project_tests.commands import BIN, environment

ROOT = Path(__file__).resolve().parents[1]

QUERY = """{ repositoriesOrError { ... on RepositoryConnection { nodes {
  name location { name } jobs { name } } } } }"""


@contextmanager
def server(folder: Path, *command: str):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = folder / "dagster"
    home.mkdir()
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [str(BIN / command[0]), *command[1:], "-h", "127.0.0.1", "-p", str(port)],
            cwd=ROOT,
            env=environment(folder, DAGSTER_HOME=str(home)),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield f"http://127.0.0.1:{port}/graphql"
    finally:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def jobs_shown(address: str, log: Path) -> set[str]:
    deadline = time.monotonic() + 150
    request = urllib.request.Request(
        address, json.dumps({"query": QUERY}).encode(), {"content-type": "application/json"}
    )
    while True:
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                nodes = json.load(answer)["data"]["repositoriesOrError"].get("nodes", [])
            if nodes:
                return {job["name"] for node in nodes for job in node["jobs"]}
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            pass  # not up yet; the deadline decides
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(1)


@pytest.mark.parametrize("command", ["dagster dev", "dagit"])
def test_the_web_ui_shows_both_jobs(tmp_path, command):
    with server(tmp_path, *command.split(), "-w", "workspace.yaml") as address:
        assert jobs_shown(address, tmp_path / "log") >= {"curation_job", "aws_example_job"}
