import threading

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits

from pipeline_project.core.selection.threads import side_by_side


def blas_threads() -> int:
    return max(
        each["num_threads"] for each in ThreadpoolController().select(user_api="blas").info()
    )


@pytest.mark.parametrize("threads", [1, 3])
def test_as_many_blocks_are_worked_on_as_blas_had_threads(threads):
    done, meeting = np.zeros(6), threading.Barrier(threads, timeout=10)

    def work(number: int) -> None:
        meeting.wait()  # opens only where so many are at work at once
        assert blas_threads() == 1
        done[number] += 1

    with threadpool_limits(threads, user_api="blas"):
        with side_by_side() as for_each:
            for_each(work, range(6))
        assert blas_threads() == threads
    assert done.tolist() == [1] * 6


def test_an_error_in_a_block_is_raised_and_blas_has_its_threads_again():
    with threadpool_limits(2, user_api="blas"):
        with pytest.raises(ZeroDivisionError), side_by_side() as for_each:
            for_each(lambda number: 1 // number, [1, 0])
        assert blas_threads() == 2
