"""Which instances of ours nobody wants any more, and their stop; the last net but one.

The last is the dead-man's switch on the instance itself. A reaper runs on its own time, beside
any number of runs: what it decides is decided in the same conditional write that marks the
instance as closing, so a run that comes at the same moment is never stopped.
"""

from datetime import datetime

from pipeline_project.adapters.instances.leases import LeaseBook, Page, abandoned


def reap(page: Page, now: datetime) -> str:
    """Say why an instance is to be stopped; empty when it is to be left as it is.

    Args:
        page: its lease page.
        now: the time, UTC.
    """
    if not abandoned(page, now):
        return ""
    silent = sorted(each.run_id for each in page.leases.values() if each.started_instance)
    if silent:
        return f"no word from the run that started it: {', '.join(silent)}"
    by = page.closing.run_id if page.closing is not None else "somebody"
    return f"{by} was to stop it and did not"


def claim(book: LeaseBook, reaper: str, *, closing_s: float) -> bool:
    """Take an abandoned instance for stopping; False when it is not, or a run came meanwhile."""
    return book.close(reaper, closing_s=closing_s, only_abandoned=True) is not None
