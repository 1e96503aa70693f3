"""Processes that work on datums: several at once, and none of them outlives the run."""

import multiprocessing
import signal
import tempfile
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import Self

from pipeline_project.adapters.engine.process_group import end_group, follow_parent
from pipeline_project.worker.collections.held import Access, Bytes
from pipeline_project.worker.collections.work import Outcome, StepCode, Task, work

_MOST_TOGETHER = 32  # datums handed over at once: saves messages where each is short
_ROUNDS = 4  # each process gets its share in so many pieces at least, so that all end together

_source: Bytes | None = None


class WorkPool:
    """Works on datums in processes of their own, which start with the first datum.

    A datum that kills its process has failed; the others go on. A context manager: leaving it
    ends the processes, the programs they started and their temporary files.

    Args:
        access: how they get at the home and the sources.
        processes: how many at most.
    """

    def __init__(self, access: Access, processes: int) -> None:
        self._access = access
        self._processes = max(1, processes)
        self._pool: ProcessPoolExecutor | None = None
        self._scratch: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None and self._pool is not None:
            # Python 3.14 offers this as `kill_workers`; before it there is no public way.
            for pid in list(self._pool._processes or {}):
                end_group(pid)
        self._end()
        if self._scratch is not None:
            self._scratch.cleanup()

    def run(self, code: StepCode, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """Yield the outcome of each task, in no promised order.

        Raises:
            ConfigError: the step itself cannot run.
        """
        share = -(-len(tasks) // (self._processes * _ROUNDS))
        size = min(_MOST_TOGETHER, max(1, share))
        pieces: list[Sequence[Task]] = [tasks[at : at + size] for at in range(0, len(tasks), size)]
        suspects: list[Task] = []
        while pieces:
            pieces, lost = yield from self._until_broken(code, pieces)
            suspects += lost
        for task in suspects:
            yield from self._alone(code, task)

    def _until_broken(
        self, code: StepCode, pieces: list[Sequence[Task]]
    ) -> Generator[Outcome, None, tuple[list[Sequence[Task]], list[Task]]]:
        """Work on pieces; gives back what was not begun, and what was lost when a process died."""
        pool = self._started()
        # Few are handed over at a time: of those, any may be what killed a process.
        waiting = list(reversed(pieces))
        running: dict[Future[list[Outcome]], Sequence[Task]] = {}
        lost: list[Task] = []
        broken = False
        while running or (waiting and not broken):
            while waiting and not broken and len(running) < 2 * self._processes:
                piece = waiting.pop()
                try:
                    running[pool.submit(_work_all, code, piece)] = piece
                except BrokenProcessPool:
                    waiting.append(piece)
                    broken = True
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                piece = running.pop(future)
                try:
                    yield from future.result()
                except BrokenProcessPool:
                    broken = True
                    lost += piece
        if broken:
            self._end()
        return list(reversed(waiting)), lost

    def _alone(self, code: StepCode, task: Task) -> Iterator[Outcome]:
        """Work on one datum that may have killed a process."""
        try:
            yield from self._started().submit(_work_all, code, [task]).result()
        except BrokenProcessPool:
            self._end()
            yield Outcome(
                datum_id=task.datum_id,
                outputs=(),
                duration_s=0.0,
                error_class="ProcessDied",
                error=f"The process of step {code.name} died over this datum, of a fault in "
                "compiled code or for want of memory. Look at what it reads.",
            )

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            if self._scratch is None:
                self._scratch = tempfile.TemporaryDirectory(
                    prefix="collections-", ignore_cleanup_errors=True
                )
            # Not forked: the parent has threads, of Lance say, whose locks a copy would keep.
            self._pool = ProcessPoolExecutor(
                max_workers=self._processes,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_begin,
                initargs=(self._access, self._scratch.name),
            )
        return self._pool

    def _end(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None


def _begin(access: Access, scratch: str) -> None:
    global _source
    follow_parent(scratch)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    tempfile.tempdir = scratch
    _source = Bytes(access)


def _work_all(code: StepCode, tasks: Sequence[Task]) -> list[Outcome]:
    if _source is None:
        raise RuntimeError("this process was not prepared")
    return [work(code, task, _source) for task in tasks]
