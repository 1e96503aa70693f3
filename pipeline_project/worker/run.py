"""One run of the worker: identify, look at frames, select; in that order."""

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pipeline_project.core.records import MediaRef
from pipeline_project.core.selection.config import parse_selection_config
from pipeline_project.core.video.sampling import expected_frames
from pipeline_project.worker.beside import Beside
from pipeline_project.worker.checkpoints import Checkpoints
from pipeline_project.worker.frames import FrameProgress, FrameStages, FrameTask
from pipeline_project.worker.identify import Identified, KnownMedia, identify
from pipeline_project.worker.inputs import check_supported
from pipeline_project.worker.ledger import Row, read_states
from pipeline_project.worker.parts import Parts
from pipeline_project.worker.reclassify import FILES_PER_READ, reclassify
from pipeline_project.worker.rejects import rejects_of_run
from pipeline_project.worker.request import (
    StageFacts,
    WorkerRequest,
    WorkerResult,
    output_prefix,
    rejects_key,
)
from pipeline_project.worker.select_stage import SelectionFacts, SelectionStage
from pipeline_project.worker.stages import (
    FRAME_STAGES,
    SET_STAGES,
    VERSIONS,
    FrameKeys,
    Stages,
)


@dataclass(slots=True)
class _FramesDone:
    """What the frame stages came to."""

    facts: dict[str, StageFacts]
    ready: list[KnownMedia] = field(default_factory=list)
    failed: set[str] = field(default_factory=set)
    frames: int = 0
    decoded_files: int = 0


def run(request: WorkerRequest, refs: Iterable[MediaRef], parts: Parts) -> WorkerResult:
    """Curate one listing.

    What is finished is committed now and then and once more when the run is ended from outside,
    so that the next run goes on where this one stopped.

    Raises:
        ConfigError: a setting that only shows its error here.
        PipelineError: the lake or store broke; what was committed before stays.
    """
    started = time.perf_counter()
    config = request.config
    # What cannot be carried out is told before hours of decoding, not after.
    length = config.constraints.selected_sequence_length
    check_supported(parse_selection_config(config.selection), length)
    stages = Stages(config, parts.classifier.sha256, parts.embedder.space)
    checkpoints = Checkpoints(
        parts.lake, run_id=request.run_id, interval_s=config.limits.checkpoint_s
    )
    try:
        found = _identify(request, refs, parts, checkpoints)
        probed = time.perf_counter() - started
        Beside(parts, config).check(found.media)
        keys = {each.sha256: stages.keys(each.sha256, each.info.kind) for each in found.media}
        looked = _look(found.media, keys, stages, parts, checkpoints, request.run_id)
    finally:  # also when interrupted: finished files are kept
        checkpoints.commit("frames looked at")
    selection = SelectionStage(parts, config, request.run_id).run(looked.ready, keys, checkpoints)
    probe = StageFacts(
        name="probe",
        version=VERSIONS["probe"],
        done=found.hashed,
        skipped=found.listed - found.hashed,
        failed=found.failed,
        duration_s=probed,
    )
    rejects = rejects_of_run(parts.lake, found, keys, looked.failed, run_id=request.run_id)
    lines = b"".join(json.dumps(row).encode() + b"\n" for row in rejects)
    parts.store.put(rejects_key(request.run_id), lines)
    return WorkerResult(
        run_id=request.run_id,
        selection_id=selection.selection_id,
        commit_id=selection.commit_id,
        reused=selection.reused,
        output_prefix=output_prefix(selection.selection_id),
        counts=_counts(request, found, looked, selection, rejects),
        stages=[probe, *looked.facts.values(), *_set_facts(selection)],
        warnings=selection.warnings,
        duration_s=time.perf_counter() - started,
    )


def _identify(
    request: WorkerRequest, refs: Iterable[MediaRef], parts: Parts, checkpoints: Checkpoints
) -> Identified:
    return identify(
        refs,
        lake=parts.lake,
        fetch=parts.fetch,
        reader=parts.reader,
        engine=parts.engine,
        progress=parts.progress,
        take=checkpoints.take,
        run_id=request.run_id,
        rehash=request.config.rehash,
    )


