"""The engine of one machine: threads that work on several files at once.

Threads suffice: decoding, OpenCV and onnxruntime all work outside Python's lock.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_POLL_S = 0.1
# For all threads together, not each: whoever interrupted the work gives it seconds until the kill,
# and they are needed to keep what is finished. A thread amid a long call ends with the process.
_END_S = 1.0


class ThreadEngine:
    """Runs one generator function per item on a fixed number of threads.

    Args:
        threads: items worked on at once.
        waiting: results that may wait to be consumed before the threads pause.
    """

    def __init__(self, threads: int, waiting: int = 4) -> None:
        self._threads = max(1, threads)
        self._waiting = waiting

    def flat_map(
        self, function: Callable[[Item], Iterable[Result]], items: Iterable[Item]
    ) -> Iterator[Result]:
        """Yield every result of `function(item)` for every item, in no promised order."""
        todo = iter(items)
        todo_lock = threading.Lock()
        ended = threading.Event()
        results: queue.Queue[tuple[str, Result | BaseException | None]] = queue.Queue(self._waiting)

        def put(kind: str, value: Result | BaseException | None) -> bool:
            while not ended.is_set():
                try:
                    results.put((kind, value), timeout=_POLL_S)
                except queue.Full:
                    continue
                return True
            return False

        def work() -> None:
            try:
                while not ended.is_set():
                    with todo_lock:
                        item = next(todo)
                    for result in function(item):
                        if not put("result", result):
                            return
            except StopIteration:
                put("done", None)
            except BaseException as error:  # noqa: BLE001 - raised again where results are read
                put("error", error)

        threads = [threading.Thread(target=work, daemon=True) for _ in range(self._threads)]
        for thread in threads:
            thread.start()
        running = len(threads)
        try:
            while running:
                kind, value = results.get()
                if kind == "done":
                    running -= 1
                elif isinstance(value, BaseException) and kind == "error":
                    raise value
                else:
                    yield value  # type: ignore[misc]  # kind says it is a Result
        finally:
            ended.set()
            end = time.monotonic() + _END_S
            for thread in threads:
                thread.join(max(0.0, end - time.monotonic()))
