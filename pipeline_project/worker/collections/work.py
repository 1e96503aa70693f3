"""One datum of one step, worked on: what is handed to a process, and what comes back."""

import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

from pipeline_project.core.collections.definition import Kind
from pipeline_project.errors import ConfigError, PermanentError, TransientError
from pipeline_project.worker.collections import transforms
from pipeline_project.worker.collections.given import Given, GivenFile
from pipeline_project.worker.collections.held import Bytes, Held


@dataclass(frozen=True, slots=True)
class StepCode:
    """What a process needs to know of a step.

    Attributes:
        name: of the step.
        kind: what it does.
        value: with what.
        params: keyword arguments of a call.
        folder: of the YAML file.
        timeout_s: a datum that takes longer has failed.
    """

    name: str
    kind: Kind
    value: str | tuple[str, ...] | None
    params: Mapping[str, Any]
    folder: str
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Task:
    """One datum to work on.

    Attributes:
        datum_id: of it.
        parts: name and files of each input.
        output: path of what is made, where the step does not name its files itself.
    """

    datum_id: str
    parts: tuple[tuple[str, tuple[Held, ...]], ...]
    output: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a datum.

    Attributes:
        datum_id: of it.
        outputs: what was made; empty where it failed.
        duration_s: seconds of work.
        error_class: name of the error; empty where all went well.
        error: its message.
        passing: the error may be gone the next time, so that it is no result.
    """

    datum_id: str
    outputs: tuple[Held, ...]
    duration_s: float
    error_class: str = ""
    error: str = ""
    passing: bool = False


def work(code: StepCode, task: Task, source: Bytes) -> Outcome:
    """Work on one datum; whatever the step raises becomes a failed outcome.

    Raises:
        ConfigError: the step itself cannot run, on this datum or any other.
    """
    started = time.perf_counter()
    given = Given(
        [(name, [GivenFile(name, held, source) for held in files]) for name, files in task.parts]
    )
    try:
        with _limited(code.timeout_s):
            made = transforms.as_outputs(_made(code, given), task.output)
        outputs = tuple(source.keep(path, data) for path, data in made.items())
    except ConfigError:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a step's own code may raise anything
        return Outcome(
            datum_id=task.datum_id,
            outputs=(),
            duration_s=time.perf_counter() - started,
            error_class=type(error).__name__,
            error=str(error).encode("utf-8", "backslashreplace").decode("utf-8"),
            passing=isinstance(error, TransientError),
        )
    return Outcome(task.datum_id, outputs, time.perf_counter() - started)


def _made(code: StepCode, given: Given) -> Any:
    if code.kind == "measure":
        return transforms.measure(given, code.value or ())
    if code.kind == "merge":
        return transforms.merge(given)
    if code.kind == "classify":
        from pipeline_project.adapters.quality_model import load_classifier

        return transforms.classify(given, load_classifier(str(code.value)))
    if code.kind == "call":
        return transforms.call(given, str(code.value), code.params, code.folder)
    return transforms.command(given, code.value or (), code.folder, code.timeout_s)


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Raise in the midst of Python code that takes longer; only in a process's main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def late(number: int, frame: FrameType | None) -> None:
        raise PermanentError(
            f"The step did not end within {seconds:g} s. Give it a longer timeout_s, or look why."
        )

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
