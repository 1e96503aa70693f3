"""`ec2/run.sh`, with stand-ins for the two programs of the box that it calls."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "ec2" / "run.sh"
TOKEN = "a-secret-token"

_AWS = f"""#!/bin/bash
echo "aws $*" >> "$LOG"
name="--name /pipeline_project/lightly_token "
[[ "$*" == *"$name"* ]] || {{ echo ParameterNotFound >&2; exit 254; }}
echo {TOKEN}
"""
_DOCKER = """#!/bin/bash
echo "docker $*" >> "$LOG"
case "$1" in
  run) echo "token ${#LIGHTLY_TOKEN} id $LIGHTLY_WORKER_ID" >> "$LOG"
       [ -z "${CONTAINER_ENDS:-}" ] || exit "$CONTAINER_ENDS"
       mkfifo "$LOG.container"; read -r code < "$LOG.container"; exit "$code" ;;
  stop) echo 137 > "$LOG.container" ;;
esac
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    for name, text in (("aws", _AWS), ("docker", _DOCKER)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    return {"PATH": f"{tmp_path}:{os.environ['PATH']}", "LOG": str(tmp_path / "log")}


def _run(environment: dict[str, str], **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SCRIPT], env=environment | more, capture_output=True, text=True, timeout=30
    )


def test_the_token_reaches_the_container_by_name_and_stands_nowhere(
    environment: dict[str, str],
) -> None:
    done = _run(environment, CONTAINER_ENDS="0", LIGHTLY_WORKER_ID="w1", LIGHTLY_GPUS="none")
    assert done.returncode == 0
    log = Path(environment["LOG"]).read_text()
    assert f"token {len(TOKEN)} id w1" in log
    assert "--env LIGHTLY_TOKEN --env LIGHTLY_WORKER_ID lightly/worker:latest" in log
    assert "--gpus" not in log
    assert TOKEN not in log + done.stdout + done.stderr


def test_the_container_s_exit_code_is_the_script_s(environment: dict[str, str]) -> None:
    assert _run(environment, CONTAINER_ENDS="3").returncode == 3


def test_image_memory_and_gpus_are_settings(environment: dict[str, str]) -> None:
    _run(
        environment, CONTAINER_ENDS="0", LIGHTLY_WORKER_IMAGE="lightly/worker@sha256:1",
        LIGHTLY_SHM_SIZE="4g", LIGHTLY_GPUS="device=0",
    )  # fmt: skip
    log = Path(environment["LOG"]).read_text()
    assert "--shm-size=4g" in log
    assert log.rstrip().splitlines()[-2].endswith("--gpus device=0 lightly/worker@sha256:1")


def test_a_missing_token_is_said_with_the_way_out(environment: dict[str, str]) -> None:
    done = _run(environment, LIGHTLY_TOKEN_PARAMETER="/elsewhere")
    assert done.returncode == 1
    assert "ParameterNotFound" in done.stderr
    assert "aws ssm put-parameter --type SecureString --name /elsewhere" in done.stderr
    assert "docker" not in Path(environment["LOG"]).read_text()


def test_ending_the_script_stops_the_container(environment: dict[str, str]) -> None:
    run = subprocess.Popen([SCRIPT], env=environment, stderr=subprocess.PIPE)
    container = Path(environment["LOG"] + ".container")
    deadline = time.monotonic() + 20
    while not container.exists():
        assert time.monotonic() < deadline, "the container did not start"
        time.sleep(0.01)
    run.send_signal(signal.SIGTERM)
    assert run.wait(timeout=20) == 143
    log = Path(environment["LOG"]).read_text()
    name = log.partition("--name pipeline_project-lightly-")[2].split()[0]
    assert f"docker stop --time 20 pipeline_project-lightly-{name}" in log
