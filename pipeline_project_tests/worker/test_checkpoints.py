import pytest

from pipeline_project.adapters.lake.lance import LanceLake
from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.adapters.object_store.local import LocalObjectStore
from pipeline_project.errors import LakeError
from pipeline_project.worker.checkpoints import Checkpoints
from pipeline_project.worker.ledger import Rows, datum_row


class Stumbling:
    """A real lake of which one append fails half-way through a flush."""

    def __init__(self, lake, error):
        self._lake = lake
        self._error = error

    def begin(self, **given):
        writer = self._lake.begin(**given)
        append = writer.append

        def stumble(table, rows):
            if table.name == "thumbnails" and self._error:
                error, self._error = self._error, None
                raise error
            append(table, rows)

        writer.append = stumble
        return writer


@pytest.fixture
def lake(tmp_path):
    return LanceLake(tmp_path.as_uri(), LocalObjectStore(tmp_path))


def finished_file(name):
    """Rows of one file, with the ledger's line before what it speaks of."""
    rows = Rows()
    rows.add(
        TABLES["datums"], datum_row(key=name, stage="sample", input_sha256=name, run_id="run-1")
    )
    thumbnail = {"frame_id": f"{name}:0", "datum_key": name, "jpeg": b""}
    rows.add(TABLES["thumbnails"], thumbnail)
    return rows


def known(lake, table, column):
    return sorted(lake.read(TABLES[table], columns=[column])[column].to_pylist())


@pytest.mark.parametrize("error", [LakeError("no room"), KeyboardInterrupt()])
def test_after_a_write_that_stopped_half_way_the_next_commit_has_all_of_it_once(lake, error):
    checkpoints = Checkpoints(Stumbling(lake, error), run_id="run-1", interval_s=1000)
    checkpoints.take(finished_file("a"))
    with pytest.raises(type(error)):
        checkpoints.commit("stumbles")
    assert known(lake, "datums", "datum_key") == []
    checkpoints.take(finished_file("b"))
    checkpoints.commit("goes on")
    assert known(lake, "datums", "datum_key") == ["a", "b"]
    assert known(lake, "thumbnails", "frame_id") == ["a:0", "b:0"]


def test_work_is_committed_when_it_is_time(lake):
    now = [0.0]
    checkpoints = Checkpoints(lake, run_id="run-1", interval_s=60, clock=lambda: now[0])
    checkpoints.take(finished_file("a"))
    assert checkpoints.last is None
    now[0] = 60
    checkpoints.take(finished_file("b"))
    assert checkpoints.last.counts == {"datums": 2, "thumbnails": 2}
    checkpoints.take(finished_file("c"))
    assert known(lake, "datums", "datum_key") == ["a", "b"]


def test_without_rows_nothing_is_committed(lake):
    checkpoints = Checkpoints(lake, run_id="run-1", interval_s=60)
    checkpoints.commit("nothing")
    assert checkpoints.last is None and list(lake.log()) == []


def test_what_is_abandoned_is_never_seen(lake):
    checkpoints = Checkpoints(lake, run_id="run-1", interval_s=1000)
    checkpoints.prepare(finished_file("a"))
    checkpoints.abandon()
    assert checkpoints.commit("nothing left") is None
    checkpoints.prepare(finished_file("b"))
    assert checkpoints.commit("goes on").counts == {"datums": 1, "thumbnails": 1}
    assert known(lake, "datums", "datum_key") == ["b"]
