"""`pipeline curate` where paths hold other bytes than UTF-8, and where an op breaks."""

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from pipeline_project.adapters.addresses import place_of
from pipeline_project.cli import main
from pipeline_project_tests.cli.conftest import write_image
from pipeline_project_tests.commands import BIN, environment

ODD = "odd \udcff"  # as Python holds a name with the byte 0xFF


@pytest.fixture
def media(tmp_path) -> Path:
    folder = tmp_path / ODD
    for number in range(3):
        write_image(folder / f"{number} \udcfe.png", number, size=(64, 64))
    return folder


def curate(folder: Path, *arguments: str, where: Path | None = None, **more: str):
    """Run the command in a folder; output as text."""
    return subprocess.run(
        [str(BIN / "pipeline"), "curate", *arguments],
        cwd=where or folder,
        env=environment(folder, **more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def refused(done: subprocess.CompletedProcess) -> str:
    """Demand wrong use, told in one line; give the line."""
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    return line


def test_source_and_result_may_lie_where_paths_are_not_utf_8(tmp_path, media):
    done = curate(tmp_path, ODD, "--n", "2", "--out", "out \udcfe", "--json")
    assert done.returncode == 0, done.stderr
    folder = Path(json.loads(done.stdout)["folder"])
    assert folder.parent == tmp_path / "out \udcfe"
    assert len(list((folder / "frames").iterdir())) == 2
    settings = yaml.safe_load((folder / "pipeline.yaml").read_text())
    assert place_of(settings["source"]) == media
    assert place_of(settings["output"]["dir"]) == folder.parent
    # The file that was written stands for the same run.
    again = curate(tmp_path, "--config", str(folder / "pipeline.yaml"), "--json", where=media)
    assert again.returncode == 0, again.stderr
    told = json.loads(again.stdout)
    assert (told["reused"], told["folder"]) == (True, str(folder))


def test_variables_may_name_them_too_and_the_last_line_is_text(tmp_path, media):
    where = {"PIPELINE_SOURCE": str(media / "1 \udcfe.png"), "PIPELINE_OUTPUT__DIR": ODD}
    done = curate(tmp_path, "--proportion", "1", **where)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{tmp_path}/odd \\xff/")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((ODD, "--home", "home \udcff"), "home \\xff as the home folder"),
        ((ODD, "--include", "*\udcfe.png"), "include: '*\\xfe.png' is not text in UTF-8"),
        ((ODD, "--dataset", "d\udcff"), "dataset: "),
        ((ODD, "--on", "d\udcff"), "on: "),
        (("pexels:\udcff",), "source: 'pexels:\\xff' is not text in UTF-8"),
        (("s3://bucket/\udcff",), "source: 's3://bucket/\\xff' is not text in UTF-8"),
        (("none \udcff",), "none "),
        (("--config", "none \udcff.yaml"), "none "),
    ],
    ids=["home", "include", "dataset", "on", "pexels", "s3", "missing", "config"],
)
def test_what_cannot_be_other_bytes_is_refused_in_one_line(
    tmp_path, media, monkeypatch, capsys, arguments, words
):
    for name in [*os.environ]:
        if name.startswith(("PIPELINE_", "DAGSTER_", "PEXELS_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    assert main(["curate", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line


def test_a_working_folder_that_is_not_utf_8_needs_a_home_elsewhere(tmp_path, media):
    line = refused(curate(tmp_path, ".", where=media, PIPELINE_HOME=""))
    assert "--home" in line
    line = refused(curate(tmp_path, ".", where=media, DAGSTER_HOME="dagster"))
    assert "DAGSTER_HOME" in line


def test_an_error_that_no_op_foresaw_is_one_line_and_a_traceback_with_debug(
    tmp_path, pipeline, monkeypatch, capsys
):
    write_image(tmp_path / "media" / "a.png")

    class Broken:
        def publish(self, **given):
            raise ZeroDivisionError("first line\nsecond line")

    monkeypatch.setattr("pipeline_project.cli.run_job._publisher", lambda *_: Broken())
    answer = pipeline("curate", "media", "--proportion", "1")
    assert answer.code == 1
    last = answer.err.splitlines()[-1]
    assert "publish_selection failed: ZeroDivisionError: first line. " in last
    assert "second line" not in answer.err
    capsys.readouterr()
    assert main(["--debug", "curate", "media", "--proportion", "1"]) == 1
    assert "in publish\n" in capsys.readouterr().err
