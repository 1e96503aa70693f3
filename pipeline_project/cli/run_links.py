"""Where the web UI shows the runs that facts name; `ui_url` says where it is."""

from typing import Any


def run_page(ui_url: str, run_id: str) -> str:
    """Address of a run's page."""
    return f"{ui_url.rstrip('/')}/runs/{run_id}"


def with_links(value: Any, ui_url: str) -> Any:
    """The same, with the address of each run's page beside its id."""
    if isinstance(value, list):
        return [with_links(each, ui_url) for each in value]
    if not isinstance(value, dict):
        return value
    linked = {key: with_links(each, ui_url) for key, each in value.items()}
    if value.get("run_id"):
        linked["run_link"] = run_page(ui_url, str(value["run_id"]))
    return linked


def pages_of(facts: Any, ui_url: str) -> dict[str, str]:
    """Every run that facts name, once, in order, and the address of its page."""
    if isinstance(facts, list):
        parts = facts
    elif isinstance(facts, dict):
        parts = list(facts.values())
    else:
        return {}
    pages = {}
    if isinstance(facts, dict) and facts.get("run_id"):
        run_id = str(facts["run_id"])
        pages[run_id] = run_page(ui_url, run_id)
    for part in parts:
        pages |= {run: page for run, page in pages_of(part, ui_url).items() if run not in pages}
    return pages
