"""One run of the worker where a selection service has picked: look at the picks and record them.

What comes of it stands in the same tables as a selection of our own: frames, measures, labels and
embeddings of the picked frames, the selection, its files. Only what nobody looked at is missing:
frames that were not picked.
"""

import json
import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.core.hashing import canonical_json, hash_of_names, set_key
from pipeline_project.core.records import MediaRef, frame_id
from pipeline_project.core.selection.plane import project
from pipeline_project.errors import PipelineError, StoreConflict, TransientError
from pipeline_project.worker.candidates import Candidates, gather
from pipeline_project.worker.checkpoints import Checkpoints
from pipeline_project.worker.datapool import EarlierSelection, earlier_selections
from pipeline_project.worker.frames import FrameProgress, FrameStages, FrameTask, embeddings_of
from pipeline_project.worker.identify import Identified, KnownMedia
from pipeline_project.worker.ledger import Rows, read_states, sampled_before
from pipeline_project.worker.noting import (
    find_contents,
    note_counts,
    note_files,
    open_checkpoints,
    states_by_stage,
)
from pipeline_project.worker.parts import Parts
from pipeline_project.worker.picked_frames import PickedReader, PickedStages
from pipeline_project.worker.rejects import rejects_of_run
from pipeline_project.worker.request import (
    StageFacts,
    WorkerRequest,
    WorkerResult,
    output_prefix,
    rejects_key,
)
from pipeline_project.worker.service_picks import PickedFrame, ServicePicks, refused, resolve
from pipeline_project.worker.set_states import SetBook
from pipeline_project.worker.stages import FRAME_STAGES, VERSIONS, FrameKeys, Stages
from pipeline_project.worker.states import StateBook, open_book
from pipeline_project.worker.turns import Turns
from pipeline_project.worker.write_stage import FramesInStore, WriteStage
from pipeline_project.worker.writing import file_name

_ATTEMPTS = 10
_OWN_STAGES = ("select", "write")  # the service looks for duplicates by itself


@dataclass(frozen=True, slots=True)
class _Looked:
    """The picked frames, looked at; `failed` has files whose frames could not be used."""

    candidates: Candidates
    ranked: list[int]
    facts: dict[str, StageFacts]
    failed: set[str]
    keys: dict[str, FrameKeys]


@dataclass(frozen=True, slots=True)
class _Recorded:
    selection_id: str
    commit_id: str
    reused: bool
    written: FramesInStore
    states: dict[str, dict[str, int]]


def record(
    request: WorkerRequest, refs: Iterable[MediaRef], picks: ServicePicks, parts: Parts
) -> WorkerResult:
    """Record what a service picked from one listing; doing it again gives the same selection.

    Raises:
        PipelineError: the lake or store broke; what was committed before stays.
    """
    started = time.perf_counter()
    checkpoints = open_checkpoints(request, parts)
    book = open_book(parts.lake, request.run_id)
    try:
        found = find_contents(request, refs, parts, checkpoints)
        note_files(book, found, request, parts, checkpoints)
        checkpoints.take(refused(picks, found.media, request.run_id))
        resolved = resolve(picks, found.media, parts)
        keys, facts, failed = _look(request, found.media, resolved.frames, parts, checkpoints, book)
        note_counts(book, found, facts, checkpoints)
    finally:  # also when interrupted: finished files are kept
        checkpoints.commit("picked frames looked at")
    picked_media = [each for each in found.media if each.sha256 in keys]
    ready = {sha256: own for sha256, own in keys.items() if sha256 not in failed}
    candidates = gather(
        parts.lake,
        [each for each in picked_media if each.sha256 in ready],
        ready,
        embeddings_of(parts.embedder),
    )
    looked = _Looked(candidates, _ranked(candidates, resolved.frames), facts, failed, keys)
    recorded = _record(request, picks, looked, picked_media, parts, checkpoints)
    probe = StageFacts(
        name="probe",
        version=VERSIONS["probe"],
        done=found.hashed,
        skipped=found.listed - found.hashed,
        failed=found.failed,
    )
    rejects = rejects_of_run(parts.lake, found, keys, failed, run_id=request.run_id)
    lines = b"".join(json.dumps(row).encode() + b"\n" for row in rejects)
    parts.store.put(rejects_key(request.run_id), lines)
    counts = _counts(request, found, looked, recorded)
    counts |= {
        "rejected": len({row["uri"] for row in rejects if not row["damaged"]}),
        "damaged": len({row["uri"] for row in rejects if row["damaged"]}),
    }
    return WorkerResult(
        run_id=request.run_id,
        selection_id=recorded.selection_id,
        commit_id=recorded.commit_id,
        reused=recorded.reused,
        output_prefix=output_prefix(recorded.selection_id),
        counts=counts,
        states=states_by_stage(book, found, facts) | recorded.states,
        stages=[probe, *facts.values()],
        warnings=[*picks.messages, *resolved.warnings, *recorded.written.warnings],
        duration_s=time.perf_counter() - started,
    )


