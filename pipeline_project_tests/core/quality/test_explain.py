import itertools
from dataclasses import dataclass
from math import log

import numpy as np
import pytest

from pipeline_project.core.quality.classifier import classifier, from_parameters
from pipeline_project.core.quality.classifier_features import feature_values
from pipeline_project.core.quality.explain import as_stored, explain
from pipeline_project.core.quality.registry import MEASURES, QUALITY_VERSION, measure_frame
from pipeline_project.errors import ConfigError


def frames():
    rng = np.random.default_rng(5)
    noise = rng.integers(0, 256, (120, 150, 3)).astype(np.uint8)
    ramp = np.repeat(np.arange(150, dtype=np.uint8)[None, :, None], 120, axis=0).repeat(3, axis=2)
    waves = (127 + 100 * np.sin(np.arange(150) * 1.9 + np.arange(120)[:, None] * 0.7)).astype("u1")
    return [noise, ramp, np.repeat(waves[:, :, None], 3, axis=2), np.zeros((40, 40, 3), np.uint8)]


@pytest.fixture(scope="module")
def measured():
    return [measure_frame(pixels) for pixels in frames()]


@pytest.mark.parametrize("name", ["default", "talk"])
def test_the_shares_add_up_to_the_log_odds_of_the_label(name, measured):
    judge = classifier(name)
    for measures in measured:
        why, verdict = explain(judge, measures), judge.classify(measures)
        likely = {"sharp": verdict.p_sharp, "blur": verdict.p_blur, "moire": verdict.p_moire}
        assert why.label == verdict.label
        assert likely[why.against] == sorted(likely.values())[1]
        total = why.start + sum(each.log_odds for each in why.contributions)
        assert total == pytest.approx(why.log_odds)
        if likely[why.against] > 1e-12:
            assert why.log_odds == pytest.approx(log(likely[why.label] / likely[why.against]))
        assert sum(why.together().values()) == pytest.approx(why.log_odds - why.start)


def test_contributions_are_in_order_one_per_feature_with_their_values(measured):
    judge = classifier("default")
    why = explain(judge, measured[0])
    odds = [each.log_odds for each in why.contributions]
    assert odds == sorted(odds, reverse=True)
    assert {each.measure for each in why.contributions} == {f.measure for f in judge.features}
    assert all(each.value == measured[0][each.measure] for each in why.contributions)


def test_a_network_s_shares_are_its_gradient_along_the_line_from_the_mean(measured):
    judge = classifier("default")
    why = explain(judge, measured[2])
    end = feature_values(judge.features, [measured[2]])[0]
    one, other = judge.labels.index(why.label), judge.labels.index(why.against)

    def odds(values):
        found = judge.probabilities(values[None])[0]
        return log(found[one] / found[other])

    share = dict.fromkeys(MEASURES, 0.0)
    steps = 200
    for step in range(steps):
        at = judge.middle + (end - judge.middle) * (step + 0.5) / steps
        for place, feature in enumerate(judge.features):
            nudge = np.zeros(len(at))
            nudge[place] = 1e-4 * judge.spread[place]
            slope = (odds(at + nudge) - odds(at - nudge)) / (2 * nudge[place])
            share[feature.measure] += slope * (end - judge.middle)[place] / steps
    for each in why.contributions:
        assert each.log_odds == pytest.approx(share[each.measure], abs=2e-3)


def test_a_picture_like_the_mean_is_explained_by_the_start_alone():
    judge = classifier("default")
    mean = {
        feature.measure: float(np.exp(value) if feature.scale == "log" else value)
        for feature, value in zip(judge.features, judge.middle, strict=True)
    }
    why = explain(judge, mean)
    assert why.log_odds == pytest.approx(why.start)
    assert all(each.log_odds == pytest.approx(0, abs=1e-9) for each in why.contributions)
    assert all(each.value == pytest.approx(each.usual) for each in why.contributions)


def test_naive_bayes_shares_do_not_depend_on_the_other_measures(measured):
    judge = classifier("talk")
    for left, right in itertools.pairwise(measured[:3]):
        mixed = {**right, "sobel_variance": left["sobel_variance"]}
        one, two = explain(judge, left), explain(judge, mixed)
        if (one.label, one.against) == (two.label, two.against):
            shares = [
                {each.measure: each.log_odds for each in why.contributions}["sobel_variance"]
                for why in (one, two)
            ]
            assert shares[0] == pytest.approx(shares[1])


def test_stored_explanations_are_plain_and_whole(measured):
    stored = as_stored(explain(classifier("talk"), measured[0]))
    assert set(stored) == {
        "label", "against", "log_odds", "start", "method", "together", "contributions",
    }  # fmt: skip
    assert stored["method"].startswith("exact")
    assert len(stored["contributions"]) == 3


@dataclass
class Oracle:
    inner: object

    def __getattr__(self, name):
        return getattr(self.inner, name)


def test_a_judge_of_another_kind_is_refused(measured):
    with pytest.raises(ConfigError, match="Oracle"):
        explain(Oracle(classifier("talk")), measured[0])


def test_features_that_cancel_out_in_a_unit_are_both_seen():
    names = ("mean_luma", "entropy")
    judge = from_parameters(
        {
            "name": "tiny",
            "model": "network",
            "version": "1",
            "quality_version": QUALITY_VERSION,
            "features": [
                {"measure": name, "scale": "linear", "low": -9.0, "high": 9.0} for name in names
            ],
            "labels": ["sharp", "blur", "moire"],
            "middle": [0.0, 0.0],
            "spread": [1.0, 1.0],
            "inner": [[1.0], [-1.0]],
            "inner_bias": [0.5],
            "outer": [[3.0, 1.0, 0.0]],
            "outer_bias": [0.0, 0.0, -9.0],
        }
    )
    why = explain(judge, {"mean_luma": 2.0, "entropy": 2.0})
    share = 2 * (1 - np.tanh(0.5) ** 2) * 2
    assert [each.log_odds for each in why.contributions] == pytest.approx([share, -share])
    assert why.log_odds == pytest.approx(why.start)
