"""A dataset's past that people change, and embedding spaces that change under it."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline_project.errors import ConfigError
from pipeline_project.worker.pool_history import datasets, forget, read_history, rebuild
from pipeline_project_tests.worker.footage import film
from pipeline_project_tests.worker.house import House

GIVEN = {"selection": {"n_samples": 2}}


@pytest.fixture
def house(tmp_path):
    """Six scenes, two picked, both of other files."""
    house = House(tmp_path)
    film(house.media / "a.mp4", 0, 1, 2)
    film(house.media / "b.mp4", 3, 6, 5)
    house.first = house.run(constraints={"max_per_source": 1}, **GIVEN)
    return house


def first_picks(house):
    return list(house.picked(house.first.result))


def test_history_has_selections_picks_and_files(house):
    history = read_history(house.lake, "default")
    assert [each.made.selection_id for each in history.selections] == [
        house.first.result.selection_id
    ]
    assert {each.frame_id for each in history.picks} == set(first_picks(house))
    assert sorted(history.files.values()) == ["a.mp4", "b.mp4"]
    assert {each.file for each in history.picks} == {"a.mp4", "b.mp4"}
    assert datasets(house.lake) == ["default"]


def test_a_forgotten_frame_may_be_picked_again(house):
    frame = first_picks(house)[0]
    assert forget(house.lake, "default", frames=[frame]) == (1, 0)
    second = house.run(selection={"proportion_samples": 1})
    assert second.counts["pool"] == 1
    assert frame in house.picked(second.result)
    assert first_picks(house)[1] not in house.picked(second.result)


def test_the_same_files_and_settings_select_anew_after_an_edit(house):
    given = {"constraints": {"max_per_source": 1}, **GIVEN}
    assert house.run(**given).result.reused
    forget(house.lake, "default", frames=[first_picks(house)[0]])
    second = house.run(**given)
    assert not second.result.reused
    assert house.run(**given).result.selection_id == second.result.selection_id


def test_a_forgotten_file_was_never_looked_at(house):
    film(house.media / "new.mp4", 8, 9)
    forget(house.lake, "default", sources=["a.mp4"])
    second = house.run(selection={"n_samples": 1})
    assert second.counts["candidates"] == 3 + 2 and second.counts["pool"] == 1


def test_a_forgotten_past_is_none_and_what_comes_after_counts(house):
    assert forget(house.lake, "default", everything=True) == (2, 2)
    second = house.run(constraints={"max_per_source": 1}, **GIVEN)
    assert second.counts["pool"] == 0
    assert list(house.picked(second.result)) == first_picks(house)
    history = read_history(house.lake, "default")
    assert {each.selection_id for each in history.picks} == {second.result.selection_id}


def test_a_rebuild_brings_everything_back(house):
    forget(house.lake, "default", everything=True)
    assert rebuild(house.lake, "default") == (2, 2)
    assert rebuild(house.lake, "default") == (0, 0)
    third = house.run(selection={"n_samples": 1})
    assert third.counts["pool"] == 2


def test_edits_of_one_dataset_leave_others_alone(house):
    other = house.run(dataset="other", **GIVEN)
    forget(house.lake, "default", everything=True)
    assert len(read_history(house.lake, "other").picks) == other.counts["picked"] == 2


def test_an_edit_made_while_a_run_selects_is_heeded(house):
    film(house.media / "new.mp4", 8, 9)
    once = [lambda: forget(house.lake, "default", everything=True)]

    def meddling(parts):
        def update(*args, **kwargs):
            if args[0] == "write" and once:
                once.pop()()

        return replace(parts, progress=_Meddler(parts.progress, update))

    second = house.run(parts=meddling, selection={"n_samples": 1})
    assert not once and second.counts["pool"] == 0


class _Meddler:
    def __init__(self, progress, update):
        self.info, self.warning, self.update = progress.info, progress.warning, update


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"frames": ["nobody:0"]}, "is no pick that counts"),
        ({"sources": ["c.mp4"]}, "Among those that do: a.mp4, b.mp4"),
    ],
)
def test_what_is_not_of_the_past_cannot_be_removed(house, given, said):
    with pytest.raises(ConfigError, match=said):
        forget(house.lake, "default", **given)
    assert read_history(house.lake, "default").edits == []


def test_a_dataset_without_a_past_is_told_from_those_that_have_one(house):
    with pytest.raises(ConfigError, match="Datasets with a past: default"):
        read_history(house.lake, "defualt")


class Turned:
    """The built-in embedder with its numbers in another order: another space."""

    def __init__(self, embedder):
        self._embedder = embedder
        self.space = replace(embedder.space, name="turned", weights_sha256="0" * 64)
        self.prepare = embedder.prepare
        self.embedded = 0

    def embed(self, batch):
        self.embedded += len(batch)
        return np.ascontiguousarray(self._embedder.embed(batch)[:, ::-1])


def turned(parts):
    return replace(parts, embedder=Turned(parts.embedder))


def test_picks_of_another_embedding_space_count_by_their_kept_frames(house):
    for path in house.media.iterdir():
        path.unlink()
    film(house.media / "new.mp4", 0, 1, 2, 3, 6, 5)  # the same scenes, in a file of their own
    second = house.run(parts=turned, selection={"proportion_samples": 1})
    assert second.counts["pool"] == 2 and second.counts["picked"] == 4
    kinds = [row["kind"] for row in house.rows("duplicates") if not row["keeper"]]
    assert kinds.count("earlier pick") == 2


def test_kept_frames_are_embedded_once(house):
    film(house.media / "new.mp4", 8)
    seen = []

    def noted(parts):
        parts = turned(parts)
        seen.append(parts.embedder)
        return parts

    for path in house.media.glob("[ab].mp4"):
        path.unlink()
    house.run(parts=noted, selection={"n_samples": 1})
    film(house.media / "newer.mp4", 9)
    house.run(parts=noted, selection={"n_samples": 1})
    assert [each.embedded for each in seen] == [2 + 1, 1]


def test_a_pick_of_another_space_whose_frame_is_gone_is_refused_with_a_way_out(house):
    for path in house.media.glob("[ab].mp4"):
        path.unlink()
    film(house.media / "new.mp4", 8)
    for item in list(house.store.list("output")):
        house.store.delete(item.key)
    with pytest.raises(ConfigError, match="2 of them have no embedding in space turned") as error:
        house.run(parts=turned, selection={"n_samples": 1})
    assert "--no-datapool" in str(error.value)
    assert house.run(parts=turned, selection={"n_samples": 1}, datapool={"enabled": False}).counts[
        "picked"
    ]
