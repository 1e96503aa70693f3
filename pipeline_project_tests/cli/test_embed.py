import cv2
import numpy as np
import pytest

from pipeline_project.adapters.embedder.lite0 import Lite0Embedder
from pipeline_project_tests.cli.conftest import BAD, GOOD, write_image


def test_rows_are_the_readable_files_in_order_of_path(pipeline, photos):
    answer = pipeline("embed", photos, "--out", "v.npy", "--json")
    assert answer.code == 0
    expected = [{"index": i, "path": str(photos / name)} for i, name in enumerate(GOOD)]
    assert answer.rows == expected
    vectors = np.load("v.npy")
    assert (vectors.shape, vectors.dtype) == ((len(GOOD), 1280), np.float32)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    for name in BAD:
        assert f"left out: {'Opening' if name in ('empty.jpg', 'page.jpg') else 'Reading'}" in (
            next(line for line in answer.err.splitlines() if name in line)
        )


def test_vectors_are_those_of_the_pictures(pipeline, photos):
    pipeline("embed", photos, "--out", "v.npy")
    for row, name in ((0, "a.png"), (3, "z.png")):
        pixels = cv2.cvtColor(cv2.imread(str(photos / name)), cv2.COLOR_BGR2RGB)
        assert np.load("v.npy")[row] == pytest.approx(Lite0Embedder().embed([pixels])[0], abs=1e-4)


def test_the_batch_size_changes_nothing_but_the_speed(pipeline, photos, monkeypatch):
    pipeline("embed", photos, "--out", "one.npy")
    monkeypatch.setenv("PIPELINE_EMBEDDING__BATCH_SIZE", "3")
    pipeline("embed", photos, "--out", "two.npy")
    assert np.load("one.npy") == pytest.approx(np.load("two.npy"), abs=1e-4)


def test_what_is_embedded_can_be_selected(pipeline, photos):
    pipeline("embed", photos, "--out", "v.npy")
    answer = pipeline("select", "v.npy", "--json")
    assert (answer.code, len(answer.rows)) == (0, 1)


def test_nothing_readable_is_exit_1_and_leaves_no_file(pipeline, photos, tmp_path):
    before = sorted(tmp_path.iterdir())
    answer = pipeline("embed", photos / "empty.jpg", "--out", "v.npy")
    assert answer.code == 1
    assert "No file could be embedded" in answer.err
    assert sorted(tmp_path.iterdir()) == before


def test_an_earlier_file_stays_when_nothing_can_be_read(pipeline, photos, tmp_path):
    (tmp_path / "v.npy").write_bytes(b"earlier")
    assert pipeline("embed", photos / "empty.jpg", "--out", "v.npy").code == 1
    assert (tmp_path / "v.npy").read_bytes() == b"earlier"


def test_a_link_is_written_through(pipeline, tmp_path):
    (tmp_path / "link.npy").symlink_to("real.npy")
    picture = write_image(tmp_path / "a.png")
    assert pipeline("embed", picture, "--out", "link.npy").code == 0
    assert (tmp_path / "link.npy").is_symlink()
    assert len(np.load("real.npy")) == 1


@pytest.mark.parametrize("out", ["nowhere/v.npy", ".", "/dev/null"])
def test_an_output_that_cannot_be_a_file_is_wrong_use(pipeline, photos, out):
    answer = pipeline("embed", photos, "--out", out)
    assert answer.code == 2
    assert out in answer.err


def test_a_path_that_does_not_exist_is_wrong_use(pipeline):
    assert pipeline("embed", "nowhere", "--out", "v.npy").code == 2
