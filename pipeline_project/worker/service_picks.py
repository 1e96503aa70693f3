"""Which frames a selection service picked: from its names to our frame ids."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, ConfigDict

from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.adapters.media.frame_numbers import timestamps_of
from pipeline_project.adapters.object_store.base import ObjectStore
from pipeline_project.core.video.frame_names import split_frame_name
from pipeline_project.errors import MediaCorrupt, MediaError, RemoteFailed
from pipeline_project.worker.identify import KnownMedia
from pipeline_project.worker.ledger import Rows, reject_row
from pipeline_project.worker.parts import Parts
from pipeline_project.worker.request import picks_key

_SHOWN = 3


class ServicePicks(BaseModel):
    """What the service picked, as its adapter wrote it down.

    `names` are paths below `input`, of images or of frames of videos, in the service's order;
    `pts` has timestamps of frames by name, where the service tells them; `corrupt` are files and
    frames that it could not use, each with its reason.
    """

    model_config = ConfigDict(extra="forbid")

    service: str
    service_run_id: str
    kind: Literal["Videos", "Images"]
    input: str
    names: list[str]
    pts: dict[str, int]
    messages: list[str]
    corrupt: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class PickedFrame:
    """One pick: its file and its timestamp, 0 for an image."""

    sha256: str
    pts: int


@dataclass(slots=True)
class Resolved:
    """The picks in the service's order, each once, and what could not be resolved."""

    frames: list[PickedFrame] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def read_picks(store: ObjectStore, run_id: str) -> ServicePicks | None:
    """Read what a service picked for this run; None where the worker is to pick itself.

    Raises:
        RemoteFailed: what was written down cannot be understood.
    """
    key = picks_key(run_id)
    if not store.exists(key):
        return None
    try:
        return ServicePicks.model_validate(json.loads(store.get(key)))
    except ValueError as error:
        raise RemoteFailed(f"reading {key}, what the service picked: {error}") from error


def resolve(picks: ServicePicks, media: Sequence[KnownMedia], parts: Parts) -> Resolved:
    """Find the file and the timestamp behind each name.

    The service's own timestamp counts where it gives one; else the frame's number among the
    timestamps of its video (`core/video/frame_names.py`).
    """
    by_name = _by_name(picks, media)
    result = Resolved()
    frames: dict[PickedFrame, None] = {}  # a set in the service's order
    numbers: dict[str, list[int]] = {}
    strange: list[str] = []
    missing: list[str] = []
    for name in picks.names:
        if picks.kind == "Images":
            found, number = by_name.get(name), 0
        else:
            split = split_frame_name(name)
            found, number = (by_name.get(split[0]), split[1]) if split else (None, 0)
        if found is None:
            strange.append(name)
            continue
        pts: int | None = 0
        if picks.kind == "Videos":
            if name in picks.pts:
                pts = picks.pts[name]
            else:
                if found.sha256 not in numbers:
                    numbers[found.sha256] = _timestamps(found, parts, result)
                known = numbers[found.sha256]
                pts = known[number] if number < len(known) else None
        if pts is None:
            missing.append(name)
            continue
        frames[PickedFrame(found.sha256, pts)] = None
    result.frames = list(frames)
    if strange:
        result.warnings.append(
            f"{len(strange)} names that the service gave are not of this run's usable files, and "
            f"are left out: {_some(strange)}."
        )
    if missing:
        result.warnings.append(
            f"{len(missing)} frames that the service picked are beyond the end of their videos as "
            f"they are read here, and are left out: {_some(missing)}."
        )
    return result


def refused(picks: ServicePicks, media: Sequence[KnownMedia], run_id: str) -> Rows:
    """Write the service's own list of corrupt files as reject rows, of this run only.

    A file that we could not use either is rejected already, for our own reason.
    """
    by_name = _by_name(picks, media)
    frames: dict[str, list[str]] = {}
    rows = Rows()

    def add(found: KnownMedia, message: str, *, damaged: bool) -> None:
        row = reject_row(
            uri=found.ref.uri,
            name=found.ref.name,
            sha256=found.sha256,
            stage=picks.service,
            key="",
            error_class=MediaCorrupt.__name__,
            message=f"{message} (the corruptness check of {picks.service})",
            damaged=damaged,
            run_id=run_id,
        )
        rows.add(TABLES["rejects"], row)

    for name, reason in picks.corrupt.items():
        split = split_frame_name(name)
        if name in by_name:
            add(by_name[name], reason, damaged=False)
        elif split and split[0] in by_name:
            frames.setdefault(split[0], []).append(f"frame {split[1]}: {reason}")
    for name, told in frames.items():
        add(by_name[name], f"{len(told)} corrupt frames; {'; '.join(told[:_SHOWN])}", damaged=True)
    return rows


def _by_name(picks: ServicePicks, media: Sequence[KnownMedia]) -> dict[str, KnownMedia]:
    prefix = picks.input.rstrip("/") + "/"
    return {
        each.ref.read_uri.removeprefix(prefix): each
        for each in media
        if each.ref.read_uri.startswith(prefix)
    }


def _timestamps(media: KnownMedia, parts: Parts, result: Resolved) -> list[int]:
    try:
        with parts.fetch(media.ref.read_uri) as path:
            return timestamps_of(path, parts.reader)
    except MediaError as error:
        result.warnings.append(f"{media.ref.name}: its frames cannot be counted: {error}")
        return []


def _some(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
