"""Turns one selection's rows into what the report shows: cuts long lists, counts before cutting."""

import platform
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import yaml

from pipeline_project import __version__
from pipeline_project.adapters.lake.base import Lake
from pipeline_project.core.config import CurationConfig
from pipeline_project.core.quality.registry import MEASURES, SHOWN
from pipeline_project.report.data import (
    DuplicateGroup,
    EmbeddingMap,
    Exclusion,
    Histogram,
    Pick,
    Reject,
    ReportData,
    StageRow,
)
from pipeline_project.report.gather import SelectionRows, read_thumbnails
from pipeline_project.worker.request import WorkerResult

MAX_EXCLUSIONS_PER_JUDGEMENT = 48
MAX_GROUPS = 24
MAX_GROUP_MEMBERS = 11
MAX_REJECTS = 500
MAX_MAP_FRAMES = 1200
_MAP_THUMBNAIL_WIDTH_PX = 120
_PACKAGES = (
    "dagster",
    "av",
    "opencv-python-headless",
    "onnxruntime",
    "lightly-mundig",
    "pylance",
    "numpy",
)


def assemble(
    rows: SelectionRows,
    *,
    lake: Lake,
    result: WorkerResult,
    rejects: Sequence[dict[str, object]],
    config: CurationConfig,
    source: str,
    run_url: str | None,
) -> ReportData:
    """Assemble the page of one selection and one run."""
    exclusions = _cut_exclusions(rows.exclusions)
    groups = _groups(rows.duplicates, {str(row["frame_id"]) for row in rows.picks})
    shown_groups = groups[:MAX_GROUPS]
    on_map = _map_sample(rows.candidates)
    shown = {str(row["frame_id"]) for row in [*rows.picks, *exclusions, *on_map]}
    shown |= {name for group in shown_groups for name in group[1][: MAX_GROUP_MEMBERS + 1]}
    histograms = _histograms(rows, config)
    # What is shown is few of what was looked at; of the others nothing is made.
    rows = rows.narrowed([*shown, *(name for group in shown_groups for name in group[1])])
    known = {name for name in shown if name in rows.frames}
    thumbnails = read_thumbnails(lake, known)
    counts = {**dict(rows.header["counts"]), **result.counts}  # type: ignore[call-overload]  # JSON object
    return ReportData(
        selection_id=result.selection_id,
        dataset=str(rows.header["dataset"]),
        source=source,
        created_at=str(rows.header["created_at"]),
        run_id=result.run_id,
        headline=_headline(counts),
        counts=_tiles(counts, rejects),
        picks=[_pick(rows, row, thumbnails) for row in rows.picks],
        exclusions=[
            Exclusion(
                card=rows.card(str(row["frame_id"]), thumbnails),
                judgement=str(row["judgement"]),
                measure=str(row["measure"]),
                value=float(str(row["value"])),
                threshold=float(str(row["threshold"])),
            )
            for row in exclusions
        ],
        exclusions_total=len(rows.exclusions),
        exclusions_by_judgement=dict(Counter(str(row["judgement"]) for row in rows.exclusions)),
        duplicates=[_group(rows, group, thumbnails) for group in shown_groups],
        duplicates_total=len(groups),
        rejects=[_reject(row) for row in rejects[:MAX_REJECTS]],
        rejects_total=len(rejects),
        stages=[StageRow(**stage.model_dump()) for stage in result.stages],
        embedding_map=_map(rows, on_map, thumbnails),
        histograms=histograms,
        warnings=result.warnings,
        versions=_versions(str(rows.header["space"]), config),
        settings_yaml=yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False),
        duration_s=result.duration_s,
        states=result.states,
        ids={
            "commit": result.commit_id,
            **({"run page": run_url} if run_url else {}),
            **_cost(result.counts),
        },
    )


def _tiles(counts: dict[str, float], rejects: Sequence[dict[str, object]]) -> dict[str, float]:
    """The counts worth a tile: of video and of unusable files only where there are some."""
    tiles = {
        "files": counts["media"],
        "video_s": counts["video_seconds"],
        "frames": counts["candidates"],
        "excluded": counts["excluded"],
        "duplicates": counts["duplicates"],
        "not_used": len({row["uri"] for row in rejects if not row["damaged"]}),
        "picked": counts["picked"],
    }
    return {name: n for name, n in tiles.items() if n or name not in ("video_s", "not_used")}


def _cost(counts: dict[str, float]) -> dict[str, str]:
    if "cost_usd" not in counts:
        return {}
    return {"cost of the instance": f"about ${counts['cost_usd']:.2f} since its start"}


def _headline(counts: dict[str, float]) -> str:
    files = f"{counts['media']:.0f} file{'' if counts['media'] == 1 else 's'}"
    return f"{counts['picked']:.0f} of {counts['candidates']:.0f} frames picked from {files}"


def _pick(rows: SelectionRows, row: dict[str, object], thumbnails: dict[str, bytes]) -> Pick:
    frame = str(row["frame_id"])
    return Pick(
        card=rows.card(frame, thumbnails),
        rank=int(str(row["rank"])),
        reason=str(row["reason"]),
        file_name=str(row["file_name"]),
        attribution=rows.source(frame).attribution,
    )


