"""`pipeline curate pexels:...` as a user runs it, against a local server."""

import hashlib
import signal
import subprocess
import threading

import pytest

from pipeline_project.sample import sample_dir
from pipeline_project_tests.commands import BIN, environment, run
from pipeline_project_tests.contracts.commands import wait_for
from pipeline_project_tests.stand_ins.http import Answer
from pipeline_project_tests.stand_ins.pexels import KEY, pexels


@pytest.fixture
def api():
    clip = next(path for path in sorted(sample_dir().iterdir()) if path.suffix == ".mp4")
    with pexels(total=30, video=clip.read_bytes()) as it:
        yield it


def variables(api, **more):
    return {"PEXELS_API_KEY": KEY, "PIPELINE_PEXELS__API_URL": f"{api.base}/v1", **more}


def stored(folder):
    return sorted((folder / ".pipeline" / "store" / "input").glob("*"))


@pytest.mark.parametrize(
    ("given", "fault", "words"),
    [
        ({"PEXELS_API_KEY": ""}, None, "PEXELS_API_KEY, which is not set"),
        ({"PEXELS_API_KEY": "wrong"}, None, "HTTP 401, the key is refused"),
        ({}, Answer(403), "HTTP 403, this key may not ask that"),
        ({"PIPELINE_PEXELS__API_URL": "http://api.pexels.com/v1"}, None, "only sent over https"),
        ({"PIPELINE_PEXELS__MAX_DURATION_S": "2"}, None, "none of the 30 matches is new and all"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_code_2(
    pipeline, monkeypatch, api, tmp_path, given, fault, words
):
    for name, value in variables(api, **given).items():
        monkeypatch.setenv(name, value)
    api.faults = [fault] if fault else []
    answer = pipeline("curate", "pexels:coffee")
    assert answer.code == 2
    (line,) = answer.err.strip().splitlines()
    assert line.startswith("Error: ") and words in line
    assert KEY not in answer.err + answer.out
    assert stored(tmp_path) == []


def test_a_run_killed_amid_a_download_leaves_no_part_that_passes_for_a_video(api, tmp_path):
    going, true = threading.Event(), api.server.answer

    def answer(request):
        given = true(request)
        if request.path.startswith("/video-files/") and not going.is_set():
            given.cut = len(given.body) // 2
            api.server.half_way = True
        return given

    api.server.half_way = False
    api.server.answer = answer
    api.faults = []
    command = [str(BIN / "pipeline"), "curate", "pexels:id:7", "--n", "2"]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment(tmp_path, **variables(api)),
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        assert wait_for(lambda: api.server.half_way or process.poll() is not None, 60)
        assert process.poll() is None
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert stored(tmp_path) == []
    going.set()
    done = run(tmp_path, *["pipeline", *command[1:]], **variables(api))
    assert done.returncode == 0, done.stderr
    (path,) = stored(tmp_path)
    assert path.read_bytes() == api.content(7)
    assert path.stem == hashlib.sha256(api.content(7)).hexdigest()
