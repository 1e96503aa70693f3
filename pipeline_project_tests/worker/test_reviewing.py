import dataclasses
import json

import numpy as np
import pyarrow as pa
import pytest

from pipeline_project.core.selection.decisions import Review
from pipeline_project.core.selection.pool import Predictions
from pipeline_project.feedback.decisions import import_decisions
from pipeline_project.feedback.labels import import_labels
from pipeline_project.worker.datapool import Datapool
from pipeline_project.worker.inputs import PoolInputs
from pipeline_project.worker.pool_history import forget, read_history
from pipeline_project.worker.reviewing import with_labels
from pipeline_project_tests.worker.footage import film, still
from pipeline_project_tests.worker.house import House


@pytest.fixture
def house(tmp_path):
    """Nine scenes in two films, three picked."""
    house = House(tmp_path)
    film(house.media / "a.mp4", 0, 1, 2, 4)
    film(house.media / "b.mp4", 3, 6, 5, 9, 10)
    house.first = house.run()
    return house


def review(house, said, dataset="default"):
    """Import decisions as a person writes them."""
    file = house.home.parent / "selection.csv"
    file.write_text("frame_id,decision\n" + "".join(f"{f},{word}\n" for f, word in said.items()))
    return import_decisions(house.lake, file, dataset, run_id="review-1")


def label(house, *frames, name="cat"):
    """Import labels of these frames, as Label Studio exports them."""
    file = house.home.parent / "labels.json"
    value = {"rectanglelabels": [name], "x": 0, "y": 0, "width": 50, "height": 50}
    result = {"id": "r", "value": value, "original_width": 160, "original_height": 120}
    tasks = [
        {"id": n, "data": {"frame_id": f}, "annotations": [{"id": n, "result": [result]}]}
        for n, f in enumerate(frames)
    ]
    file.write_text(json.dumps(tasks))
    return import_labels(house.lake, file, "default", run_id=f"labels-{len(frames)}-{name}")


def ranked(house, outcome):
    """Frame id -> rank and file name."""
    rows = house.rows("selections")
    own = [row for row in rows if row["selection_id"] == outcome.result.selection_id]
    return {row["frame_id"]: (row["rank"], row["file_name"]) for row in own}


def outcome_of(house, outcome, frame):
    rows = house.rows("candidates")
    own = [row for row in rows if row["selection_id"] == outcome.result.selection_id]
    return next(row["outcome"] for row in own if row["frame_id"] == frame)


def candidate(house, outcome="candidate"):
    return next(row["frame_id"] for row in house.rows("candidates") if row["outcome"] == outcome)


def test_a_rejected_pick_is_replaced_and_the_others_stay_with_their_names(house):
    before = ranked(house, house.first)
    frames = list(house.picked(house.first.result))
    review(house, {frames[1]: "reject"})
    second = house.run()
    after = ranked(house, second)
    assert second.result.selection_id != house.first.result.selection_id
    assert len(after) == 3 and frames[1] not in after
    assert {frame: after[frame] for frame in (frames[0], frames[2])} == {
        frame: before[frame] for frame in (frames[0], frames[2])
    }
    new = set(after) - set(before)
    assert [after[frame][0] for frame in new] == [2]
    assert outcome_of(house, second, frames[1]) == "excluded"
    assert second.counts["excluded_rejected"] == 1


def test_the_next_run_has_nothing_to_do(house):
    review(house, {next(iter(house.picked(house.first.result))): "reject"})
    second = house.run()
    third = house.run()
    assert third.result.reused
    assert third.result.selection_id == second.result.selection_id


def test_accepting_what_is_picked_changes_nothing(house):
    review(house, dict.fromkeys(house.picked(house.first.result), "accept"))
    again = house.run()
    assert again.result.reused
    assert again.result.selection_id == house.first.result.selection_id


def test_rejecting_what_was_not_picked_changes_nothing_until_it_would_be(house):
    frame = candidate(house)
    review(house, {frame: "reject"})
    assert house.run().result.reused
    every = house.run(selection={"proportion_samples": 1.0}, datapool={"enabled": False})
    assert frame not in house.picked(every.result)
    assert every.counts["picked"] == 8


def test_decisions_hold_for_other_settings_and_without_the_datapool(house):
    frames = list(house.picked(house.first.result))
    review(house, {frames[0]: "reject"})
    other = house.run(selection={"n_samples": 8}, datapool={"enabled": False})
    assert frames[0] not in house.picked(other.result)
    assert other.counts["picked"] == 8


def test_decisions_on_one_dataset_mean_nothing_to_another(house):
    review(house, {next(iter(house.picked(house.first.result))): "reject"})
    other = house.run(dataset="other")
    assert list(house.picked(other.result)) == list(house.picked(house.first.result))


def test_a_frame_that_looks_like_a_rejected_one_is_not_its_replacement(tmp_path):
    house = House(tmp_path)
    for number, scene in enumerate((0, 1, 2)):
        still(house.media / f"{number}.png", scene)
    still(house.media / "twin.bmp", 0)
    first = house.run()
    twins = {row["group_id"]: row["frame_id"] for row in house.rows("duplicates")}
    keeper = next(frame for frame in house.picked(first.result) if frame in twins)
    review(house, {keeper: "reject"})
    second = house.run()
    assert second.counts["picked"] == 2  # there is no third scene
    assert not {keeper, *twins.values()} & set(house.picked(second.result))