def _cut_exclusions(exclusions: Sequence[dict[str, object]]) -> list[dict[str, object]]:
    seen: Counter[str] = Counter()
    kept = []
    for row in exclusions:
        judgement = str(row["judgement"])
        seen[judgement] += 1
        if seen[judgement] <= MAX_EXCLUSIONS_PER_JUDGEMENT:
            kept.append(row)
    return kept


def _groups(
    duplicates: Sequence[dict[str, object]], picked: set[str]
) -> list[tuple[str, list[str], str]]:
    """(keeper, keeper and members, kind) of each group: those of picks first, then the largest."""
    members: dict[str, list[str]] = {}
    kinds: dict[str, str] = {}
    for row in duplicates:
        keeper = str(row["group_id"])
        group = members.setdefault(keeper, [keeper])
        kinds.setdefault(keeper, str(row["kind"]))
        if row["frame_id"] != keeper:
            group.append(str(row["frame_id"]))
    groups = [(keeper, group, kinds[keeper]) for keeper, group in members.items()]
    return sorted(groups, key=lambda group: (group[0] not in picked, -len(group[1])))


def _group(
    rows: SelectionRows, group: tuple[str, list[str], str], thumbnails: dict[str, bytes]
) -> DuplicateGroup:
    keeper, members, kind = group
    others = [name for name in members[1:] if name in rows.frames][:MAX_GROUP_MEMBERS]
    return DuplicateGroup(
        kind=kind,
        keeper=rows.card(keeper, thumbnails),
        others=[rows.card(name, thumbnails) for name in others],
        size=len(members),
    )


def _reject(row: dict[str, object]) -> Reject:
    return Reject(
        name=str(row["name"]),
        uri=str(row["uri"]),
        stage=str(row["stage"]),
        error_class=str(row["error_class"]),
        message=str(row["message"]),
        damaged=bool(row["damaged"]),
    )


def _map_sample(candidates: pa.Table) -> list[dict[str, object]]:
    """All picks and an even sample of the rest."""
    is_picked = pc.equal(candidates["outcome"], "picked").to_numpy()
    picked, others = np.flatnonzero(is_picked), np.flatnonzero(~is_picked)
    room = max(0, MAX_MAP_FRAMES - len(picked))
    step = max(1, -(-len(others) // room)) if room else len(others) + 1
    shown = np.concatenate([picked, others[::step]])
    rows: list[dict[str, object]] = candidates.take(pa.array(shown, pa.int64())).to_pylist()
    return rows


def _map(
    rows: SelectionRows, on_map: list[dict[str, object]], thumbnails: dict[str, bytes]
) -> EmbeddingMap | None:
    shown = [row for row in on_map if row["frame_id"] in rows.frames]
    if not shown:
        return None
    names = [str(row["frame_id"]) for row in shown]
    times = [rows.timestamp_s(name) for name in names]
    return EmbeddingMap(
        x=np.array([row["map_x"] for row in shown], np.float32),
        y=np.array([row["map_y"] for row in shown], np.float32),
        outcome=[str(row["outcome"]) for row in shown],
        name=[rows.source(name).name for name in names],
        timestamp_s=np.array([np.nan if time is None else time for time in times]),
        thumbnail_jpeg=[_small(thumbnails.get(name, b"")) for name in names],
        total=len(rows.candidates),
        method="two principal components",
    )


def _small(jpeg: bytes) -> bytes:
    """A thumbnail small enough to have a thousand of on one page."""
    pixels = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR) if jpeg else None
    if pixels is None:
        return b""
    height = max(1, round(pixels.shape[0] * _MAP_THUMBNAIL_WIDTH_PX / pixels.shape[1]))
    small = cv2.resize(pixels, (_MAP_THUMBNAIL_WIDTH_PX, height), interpolation=cv2.INTER_AREA)
    return bytes(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 60])[1])


def _histograms(rows: SelectionRows, config: CurationConfig) -> list[Histogram]:
    looked = rows.candidates.filter(pc.not_equal(rows.candidates["outcome"], "pool"))
    outcome = np.asarray(looked["outcome"].to_pylist(), str)
    found = []
    for name in SHOWN:
        measure = MEASURES[name]
        column = rows.measured(looked["frame_id"], name)
        # Null where an earlier version, with fewer measures, looked at the frame.
        there = ~np.isnan(column)
        values = {what: column[there & (outcome == what)] for what in dict.fromkeys(outcome[there])}
        found.append(
            Histogram(
                measure=name,
                unit=measure.unit,
                higher_is=measure.higher_is,
                values={str(what): each for what, each in values.items()},
                log_scale=name.endswith("_variance"),
                threshold=config.quality.min_mean_luma if name == "mean_luma" else None,
            )
        )
    return found


def _versions(space: str, config: CurationConfig) -> dict[str, str]:
    found = {"pipeline-project": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return {**found, "embedding space": space, "classifier": config.quality.classifier}