def _look(
    media: list[KnownMedia],
    keys: dict[str, FrameKeys],
    stages: Stages,
    parts: Parts,
    checkpoints: Checkpoints,
    run_id: str,
) -> _FramesDone:
    """Run what is missing of the frame stages; files that fail are left out of `ready`."""
    states = read_states(parts.lake, {key for each in keys.values() for key in each.all()})
    done = _FramesDone({s: StageFacts(name=s, version=VERSIONS[s]) for s in FRAME_STAGES})
    tasks = []
    for each in media:
        own = keys[each.sha256]
        broken = [s for s in FRAME_STAGES if states.get(getattr(own, s)) == "failed"]
        if broken:
            done.failed.add(each.sha256)
            done.facts[broken[0]].failed += 1
            continue
        missing = frozenset(s for s in FRAME_STAGES if states.get(getattr(own, s)) != "done")
        for stage in set(FRAME_STAGES) - missing:
            done.facts[stage].skipped += 1
        if missing:
            tasks.append(FrameTask(each, own, missing))
    _announce(tasks, len(media) - len(tasks) - len(done.failed), stages, parts)
    work = FrameStages(
        stages,
        parts.fetch,
        parts.reader,
        parts.classifier,
        parts.embedder,
        parts.measurer,
        run_id,
    )

    def do(group: list[FrameTask]) -> Iterator[FrameProgress]:
        if group[0].missing == {"classify"}:
            yield from reclassify(
                group, lake=parts.lake, classifier=parts.classifier, stages=stages, run_id=run_id
            )
        else:
            for task in group:
                yield from work.run(task)

    total = _expected([task.media for task in tasks], stages)
    for batch in parts.engine.flat_map(do, _groups(tasks)):
        checkpoints.take(batch.rows)
        done.frames += batch.frames
        parts.progress.update("frames", done.frames, total, "frames", batch.task.media.ref.name)
        if batch.finished:
            _count_file(batch, done)
    if tasks:
        parts.progress.update("frames", done.frames, done.frames, "frames")
    done.ready = [each for each in media if each.sha256 not in done.failed]
    return done


def _groups(tasks: list[FrameTask]) -> list[list[FrameTask]]:
    """What one thread does at a time: a file to decode, or many that only lack their labels."""
    labels = [task for task in tasks if task.missing == {"classify"}]
    return [
        *(labels[at : at + FILES_PER_READ] for at in range(0, len(labels), FILES_PER_READ)),
        *([task] for task in tasks if task.missing != {"classify"}),
    ]


def _count_file(batch: FrameProgress, done: _FramesDone) -> None:
    done.decoded_files += batch.task.missing != {"classify"}
    if batch.failed:
        done.failed.add(batch.task.media.sha256)
        done.facts[batch.task.first_missing].failed += 1
        return
    for stage in batch.task.missing:
        done.facts[stage].done += 1
        done.facts[stage].duration_s += batch.seconds.get(stage, 0.0)


def _announce(tasks: list[FrameTask], known: int, stages: Stages, parts: Parts) -> None:
    """Say how much is to be done, before it is done."""
    if not tasks:
        parts.progress.info(f"All {known} files are known: nothing to decode, score or embed.")
        return
    expected = _expected([task.media for task in tasks], stages)
    about = f"about {expected} frames" if expected is not None else "an unknown number of frames"
    parts.progress.info(
        f"Looking at {about} from {len(tasks)} new files; {known} files are known already."
    )


def _expected(media: list[KnownMedia], stages: Stages) -> int | None:
    numbers = [expected_frames(each.info, stages.config.sampling) for each in media]
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None


def _counts(
    request: WorkerRequest,
    found: Identified,
    looked: _FramesDone,
    selection: SelectionFacts,
    rejects: list[Row],
) -> dict[str, float]:
    videos = [each for each in looked.ready if each.info.kind == "video"]
    return {
        "listed": found.listed,
        "ignored": request.ignored,
        "media": len(looked.ready),
        "videos": len(videos),
        "images": len(looked.ready) - len(videos),
        "duplicate_files": sum(len(refs) - 1 for refs in found.files.values()),
        "video_seconds": sum(each.info.duration_s or 0.0 for each in videos),
        "hashed_files": found.hashed,
        "decoded_files": looked.decoded_files,
        "decoded_frames": looked.frames,
        "rejected": len({row["uri"] for row in rejects if not row["damaged"]}),
        "damaged": len({row["uri"] for row in rejects if row["damaged"]}),
        **selection.counts,
    }


def _set_facts(selection: SelectionFacts) -> list[StageFacts]:
    return [
        StageFacts(
            name=stage,
            version=VERSIONS[stage],
            done=int(not selection.reused),
            skipped=int(selection.reused),
            duration_s=selection.seconds.get(stage, 0.0),
        )
        for stage in SET_STAGES
    ]