def test_a_rescued_frame_is_picked_although_it_was_judged_out(tmp_path):
    house = House(tmp_path)
    film(house.media / "a.mp4", 0, 1, 2, 3)
    strict = {"quality": {"min_mean_luma": 90.0, "action": "tag"}, "selection": {"n_samples": 1}}
    first = house.run(**strict)
    dark = next(row["frame_id"] for row in house.rows("exclusions"))
    review(house, {dark: "rescue"})
    second = house.run(**strict)
    picked = ranked(house, second)
    assert set(picked) == {*house.picked(first.result), dark}
    assert second.counts["excluded"] == first.counts["excluded"] - 1
    reasons = {row["frame_id"]: row["reason"] for row in house.rows("selections")}
    assert reasons[dark] == "rescued by review"
    assert not [row for row in house.rows("exclusions") if row["frame_id"] == dark][1:]


def test_a_rescue_holds_although_other_files_have_come_since(house):
    frame = candidate(house)
    review(house, {frame: "rescue"})
    film(house.media / "new.mp4", 7, 8, 11)
    second = house.run(selection={"n_samples": 2})
    assert frame in house.picked(second.result)
    assert second.counts["picked"] == 2


def test_the_newest_decision_counts(house):
    frames = list(house.picked(house.first.result))
    review(house, {frames[1]: "reject"})
    house.run()
    review(house, {frames[1]: "accept"})
    third = house.run()
    assert frames[1] in house.picked(third.result)
    assert third.counts["picked"] == 4  # its replacement stays, too


def test_rejected_picks_do_not_keep_later_picks_away(house):
    frames = list(house.picked(house.first.result))
    review(house, dict.fromkeys(frames, "reject"))
    film(house.media / "new.mp4", 7, 8, 11)
    second = house.run()
    assert second.counts["pool"] == 0 and second.counts["picked"] == 3


def test_labelled_frames_are_never_picked_again(house):
    frames = list(house.picked(house.first.result))
    label(house, *frames[:2])
    second = house.run()
    assert set(house.picked(second.result)) & set(frames) == {frames[2]}
    assert second.counts["picked"] == 3
    assert second.counts["pool"] == 2  # they still keep new picks away
    without = house.run(selection={"n_samples": 8}, datapool={"enabled": False})
    assert not set(house.picked(without.result)) & set(frames[:2])


def test_a_label_outweighs_an_accept(house):
    frame = next(iter(house.picked(house.first.result)))
    review(house, {frame: "accept"})
    label(house, frame)
    assert frame not in house.picked(house.run().result)


def test_what_cannot_be_compared_cannot_be_rescued_and_is_told(tmp_path, monkeypatch):
    house = House(tmp_path)
    film(house.media / "a.mp4", 0, 1, 2)

    class Blind:
        """Sees nothing in the first frame of all."""

        def __init__(self, own):
            self.own, self.space, self.prepare = own, own.space, own.prepare

        def embed(self, batch):
            vectors = self.own.embed(batch)
            vectors[0] = 0
            return vectors

    def blind(parts):
        return dataclasses.replace(parts, embedder=Blind(parts.embedder))

    house.run(parts=blind, selection={"n_samples": 1})
    frame = next(r["frame_id"] for r in house.rows("exclusions") if r["judgement"] == "featureless")
    review(house, {frame: "rescue"})
    second = house.run(parts=blind, selection={"n_samples": 1})
    assert frame not in house.picked(second.result)
    assert any("nothing can be seen in it" in each for each in second.result.warnings)


def test_balance_counts_labels_of_earlier_picks_in_place_of_predictions():
    pool = Datapool("v", ["p:0", "p:1"], np.eye(2, dtype=np.float32), pa.array([], pa.string()), 1)
    counts = np.array([[1, 0], [0, 1], [3, 3], [4, 4]], float)  # two candidates, two picks
    inputs = PoolInputs(predictions={"task": Predictions(("cat", "dog"), counts=counts)})
    review = Review({}, {"p:1": {"dog": 2, "bird": 9}, "elsewhere:0": {"cat": 5}})
    seen = with_labels(inputs, range(2), pool, review).predictions["task"].counts
    assert seen.tolist() == [[1, 0], [0, 1], [3, 3], [0, 2]]
    assert counts[3].tolist() == [4, 4]
    assert with_labels(inputs, range(2), pool, Review()) is inputs


def test_rejected_picks_are_no_part_of_the_past_that_is_shown(house):
    first = house.run(selection={"n_samples": 2})
    gone, stays = house.picked(first.result)
    review(house, {gone: "reject"})
    forget(house.lake, "default", sources=[stays.partition(":")[0]])
    history = read_history(house.lake, "default")
    assert gone not in {each.frame_id for each in history.picks} and history.rejected == 1
    assert history.names[history.edits[0].value].endswith((".mp4", ".png"))


def test_the_past_tells_what_has_become_of_each_selections_picks(house):
    first, second, _ = house.picked(house.first.result)
    left_out = candidate(house)
    review(house, {first: "reject", second: "accept", left_out: "rescue"})
    anew = house.run()
    told = "Made anew after the review: 1 picks stay as they were, 1 accepted, 1 rescued."
    assert told in anew.said
    old, new = read_history(house.lake, "default").selections
    assert (old.picked, old.counting, old.rejected, old.anew) == (
        3, 2, 1, anew.result.selection_id,
    )  # fmt: skip
    assert (new.picked, new.counting, new.rejected, new.anew) == (3, 3, 0, "")
    # The accepted one and the undecided one were there before, the third is the rescued one.
    assert (new.accepted, new.kept, new.rescued, new.added) == (1, 1, 1, 0)
    review(house, {left_out: "reject"})
    third = house.run()
    *_, last = read_history(house.lake, "default").selections
    assert last.made.selection_id == third.result.selection_id
    assert (last.picked, last.counting, last.added, last.rescued) == (3, 3, 1, 0)
    frames = {
        each.frame_id: each.selection_id for each in read_history(house.lake, "default").picks
    }
    assert set(frames) == set(house.picked(third.result))
    assert set(frames.values()) == {third.result.selection_id}
