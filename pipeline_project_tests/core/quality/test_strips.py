"""Sums over strips against OpenCV's filters of the whole image."""

import threading

import cv2
import numpy as np
import pytest

from pipeline_project.core.quality import strips
from pipeline_project.core.quality.scratch import Scratch

SIZES = [(1, 1), (1, 9), (9, 1), (2, 2), (7, 2), (2, 7), (3, 500), (500, 3), (96, 131), (400, 700)]


def noise(*size):
    return np.random.default_rng(0).integers(0, 256, size).astype(np.uint8)


@pytest.fixture(params=[1, 1000, 10**6])
def strip_px(request, monkeypatch):
    monkeypatch.setattr(strips, "LAPLACIAN_STRIP_PX", request.param)
    monkeypatch.setattr(strips, "GRADIENT_STRIP_PX", request.param)


@pytest.mark.parametrize("size", SIZES)
def test_the_laplacian_is_that_of_the_whole_image(size, strip_px):
    gray = noise(*size)
    whole = cv2.Laplacian(gray, cv2.CV_64F, ksize=1)
    assert strips.laplacian_mean(gray) == pytest.approx(whole.mean(), abs=1e-9)
    found = strips.laplacian_sums(gray)
    assert found.mean_square == pytest.approx((whole**2).mean(), rel=1e-12)
    rows, columns = ([side * n // 4 for n in range(5)] for side in size)
    tiles = [
        (whole[rows[i] : rows[i + 1], columns[j] : columns[j + 1]] ** 2)
        for i in range(4)
        for j in range(4)
    ]
    largest = max(tile.mean() for tile in tiles if tile.size)
    assert found.largest == pytest.approx(largest, rel=1e-12)
    assert strips.laplacian_sums(gray, 1).largest == pytest.approx((whole**2).mean(), rel=1e-12)


@pytest.mark.parametrize("size", SIZES)
def test_the_gradient_is_that_of_the_whole_image(size, strip_px):
    gray = noise(*size)
    across, down = cv2.Sobel(gray, cv2.CV_64F, 1, 0), cv2.Sobel(gray, cv2.CV_64F, 0, 1)
    power = across**2 + down**2
    found = strips.gradient_sums(gray)
    assert found.mean_square == pytest.approx(power.mean(), rel=1e-12)
    assert found.mean == pytest.approx(np.sqrt(power).mean(), rel=1e-7)


def test_threads_have_memory_of_their_own():
    scratch, taken = Scratch(), []
    both = threading.Barrier(2)

    def work(value):
        array = scratch.take(0, (100,), np.int16)
        array[:] = value
        both.wait(10)
        taken.append((value, array.min(), array.max()))

    threads = [threading.Thread(target=work, args=(value,)) for value in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [(1, 1, 1), (2, 2, 2)]


def test_memory_is_used_again_unless_it_is_large():
    scratch = Scratch()
    first = scratch.take(0, (1000,), np.float32)
    assert np.shares_memory(first, scratch.take(0, (20, 10), np.float32))
    assert first.ctypes.data % 64 == 0
    large = scratch.take(0, (1 << 20,), np.float32)
    assert not np.shares_memory(large, scratch.take(0, (1 << 20,), np.float32))