def _look(
    request: WorkerRequest,
    media: Sequence[KnownMedia],
    frames: list[PickedFrame],
    parts: Parts,
    checkpoints: Checkpoints,
    book: StateBook,
) -> tuple[dict[str, FrameKeys], dict[str, StageFacts], set[str]]:
    """Run the frame stages on the picked frames of each file, where they are not done yet."""
    wanted: dict[str, list[int]] = {}
    for frame in frames:
        wanted.setdefault(frame.sha256, []).append(frame.pts)
    facts = {stage: StageFacts(name=stage, version=VERSIONS[stage]) for stage in FRAME_STAGES}
    keys: dict[str, FrameKeys] = {}
    failed: set[str] = set()
    known = sampled_before(parts.lake, wanted.keys())
    for each in media:
        if each.sha256 not in wanted:
            continue
        stages, reader = _stages(request, parts, each, tuple(sorted(wanted[each.sha256])))
        own = keys[each.sha256] = stages.keys(each.sha256, each.info.kind)
        states = read_states(parts.lake, own.all())
        missing = frozenset(s for s in FRAME_STAGES if states.get(getattr(own, s)) != "done")
        for stage in set(FRAME_STAGES) - missing:
            facts[stage].skipped += 1
        if not missing:
            continue
        work = FrameStages(
            stages,
            parts.fetch,
            reader,
            parts.classifier,
            parts.embedder,
            parts.measurer,
            request.run_id,
        )
        for batch in work.run(FrameTask(each, own, missing)):
            checkpoints.take(batch.rows)
            if batch.failed:
                failed.add(each.sha256)
            if batch.finished:
                checkpoints.take(_states(book, batch, known=each.sha256 in known))
                for stage in missing:
                    facts[stage].done += not batch.failed
                    facts[stage].failed += batch.failed
                    facts[stage].duration_s += batch.seconds.get(stage, 0.0)
        parts.progress.update("frames", len(keys), len(wanted), "files", each.ref.name)
    return keys, facts, failed


def _states(book: StateBook, batch: FrameProgress, *, known: bool) -> Rows:
    """What became of a file whose picked frames were looked at."""
    task = batch.task
    keys = {stage: getattr(task.keys, stage) for stage in FRAME_STAGES if stage in task.missing}
    failure = None if batch.error is None else (task.first_missing, batch.error)
    return book.looked(task.media.ref, task.media.sha256, keys, known=known, failure=failure)


def _stages(
    request: WorkerRequest, parts: Parts, media: KnownMedia, pts: tuple[int, ...]
) -> tuple[Stages, PickedReader]:
    if media.info.kind == "image":
        reader = PickedReader(parts.reader, (0,))
        stages = Stages(request.config, parts.classifier.sha256, parts.embedder.space)
    else:
        reader = PickedReader(parts.reader, pts)
        stages = PickedStages(
            request.config, parts.classifier.sha256, parts.embedder.space, pts=pts
        )
    return stages, reader


def _ranked(candidates: Candidates, frames: list[PickedFrame]) -> list[int]:
    """Rows of the candidates in the service's order."""
    rows = {name: row for row, name in enumerate(candidates.frame_id)}
    names = (frame_id(each.sha256, each.pts) for each in frames)
    return [rows[name] for name in names if name in rows]


