"""Blocks of rows worked on side by side, each by one thread.

A BLAS library divides each product among threads that wait for each other at its end. Where
products are small or the machine is busy, most of the time goes into that waiting. So the library
is held to one thread meanwhile, and as many blocks are worked on as it had threads: what
OPENBLAS_NUM_THREADS and its like say still holds.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from threadpoolctl import ThreadpoolController

ForEach = Callable[[Callable[[int], None], Iterable[int]], None]


@contextmanager
def side_by_side() -> Iterator[ForEach]:
    """Give a function that calls another for each number, on as many threads as BLAS had."""
    blas = ThreadpoolController().select(user_api="blas")
    threads = max((each["num_threads"] for each in blas.info()), default=1)
    if threads == 1:
        yield one_by_one
        return
    with blas.limit(limits=1), ThreadPoolExecutor(threads) as pool:

        def for_each(work: Callable[[int], None], numbers: Iterable[int]) -> None:
            for _ in pool.map(work, numbers):
                pass

        yield for_each


def one_by_one(work: Callable[[int], None], numbers: Iterable[int]) -> None:
    """The same on the caller's own thread."""
    for number in numbers:
        work(number)
