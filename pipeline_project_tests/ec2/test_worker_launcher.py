"""`ec2/worker`, with a folder for the bucket: the wheel it runs is one of this very code."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from pipeline_project.adapters.wheel import build_wheel

LAUNCHER = Path(__file__).parents[2] / "ec2" / "worker"

# Stands for the AWS command line: `aws s3 cp --only-show-errors s3://bucket/... FILE`.
_AWS = """#!/bin/bash
echo cp >> "$BUCKET_LOG"
exec cp "$BUCKET_FOLDER/${4#s3://}" "$5"
"""
# A wheel without dependencies, so that nothing is downloaded.
_MAIN = "import sys; print('ran', *sys.argv[1:], flush=True); sys.stdin.read()"


class Bucket:
    def __init__(self, folder: Path) -> None:
        self.folder, self.log, self.home = folder / "s3", folder / "log", folder / "opt"
        self.log.touch()
        commands = folder / "commands"
        commands.mkdir()
        (commands / "aws").write_text(_AWS)
        (commands / "aws").chmod(0o755)
        path = f"{commands}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.environment = {
            "PATH": path,
            "BUCKET_FOLDER": str(self.folder),
            "BUCKET_LOG": str(self.log),
            "PIPELINE_BOX_HOME": str(self.home),
            "PIPELINE_WHEEL_EXTRAS": "aws",
        }

    def upload(self, wheel: Path, sha256: str) -> str:
        key = f"footage/pipeline/wheels/{sha256}/{wheel.name}"
        target = self.folder / key
        target.parent.mkdir(parents=True)
        shutil.copyfile(wheel, target)
        return f"s3://{key}"

    def run(self, wheel: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [LAUNCHER, *arguments],
            env=self.environment | {"PIPELINE_WHEEL": wheel},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )


@pytest.fixture
def bucket(tmp_path: Path) -> Bucket:
    return Bucket(tmp_path)


@pytest.fixture
def small_wheel(tmp_path: Path) -> tuple[Path, str]:
    return _wheel(tmp_path / "small", _MAIN)


def _wheel(folder: Path, main: str) -> tuple[Path, str]:
    folder.mkdir()
    target = folder / "pipeline_project-0.0.1-py3-none-any.whl"
    info = "pipeline_project-0.0.1.dist-info"
    files = {
        "pipeline_project/__init__.py": "",
        "pipeline_project/worker/__init__.py": "",
        "pipeline_project/worker/__main__.py": main,
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: pipeline-project\n"
        "Version: 0.0.1\nProvides-Extra: aws\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(target, "w") as archive:
        for name, text in (files | {f"{info}/RECORD": record}).items():
            archive.writestr(name, text)
    return target, hashlib.sha256(target.read_bytes()).hexdigest()


def test_it_installs_the_named_wheel_once_and_runs_it(
    bucket: Bucket, small_wheel: tuple[Path, str]
) -> None:
    address = bucket.upload(*small_wheel)
    for _ in range(2):
        done = bucket.run(address, "--root", "a b", "*")
        assert (done.returncode, done.stdout) == (0, "ran --root a b *\n"), done.stderr
    assert bucket.log.read_text() == "cp\n"


def test_other_code_gets_an_environment_of_its_own(
    bucket: Bucket, small_wheel: tuple[Path, str], tmp_path: Path
) -> None:
    other = bucket.upload(*_wheel(tmp_path / "other", "print('other')"))
    first = bucket.upload(*small_wheel)
    assert bucket.run(first).stdout == "ran\n"
    assert bucket.run(other).stdout == "other\n"
    assert bucket.run(first).stdout == "ran\n"


# Makes an environment in no time; its program says that it runs, and ends with its input.
_QUICK_PYTHON = """#!/bin/bash
[ "$1 $2" = "-m venv" ] || exit 0
mkdir -p "$3/bin"
printf '#!/bin/bash\\n[ "$2" = pip ] || { echo ran; exec cat; }\\n' > "$3/bin/python"
chmod +x "$3/bin/python"
"""


def test_old_environments_go_and_one_in_use_stays(
    bucket: Bucket, small_wheel: tuple[Path, str], tmp_path: Path
) -> None:
    quick = tmp_path / "commands" / "python3.13"
    quick.write_text(_QUICK_PYTHON)
    quick.chmod(0o755)
    venvs = bucket.home / "venvs"
    others = [venvs / f"{number:064x}-aws" for number in range(3)]
    with subprocess.Popen(
        [LAUNCHER],
        env=bucket.environment | {"PIPELINE_WHEEL": bucket.upload(*small_wheel)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as at_work:
        assert at_work.stdout is not None and at_work.stdin is not None
        assert at_work.stdout.readline() == "ran\n"
        in_use = venvs / f"{small_wheel[1]}-aws"
        os.utime(f"{in_use}.use", (1, 1))  # the one least lately begun with
        for number, other in enumerate(others):
            (other / "bin").mkdir(parents=True)
            Path(f"{other}.use").touch()
            os.utime(f"{other}.use", (2 + number, 2 + number))
        new = _wheel(tmp_path / "new", "print('new')")
        assert bucket.run(bucket.upload(*new)).stdout == "ran\n"
        assert [each.is_dir() for each in others] == [False, True, True]
        assert (in_use / "ready").exists() and (venvs / f"{new[1]}-aws" / "ready").exists()
        at_work.stdin.close()
    assert at_work.returncode == 0


def test_bytes_that_are_not_the_named_ones_are_refused(
    bucket: Bucket, small_wheel: tuple[Path, str]
) -> None:
    address = bucket.upload(small_wheel[0], "0" * 64)
    done = bucket.run(address)
    assert done.returncode == 1
    assert "not the bytes that its name says" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("wheel", ["", "s3://b/x.whl", "s3://b/wheels/12/x.whl", "/etc/passwd"])
def test_an_address_of_another_form_is_refused(bucket: Bucket, wheel: str) -> None:
    done = bucket.run(wheel)
    assert done.returncode != 0
    assert "PIPELINE_WHEEL" in done.stderr


def test_two_runs_at_once_install_once(bucket: Bucket, small_wheel: tuple[Path, str]) -> None:
    address = bucket.upload(*small_wheel)
    runs = [
        subprocess.Popen(
            [LAUNCHER, "x"],
            env=bucket.environment | {"PIPELINE_WHEEL": address},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    assert [run.communicate(timeout=120)[0] for run in runs] == ["ran x\n"] * 2
    assert bucket.log.read_text() == "cp\n"


def test_an_installation_killed_half_way_is_done_again(
    bucket: Bucket, small_wheel: tuple[Path, str]
) -> None:
    address = bucket.upload(*small_wheel)
    run = subprocess.Popen(
        [LAUNCHER],
        env=bucket.environment | {"PIPELINE_WHEEL": address},
        start_new_session=True,
        stdout=subprocess.PIPE,
    )
    deadline = time.monotonic() + 60
    while not list(bucket.home.glob("venvs/*/pyvenv.cfg")):
        assert time.monotonic() < deadline, "no environment was begun"
        time.sleep(0.01)
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate(timeout=30)
    assert not list(bucket.home.glob("venvs/*/ready"))
    assert bucket.run(address).stdout == "ran\n"


def test_our_own_wheel_is_the_same_bytes_twice_and_runs_elsewhere(tmp_path: Path) -> None:
    first, sha256 = build_wheel(tmp_path / "a")
    again, same = build_wheel(tmp_path / "b")
    assert first.read_bytes() == again.read_bytes()
    assert sha256 == same == hashlib.sha256(first.read_bytes()).hexdigest()
    target = tmp_path / "installed"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"]
        + ["--disable-pip-version-check", "--target", str(target), str(first)],
        check=True,
        timeout=120,
    )
    done = subprocess.run(
        [sys.executable, "-c", "import pipeline_project.worker as w; print(w.__file__)"],
        env=os.environ | {"PYTHONPATH": str(target)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.strip() == str(target / "pipeline_project" / "worker" / "__init__.py")
    for file in ("sample/truth.json", "dagster.yaml"):
        assert (target / "pipeline_project" / file).is_file()
