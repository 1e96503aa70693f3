"""Turns gathered data into the page: one HTML file that needs nothing beside it.

Everything that people or files named is escaped by the template. As a second wall the page
carries a content security policy that lets only its own scripts run, by their hashes, and loads
nothing from any network.
"""

import hashlib
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from bokeh.resources import Resources
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from pipeline_project.report import formats, plots
from pipeline_project.report.data import COUNTS, OUTCOMES, Exclusion, ReportData


@dataclass(frozen=True)
class Tile:
    """One key count: its value as written, what it counts, whether it is the main one."""

    value: str
    label: str
    main: bool


@dataclass(frozen=True)
class Share:
    """One part of the bar of all frames: outcome, label, frames, share in percent."""

    outcome: str
    label: str
    frames: int
    percent: float


@dataclass(frozen=True)
class ExclusionGroup:
    """Frames judged out for one reason; total is the true count, cards may be fewer."""

    judgement: str
    cards: list[Exclusion]
    total: int


def render_report(data: ReportData) -> str:
    """Write the whole page.

    Args:
        data: what to show; nothing else is read.

    Returns:
        The HTML document, always encodable as UTF-8.
    """
    items = plots.plot_items(data.embedding_map, data.histograms)
    scripts = [_bokeh_script(), _own_file("report.js")] if items else [_own_file("report.js")]
    html = (
        _environment()
        .get_template("report.html.j2")
        .render(
            data=data,
            picks=sorted(data.picks, key=lambda pick: pick.rank),
            tiles=_tiles(data.counts),
            shares=_shares(data.counts),
            exclusion_groups=_exclusion_groups(data),
            rejects_total=max(data.rejects_total or 0, len(data.rejects)),
            exclusions_total=max(data.exclusions_total, len(data.exclusions)),
            duplicates_total=max(data.duplicates_total, len(data.duplicates)),
            slowest_s=max([stage.duration_s for stage in data.stages], default=0.0),
            outcomes=OUTCOMES,
            map_counts=_map_counts(data),
            scored_outcomes=[
                outcome
                for outcome in OUTCOMES
                if any(len(histogram.values.get(outcome, ())) for histogram in data.histograms)
            ],
            drawable=plots.drawable,
            left_over=plots.left_over,
            items_json=htmlsafe_json_dumps(items),
            css=Markup(_own_file("report.css")),
            scripts=[Markup(script) for script in scripts],
            policy=_policy(scripts),
        )
    )
    # A file name may hold bytes that are no text; they must not make the page unwritable.
    return html.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def _tiles(counts: dict[str, float]) -> list[Tile]:
    known = [key for key in COUNTS if key in counts]
    others = [key for key in counts if key not in COUNTS]
    tiles = []
    for key in [*others, *known]:
        write = formats.span if key.endswith("_s") else formats.number
        label = COUNTS.get(key) or formats.words(key.removesuffix("_s"))
        tiles.append(Tile(write(counts[key]), label, key == "picked"))
    return tiles


def _shares(counts: dict[str, float]) -> list[Share]:
    """Divide all frames by what became of them; nothing when the counts do not add up."""
    total = int(counts.get("frames", 0))
    parts = {
        "picked": int(counts.get("picked", 0)),
        "duplicate": int(counts.get("duplicates", 0)),
        "excluded": int(counts.get("excluded", 0)),
    }
    rest = total - sum(parts.values())
    if total <= 0 or rest < 0:
        return []
    parts["candidate"] = rest
    return [
        Share(outcome, label, parts[outcome], 100 * parts[outcome] / total)
        for outcome, label in OUTCOMES.items()
        if parts.get(outcome)
    ]


def _exclusion_groups(data: ReportData) -> list[ExclusionGroup]:
    """Group by judgement, the most frequent first; a judgement whose cards are all cut stays."""
    cards: dict[str, list[Exclusion]] = {name: [] for name in data.exclusions_by_judgement}
    for exclusion in data.exclusions:
        cards.setdefault(exclusion.judgement, []).append(exclusion)
    totals = data.exclusions_by_judgement
    groups = [
        ExclusionGroup(judgement, shown, max(totals.get(judgement, 0), len(shown)))
        for judgement, shown in cards.items()
    ]
    return sorted(groups, key=lambda group: (-group.total, group.judgement))


def _map_counts(data: ReportData) -> dict[str, int]:
    """Count the map's frames by outcome, for the legend; absent outcomes are left out."""
    if data.embedding_map is None:
        return {}
    drawn = data.embedding_map.outcome
    return {name: drawn.count(name) for name in OUTCOMES if name in drawn}


def _meter(exclusion: Exclusion) -> tuple[float, float] | None:
    """Place value and threshold on a bar from 0, in percent; None where a bar would mislead."""
    value, threshold = exclusion.value, exclusion.threshold
    if exclusion.measure == "review":
        return None
    if not (0 <= value < float("inf") and 0 < threshold < float("inf")):
        return None
    end = 1.0 if max(value, threshold) <= 1 else 1.25 * max(value, threshold)
    return 100 * value / end, 100 * threshold / end


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("pipeline_project", "report"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for function in (
        formats.clock,
        formats.span,
        formats.number,
        formats.percent,
        formats.moment,
        formats.words,
        formats.sentence_case,
        formats.shown,
        formats.picture,
        formats.frame_path,
        formats.credits,
        formats.web_link,
        _meter,
    ):
        environment.filters[function.__name__.lstrip("_")] = function
    return environment


def _own_file(name: str) -> str:
    return files("pipeline_project.report").joinpath(name).read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def _bokeh_script() -> str:
    """Return Bokeh's own script, core component only: 1.3 MB, no widgets, tables or WebGL."""
    resources: Any = Resources(mode="inline", components=["bokeh"], log_level="warn")
    return "\n".join(resources.js_raw)


def _policy(scripts: Iterable[str]) -> str:
    """Allow these scripts and embedded or neighbouring images, and nothing else."""
    digests = (b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; "
        "img-src data: 'self' file:; base-uri 'none'; form-action 'none'"
    )
