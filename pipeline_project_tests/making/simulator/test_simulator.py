"""The simulator does to a picture what its names say."""

import numpy as np
import pytest

from pipeline_project.core.quality.laplacian import laplacian_variance
from pipeline_project.core.quality.picture import Picture
from pipeline_project.core.records import LABELS
from pipeline_project.making.degrade import to_light
from pipeline_project.making.simulator import drawn, moire
from pipeline_project.making.simulator.aliasing import shrink_carelessly
from pipeline_project.making.simulator.examples import FAINT, WORDS, examples
from pipeline_project.making.simulator.lens import shake_kernel
from pipeline_project.making.simulator.screen import LAYOUTS, Screen, grid, photograph
from pipeline_project.making.simulator.sensor import PATTERNS, Sensor, expose
from pipeline_project.making.simulator.visibility import visibility


@pytest.fixture(scope="module")
def picture():
    return np.ascontiguousarray(drawn.draw("bokeh", 7)[200:600, 300:800])


def fine_detail(pixels):
    return laplacian_variance(Picture.of_rgb(pixels))


@pytest.mark.parametrize("length_px", [10.0, 33.3])
def test_a_shake_keeps_the_light_and_is_no_longer_than_its_path(length_px):
    kernel = shake_kernel(length_px, 2.0, np.random.default_rng(4))
    assert kernel.sum() == pytest.approx(1, abs=1e-5)
    rows, columns = np.nonzero(kernel)
    assert np.hypot(np.ptp(rows), np.ptp(columns)) <= length_px + 3
    assert kernel.shape[0] % 2 == 1


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_grid_shines_white_on_the_whole_and_is_no_plain_surface(layout):
    lit = grid(layout, 0.2)
    assert lit.mean(axis=(0, 1)) == pytest.approx([1, 1, 1], abs=1e-3)
    assert lit.std() > 0.3


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_grid_near_the_sensors_pitch_beats_and_a_blurred_one_does_not(layout):
    plain = np.full((160, 240, 3), 160, np.uint8)
    seen = {}
    for softness in (0.15, 1.5):
        shown = Screen(layout, 1.05, softness, 0.2, 0.03, (0.02, 0.0))
        light, without = photograph(plain, shown)
        assert light.shape == plain.shape
        assert light.mean() == pytest.approx(to_light(plain).mean(), rel=0.01)
        seen[softness] = float((light - without).std())
    assert seen[0.15] > 6 * seen[1.5]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_sensor_without_noise_gives_a_plain_colour_back(pattern):
    light = np.tile(np.float32([0.7, 0.4, 0.1]), (40, 60, 1))
    developed = expose(light, Sensor(pattern, False, 0, 0, 0), np.random.default_rng(1))
    assert developed[4:-4, 4:-4] == pytest.approx(light[4:-4, 4:-4], abs=1e-3)


def test_shot_noise_grows_with_the_root_of_the_light():
    sensor = Sensor("RGGB", False, 0.02, 0, 0)
    dark, bright = (
        expose(np.full((300, 300, 3), level, np.float32), sensor, np.random.default_rng(2)).std()
        for level in (0.04, 0.64)
    )
    assert bright / dark == pytest.approx(4, rel=0.05)


@pytest.mark.parametrize("kind", moire.KINDS)
def test_every_kind_of_moire_is_seen_within_a_few_tries(picture, kind):
    rng = np.random.default_rng(11)
    seen = []
    for _ in range(8):
        made, plain = moire.spoil(picture, kind, rng)
        assert made.shape == plain.shape == picture.shape
        seen.append(visibility(made, made, plain))
    assert max(seen) >= 1


def test_careless_shrinking_beats_far_below_its_own_step():
    plain = np.full((200, 300, 3), 180, np.uint8)
    made = shrink_carelessly(plain, 3.0, np.random.default_rng(5))
    assert made.std() > 5


def test_examples_are_the_same_for_the_same_seed_and_only_for_it(picture):
    one, again, other = (list(examples(picture, seed, 2)) for seed in (3, 3, 4))
    assert [each.pixels.tobytes() for each in one] == [each.pixels.tobytes() for each in again]
    assert one[0].pixels.tobytes() != other[0].pixels.tobytes()
    assert {each.label for each in one} == set(LABELS)


def test_faint_moire_comes_beside_what_is_seen_and_never_instead_of_it(picture):
    made = [each for each in examples(picture, 5, 6) if each.label == "moire"]
    faint = [each for each in made if each.strength == FAINT]
    assert 4 <= len(made) - len(faint) <= 6
    assert {each.strength for each in made} <= {FAINT, *WORDS}


def test_blurred_examples_have_less_detail_than_sharp_ones(picture):
    detail = {label: [] for label in LABELS}
    for each in examples(picture, 9, 6):
        detail[each.label].append(fine_detail(each.pixels))
    assert np.median(detail["blur"]) < 0.5 * np.median(detail["sharp"])


@pytest.mark.parametrize("kind", drawn.KINDS)
def test_every_drawn_picture_is_full_of_detail_and_its_seeds_differ(kind):
    one, other = drawn.draw(kind, 0), drawn.draw(kind, 1)
    assert one.shape == other.shape == (800, 1100, 3)
    assert fine_detail(one) > 20
    assert (one != other).mean() > 0.3
