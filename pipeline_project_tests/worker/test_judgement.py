from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from pipeline_project.adapters.embedder.lite0 import Lite0Embedder
from pipeline_project.core.config import CurationConfig, QualityConfig
from pipeline_project.worker.candidates import Candidates, judge
from pipeline_project.worker.datapool import Datapool
from pipeline_project.worker.selecting import pick
from pipeline_project_tests import media_files
from pipeline_project_tests.worker.footage import film
from pipeline_project_tests.worker.house import House

BLUR, MOIRE, DARK, FLAT = "blur", "moire", "dark", "flat"


def candidates(**files):
    """Frames of files, given as words: sharp, blur, moire, dark or flat (a zero vector)."""
    words = [(name, word) for name, given in files.items() for word in given.split()]
    count = len(words)
    label = [word if word in (BLUR, MOIRE) else "sharp" for _, word in words]
    vectors = np.random.default_rng(5).normal(size=(count, 32)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[[word == FLAT for _, word in words]] = 0
    sure = {
        name: np.array([0.9 if each == name else 0.05 for each in label])
        for name in ("sharp", "blur", "moire")
    }
    return Candidates(
        frame_id=[f"{name}:{row}" for row, (name, _) in enumerate(words)],
        media_sha256=[name for name, _ in words],
        timestamp_s=np.arange(count, dtype=np.float64),
        pixels_sha256=[str(row) for row in range(count)],
        phash=np.random.default_rng(5).integers(0, 2**63, count).astype(np.uint64),
        measures={
            "mean_luma": np.array([3.0 if word == DARK else 90.0 for _, word in words]),
            "laplacian_variance": np.arange(count, dtype=np.float64),
        },
        label=np.asarray(label, str),
        probabilities={f"p_{name}": value for name, value in sure.items()},
        vectors=vectors,
    )


def media(*names):
    return [
        SimpleNamespace(
            sha256=name,
            info=SimpleNamespace(kind="image" if name.startswith("image") else "video"),
            ref=SimpleNamespace(name=f"{name}.mp4"),
        )
        for name in names
    ]


def judged(given, **config):
    names = dict.fromkeys(given.media_sha256)
    return judge(given, media(*names), QualityConfig(**config))


def out(judgement):
    return sorted((each.row, each.judgement) for each in judgement.exclusions)


@pytest.mark.parametrize("action", ["drop", "weight", "tag"])
def test_dark_and_featureless_frames_are_always_out(action):
    judgement = judged(candidates(a="sharp dark flat sharp"), action=action)
    assert out(judgement) == [(1, "dark"), (2, "featureless")]
    assert not judgement.warnings


def test_drop_leaves_out_what_is_probably_blurred_or_moire():
    judgement = judged(candidates(a="sharp blur moire sharp sharp sharp sharp"))
    assert out(judgement) == [(1, BLUR), (2, MOIRE)]
    named = {each.row: (each.measure, each.value, each.threshold) for each in judgement.exclusions}
    assert named[1] == ("p_blur", 0.9, 0.8)
    assert not judgement.weighted


def test_weight_keeps_everything_and_prefers_the_sharp():
    judgement = judged(candidates(a="sharp blur moire sharp"), action="weight")
    assert not judgement.exclusions and judgement.weighted
    assert judgement.weights.tolist() == [1, 0.05, 0.05, 1]
    assert not judgement.warnings  # as asked


def test_tag_neither_drops_nor_weights():
    judgement = judged(candidates(a="sharp blur blur"), action="tag")
    assert not judgement.exclusions and not judgement.weighted


def test_nothing_is_done_below_the_probability_asked_for():
    assert not judged(candidates(a="sharp blur sharp sharp"), min_probability=0.95).exclusions


def test_a_file_that_would_lose_too_much_is_weighted_instead_and_told():
    judgement = judged(candidates(a="sharp blur blur", b="sharp sharp sharp blur"))
    assert out(judgement) == [(6, BLUR)]
    assert judgement.weighted and judgement.weights[1] < 1 == judgement.weights[4]
    [warning] = judgement.warnings
    assert warning.startswith("a.mp4: 2 frames (67%)") and "max_drop_share" in warning


def test_the_share_is_taken_of_frames_that_are_not_dark():
    assert judged(candidates(a="blur sharp sharp dark dark dark dark")).weighted


def test_exactly_the_allowed_share_is_dropped():
    given = candidates(a="blur sharp sharp sharp")
    assert len(judged(given, max_drop_share=0.25).exclusions) == 1
    assert not judged(given, max_drop_share=0.24).exclusions


def test_all_still_images_count_as_one_file():
    few = judged(candidates(image1="blur", image2="sharp", image3="sharp", image4="sharp"))
    assert out(few) == [(0, BLUR)]
    many = judged(candidates(image1="blur", image2="moire", image3="sharp", video="sharp"))
    assert not many.exclusions
    [warning] = many.warnings
    assert warning.startswith("still images: 2 frames (67%)")


@pytest.mark.parametrize("action", ["drop", "weight", "tag"])
def test_frames_that_were_left_out_as_incomplete_are_told_whatever_is_done_about_blur(action):
    given = replace(candidates(a="sharp sharp", b="sharp"), incomplete={"b": 2})
    [warning] = judged(given, action=action).warnings
    assert warning.startswith("b.mp4: 2 frames")


def selected(given, judgement, config=None, pool=None):
    empty = Datapool("", [], np.empty((0, 32), np.float32), pa.array([], pa.string()), 0)
    settings = CurationConfig.model_validate({"selection": config or {"n_samples": 2}})
    space = Lite0Embedder().space
    return pick(given, judgement, pool or empty, settings, space)


def test_a_weighted_frame_is_picked_only_when_the_sharp_ones_are_used_up():
    given = candidates(a="blur sharp blur sharp blur")
    judgement = judged(given, action="weight")
    assert {each.index for each in selected(given, judgement).picks} == {1, 3}
    everything = selected(given, judgement, {"n_samples": 5})
    assert {each.index for each in everything.picks} == {0, 1, 2, 3, 4}


def test_of_a_group_of_duplicates_the_sharpest_stands():
    given = candidates(a="blur sharp moire")
    same = Candidates(
        **{**{name: getattr(given, name) for name in given.__slots__}, "pixels_sha256": ["x"] * 3}
    )
    result = selected(same, judged(same, action="tag"))
    assert [each.index for each in result.picks] == [1]
    assert result.duplicates == {0: ("a:1", "exact"), 2: ("a:1", "exact")}


def test_a_frame_like_an_earlier_pick_is_its_duplicate():
    given = candidates(a="sharp sharp")
    pool = Datapool("s", ["old:0"], given.vectors[:1].copy(), pa.array([], pa.string()), 1)
    result = selected(given, judged(given), pool=pool)
    assert result.duplicates == {0: ("old:0", "earlier pick")}
    assert [each.index for each in result.picks] == [1]


def test_black_frames_of_a_real_video_are_excluded_and_shown_in_the_report(tmp_path):
    house = House(tmp_path)
    film(house.media / "a.mp4", 0, 1)
    media_files.image(house.media / "black.png", np.zeros((120, 160, 3), np.uint8))
    outcome = house.run(quality={}, selection={"proportion_samples": 1})
    assert outcome.counts["excluded_dark"] == 1
    [row] = house.rows("exclusions")
    assert (row["judgement"], row["measure"], row["threshold"]) == ("dark", "mean_luma", 8.0)
    assert "black.png" in house.publish(outcome.result).report.read_text()