def _record(
    request: WorkerRequest,
    picks: ServicePicks,
    looked: _Looked,
    media: Sequence[KnownMedia],
    parts: Parts,
    checkpoints: Checkpoints,
) -> _Recorded:
    """Write the files and the rows of the selection; one that is recorded is not made twice."""
    dataset = request.config.dataset
    config = canonical_json({"service": picks.service, "run": picks.service_run_id})
    turns = Turns(parts.store, dataset)

    def earlier() -> list[EarlierSelection]:
        return earlier_selections(parts.lake, dataset)

    states = SetBook(parts.lake, request.run_id, dataset, _OWN_STAGES, at="write")
    for _ in range(_ATTEMPTS):
        turn, past = turns.next(earlier)
        writer = WriteStage(parts, request.config, request.run_id)
        same = next((each for each in reversed(past) if each.config == config), None)
        if same is not None:
            written = writer.write_missing(same.selection_id, media)
            states.skipped(same.candidates_sha256, checkpoints)
            return _Recorded(same.selection_id, same.commit_id, True, written, states.counts())
        members = sorted(looked.candidates.frame_id)
        key = set_key(
            members=members, stage_versions={"select": picks.service}, config=config, pool=""
        )
        selection_id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{key[:4]}{secrets.token_hex(2)}"
        names = _file_names(looked, media)
        try:
            written = writer.write(selection_id, looked.candidates, names, media)
            rows = _rows(selection_id, request, picks, looked, names)
            header = {
                "selection_id": selection_id,
                "dataset": dataset,
                "set_key": key,
                "candidates_sha256": hash_of_names(members),
                "space": embeddings_of(parts.embedder).name,
                "config": config,
                "pool_version": "",
                "engine": picks.service,
                "run_id": request.run_id,
                "counts": json.dumps({"picked": written.count, "candidates": len(members)}),
                "created_at": datetime.now(UTC),
            }
            rows.add(TABLES["selection_sets"], header)
            rows.take(written.rejects)
            contents = str(header["candidates_sha256"])
            rows.take(states.made(key, contents, first=not past))
            checkpoints.prepare(rows)
            turns.take(turn, selection_id)
            commit = checkpoints.commit(
                f"selection {selection_id}: {written.count} frames picked by {picks.service}"
            )
            made_by = commit.commit_id if commit else ""
            return _Recorded(selection_id, made_by, False, written, states.counts())
        except StoreConflict:
            checkpoints.abandon()
            turns.give_up(turn, selection_id, parts.progress)
        except BaseException as error:  # also when interrupted: nobody would ever find these frames
            checkpoints.abandon()
            turns.give_up(turn, selection_id, parts.progress)
            if isinstance(error, PipelineError):
                states.failed(error, checkpoints)
            raise
    raise TransientError(
        f"Recording what {picks.service} picked for dataset {dataset!r}: other runs recorded a "
        f"selection of it {_ATTEMPTS} times meanwhile. Run again; nothing is decoded twice."
    )


def _file_names(looked: _Looked, media: Sequence[KnownMedia]) -> dict[int, str]:
    by_hash = {each.sha256: each for each in media}
    names = {}
    for rank, row in enumerate(looked.ranked, start=1):
        source = by_hash[looked.candidates.media_sha256[row]]
        at_s = float(looked.candidates.timestamp_s[row])
        names[row] = file_name(rank, source.ref.name, at_s, source.info.kind)
    return names


def _rows(
    selection_id: str,
    request: WorkerRequest,
    picks: ServicePicks,
    looked: _Looked,
    names: dict[int, str],
) -> Rows:
    rows = Rows()
    candidates = looked.candidates
    places = project(candidates.vectors)
    for rank, row in enumerate(looked.ranked, start=1):
        frame, sha256 = candidates.frame_id[row], candidates.media_sha256[row]
        place = {
            "selection_id": selection_id,
            "frame_id": frame,
            "media_sha256": sha256,
            "sample_key": looked.keys[sha256].sample,
            "outcome": "picked",
            "map_x": float(places[row, 0]),
            "map_y": float(places[row, 1]),
        }
        pick = {
            "selection_id": selection_id,
            "frame_id": frame,
            "rank": rank,
            "reason": f"picked by {picks.service} in its run {picks.service_run_id}",
            "file_name": names[row],
        }
        rows.add(TABLES["candidates"], place)
        rows.add(TABLES["selections"], pick)
    return rows


def _counts(
    request: WorkerRequest, found: Identified, looked: _Looked, recorded: _Recorded
) -> dict[str, float]:
    videos = [each for each in found.media if each.info.kind == "video"]
    decoded = looked.facts["sample"].done
    return {
        "listed": found.listed,
        "ignored": request.ignored,
        "media": len(found.media),
        "videos": len(videos),
        "images": len(found.media) - len(videos),
        "duplicate_files": found.copies,
        "video_seconds": sum(each.info.duration_s or 0.0 for each in videos),
        "hashed_files": found.hashed,
        "decoded_files": decoded,
        "decoded_frames": len(looked.candidates) if decoded else 0,
        "candidates": len(looked.candidates),
        "excluded": 0,
        "duplicates": 0,
        "survivors": len(looked.candidates),
        "picked": recorded.written.count,
        "pool": 0,
    }
