"""Short work on many pictures by several processes, in order.

Threads would do where the work is one long call. Taking measures is some hundred short ones,
between which threads wait for each other at Python's lock.
"""

import multiprocessing
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any, TypeVar

from pipeline_project.adapters.engine.process_group import end_group, follow_parent

Result = TypeVar("Result")
Job = Callable[[Sequence[Path]], Sequence[Result]]

_MOST_HELD = 256  # pieces done before their turn
# Compiled code with threads of its own, which Python does not count and a copy is without.
_WITH_THREADS = frozenset({"lance", "torch"})
_job: Job[Any] | None = None


def in_order_by_processes(
    make: Callable[[], Job[Result]], paths: Sequence[Path], processes: int, *, chunk: int
) -> Generator[Result, None, None]:
    """Yield what a job gives for one chunk of paths after the other, in order.

    This process works too, so that the time the others take to start is not lost. They end with
    the iterator, and with this process, however it ends. What a process had when it died, of a
    fault in compiled code, is done here.

    Args:
        make: makes the job, here and in each process; it is pickled.
        paths: to work on.
        processes: how many work at once, this one included.
        chunk: paths handed to a job at once.
    """
    job = make()
    pieces = deque(paths[at : at + chunk] for at in range(0, len(paths), chunk))
    held: deque[tuple[Sequence[Path], Future[Sequence[Result]] | Sequence[Result]]] = deque()
    running: list[Future[Sequence[Result]]] = []
    pool = ProcessPoolExecutor(
        max(1, processes - 1),
        mp_context=_context(),
        initializer=_begin,
        initargs=(make,),
    )
    whole = False
    try:
        alive = processes > 1
        while pieces or held:
            running = [each for each in running if not each.done()]
            while alive and pieces and len(running) < 2 * (processes - 1):
                try:
                    running.append(pool.submit(_do, pieces[0]))
                except BrokenProcessPool:
                    alive = False
                else:
                    held.append((pieces.popleft(), running[-1]))
            if pieces and len(held) < _MOST_HELD:
                held.append((pieces[0], job(pieces.popleft())))
            else:
                yield from _result(*held.popleft(), job)
            while held and _is_there(held[0][1]):
                yield from _result(*held.popleft(), job)
        whole = True
    finally:
        if not whole:
            # Python 3.14 offers this as `kill_workers`; before it there is no public way.
            for pid in list(pool._processes or {}):
                end_group(pid)
        pool.shutdown(wait=True, cancel_futures=True)


def _context() -> BaseContext:
    """Fork where that is safe, which takes no time; start anew elsewhere, in a fifth of a second.

    A copy keeps the locks that other threads hold, for ever; macOS's own libraries hold some.
    """
    alone = threading.active_count() == 1 and _WITH_THREADS.isdisjoint(sys.modules)
    if sys.platform != "linux" or not alone:
        return multiprocessing.get_context("spawn")
    return multiprocessing.get_context("fork")


def _is_there(result: Future[Sequence[Result]] | Sequence[Result]) -> bool:
    return not isinstance(result, Future) or result.done()


def _result(
    piece: Sequence[Path],
    result: Future[Sequence[Result]] | Sequence[Result],
    job: Job[Result],
) -> Sequence[Result]:
    if not isinstance(result, Future):
        return result
    try:
        return result.result()
    except BrokenProcessPool:
        return job(piece)


def _begin(make: Callable[[], Job[Any]]) -> None:
    global _job
    for number in (signal.SIGTERM, signal.SIGHUP):  # a copy has what its original does on them
        signal.signal(number, signal.SIG_DFL)
    follow_parent()
    _job = make()


def _do(piece: Sequence[Path]) -> Sequence[Any]:
    if _job is None:
        raise RuntimeError("this process was not prepared")
    return _job(piece)
