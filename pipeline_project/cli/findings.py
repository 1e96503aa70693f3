"""What one check of `pipeline doctor` comes to."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pipeline_project.errors import PipelineError

Status = Literal["ok", "info", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check came to.

    Attributes:
        check: what was looked at.
        status: `ok`; `info`, where nothing is wrong either way; `fail`.
        detail: what was seen.
        fix: what to do; empty unless it failed.
    """

    check: str
    status: Status
    detail: str
    fix: str = ""


def look(check: str, see: Callable[[], str], fix: str) -> Finding:
    """Run one check: what it says, or what it raises, is the finding."""
    try:
        return Finding(check, "ok", see())
    except Exception as error:  # noqa: BLE001 - whatever is wrong is this check's finding
        about = str(error) or "no reason given"
        named = isinstance(error, PipelineError)
        return Finding(check, "fail", about if named else f"{type(error).__name__}: {about}", fix)
