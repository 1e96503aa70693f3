"""`pipeline curate --dry-run` against what the worker then really does."""

import json
import shutil
from contextlib import contextmanager
from dataclasses import replace

import pytest

from pipeline_project import build
from pipeline_project.adapters.media.reader import LocalMediaReader
from pipeline_project.cli import dry_run
from pipeline_project.settings import load_settings
from pipeline_project_tests import media_files
from pipeline_project_tests.worker.footage import film, still
from pipeline_project_tests.worker.house import House


@pytest.fixture
def house(tmp_path):
    """Two videos, a picture, and two files that no run can use."""
    house = House(tmp_path / "house")
    film(house.media / "a.mp4", 0, 1, 2)
    film(house.media / "b.mp4", 3, 4)
    still(house.media / "c.png", 5)
    still(house.media / "one pixel.png", 6)
    media_files.cut(still(house.media / "cut.png", 7), 0.6)
    media_files.html(house.media / "page.mp4")
    return house


@pytest.fixture
def dry(house, pipeline, monkeypatch):
    """Ask for a dry run with further flags; gives its facts and the names of the files opened."""
    opened = []
    really = LocalMediaReader.open

    @contextmanager
    def noted(self, path):
        opened.append(path.name)
        with really(self, path) as media:
            yield media

    monkeypatch.setattr(LocalMediaReader, "open", noted)
    monkeypatch.setenv("PIPELINE_HOME", str(house.home))

    def ask(*flags, **environment):
        opened.clear()
        with monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(f"PIPELINE_{name}", value)
            answer = pipeline("curate", house.media, "--dry-run", "--json", *flags)
        assert answer.code == 0, answer.err
        return json.loads(answer.out), sorted(opened)

    return ask


def test_before_the_first_run_nothing_is_known_and_every_file_is_opened(house, dry):
    facts, opened = dry()
    assert facts["known_files"] == 0 and len(opened) == facts["files"] == 6
    assert (facts["videos"], facts["images"]) == (2, 3)
    assert not house.home.exists()


def test_after_a_run_every_file_is_known_and_none_is_opened(house, dry):
    outcome = house.run()
    facts, opened = dry()
    assert facts["known_files"] == facts["files"] == 6
    assert opened == []
    assert facts["unusable"] == outcome.counts["rejected"]
    assert facts["videos"] + facts["images"] == outcome.counts["media"]
    assert facts["frames"] == outcome.counts["candidates"]
    shutil.copy(house.media / "a.mp4", house.media / "new.mp4")
    facts, opened = dry()
    assert facts["known_files"] == 6 and opened == ["new.mp4"]


def test_files_that_a_broken_off_run_only_hashed_are_not_known(house, dry):
    class Killed(BaseException):
        """Stands for the end of the process at a line of our choice."""

    def no_embedding(batch):
        raise Killed

    def parts(own):
        class Dying:
            prepare, space = own.embedder.prepare, own.embedder.space
            embed = staticmethod(no_embedding)

        return replace(own, embedder=Dying())

    with pytest.raises(Killed):
        house.run(parts=parts)
    assert len(house.rows("media_sources")) == 6
    facts, opened = dry()
    assert facts["known_files"] < 4 and opened == []
    house.run()
    assert dry()[0]["known_files"] == 6
    assert facts["expected_s"] > dry()[0]["expected_s"]


def test_changed_sampling_makes_videos_new_but_not_pictures(house, dry):
    house.run()
    facts, opened = dry(SAMPLING__MODE="fps", SAMPLING__FPS="4")
    assert facts["known_files"] == 4 and opened == []
    assert facts["expected_s"] > dry()[0]["expected_s"]
    house.run(sampling={"mode": "fps", "fps": 4})
    assert dry(SAMPLING__MODE="fps", SAMPLING__FPS="4")[0]["known_files"] == 6


def test_a_run_that_reads_everything_again_knows_nothing_beforehand(house, dry):
    house.run()
    facts, opened = dry(REHASH="true")
    assert facts["known_files"] == 0 and len(opened) == 6


def test_asking_what_was_uploaded_makes_this_machine_no_name(house, monkeypatch):
    monkeypatch.setenv("PIPELINE_HOME", str(house.home))
    monkeypatch.setenv("PIPELINE_ON", "aws")
    lake = house.lake  # in place of the bucket's
    monkeypatch.setattr(build, "open_lake", lambda settings: lake)
    left = dry_run._work_left(load_settings(), house.listing())
    assert left == {} and not (house.home / "machine").exists()
