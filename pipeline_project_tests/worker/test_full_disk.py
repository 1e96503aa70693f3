"""What is written when there is no room: a clear error, nothing half-written, and on it goes."""

import os
import resource
import shutil
import subprocess
from pathlib import Path

import pytest

from pipeline_project.errors import PermanentError, PipelineError
from pipeline_project_tests.worker.footage import film
from pipeline_project_tests.worker.house import House

NO_SPACE = "No space left on device"
END_S = 90


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 4 MiB; mounting it needs root."""
    folder = tmp_path / "small disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small file system needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def house(tmp_path):
    house = House(tmp_path / "house")
    film(house.media / "a.mp4", 0, 1, 2)
    return house


def fill(folder: Path, leave_bytes: int) -> Path:
    """Take all room but so much."""
    filler = folder / "filler"
    disk = os.statvfs(folder)
    filler.write_bytes(bytes(max(0, disk.f_bavail * disk.f_frsize - leave_bytes)))
    return filler


def picks(house, outcome):
    return list(house.picked(outcome.result).items())


def settings():
    return {"selection": {"n_samples": 4}, "datapool": {"enabled": False}}


@pytest.mark.parametrize("left_bytes", [0, 20_000, 60_000, 120_000, 250_000, 400_000])
def test_a_full_home_is_a_clear_error_and_the_next_run_goes_on(house, small_disk, left_bytes):
    house.home = small_disk / "home"
    first = house.run(**settings())
    before = picks(house, first)
    film(house.media / "b.mp4", *range(3, 13))
    expected = _elsewhere(house)
    filler = fill(small_disk, left_bytes)
    try:
        outcome = house.run(**settings())
    except PipelineError as error:
        assert "No space left" in str(error) or "os error 28" in str(error)
        assert "free space" in str(error)
        assert picks(house, first) == before
        assert "a.mp4" in {row["name"] for row in house.rows("media_sources")}
        filler.unlink()
        outcome = house.run(**settings())
    assert picks(house, outcome) == expected
    frames = [row["frame_id"] for row in house.rows("frames")]
    assert len(frames) == len(set(frames)) == outcome.counts["candidates"] == 13
    assert not outcome.rejects


def _elsewhere(house):
    """The picks of the same files in a new home with room enough."""
    other = House(house.media.parent.parent / "other")
    for path in house.media.iterdir():
        shutil.copy(path, other.media)
    return picks(other, other.run(**settings()))


def test_a_full_output_folder_is_a_clear_error_and_leaves_nothing(house, small_disk):
    outcome = house.run()
    out = small_disk / "out"
    filler = fill(small_disk, 40_000)
    with pytest.raises(PermanentError, match=NO_SPACE):
        house.publish(outcome.result, out)
    assert list(out.iterdir()) == []
    filler.unlink()
    published = house.publish(outcome.result, out)
    assert not published.already_there
    assert {path.name for path in (published.folder / "frames").iterdir()} == set(published.files)


@pytest.mark.parametrize("limit_bytes", [1_500, 6_000, 12_000, 40_000])
def test_a_worker_that_may_write_no_more_ends_with_an_error_and_the_next_one_succeeds(
    house, limit_bytes
):
    worker = house.start(house.ask(**settings()))
    resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))
    said = worker.communicate(timeout=END_S)[1]
    if limit_bytes < 40_000:
        assert worker.returncode == 1, said
        assert "File too large" in said and "Traceback" not in said
    outcome = house.run(**settings())
    assert outcome.counts["picked"] == 3 and outcome.counts["candidates"] == 3
    assert not outcome.rejects
