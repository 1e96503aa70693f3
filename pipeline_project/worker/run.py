"""One run of the worker: identify, look at frames, select; in that order."""

import json
import time
from collections.abc import Iterable

import pyarrow.compute as pc

from pipeline_project.core.records import MediaRef
from pipeline_project.core.selection.config import parse_selection_config
from pipeline_project.worker.beside import Beside
from pipeline_project.worker.identify import Identified
from pipeline_project.worker.inputs import check_supported
from pipeline_project.worker.ledger import Row
from pipeline_project.worker.looking import FrameLook, FramesDone
from pipeline_project.worker.noting import (
    find_contents,
    note_counts,
    note_files,
    open_checkpoints,
    states_by_stage,
)
from pipeline_project.worker.parts import Parts
from pipeline_project.worker.rejects import rejects_of_run
from pipeline_project.worker.request import (
    StageFacts,
    WorkerRequest,
    WorkerResult,
    output_prefix,
    rejects_key,
)
from pipeline_project.worker.select_stage import SelectionFacts, SelectionStage
from pipeline_project.worker.stages import SET_STAGES, VERSIONS, Stages
from pipeline_project.worker.states import open_book


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
    checkpoints = open_checkpoints(request, parts)
    book = open_book(parts.lake, request.run_id)
    try:
        found = find_contents(request, refs, parts, checkpoints, stages)
        probed = time.perf_counter() - started
        Beside(parts, config).check(found.media)
        note_files(book, found, request, parts, checkpoints)
        look = FrameLook(
            stages,
            parts,
            checkpoints,
            book,
            request.run_id,
            retry_failed=config.retry_failed,
            keep_old=config.keep_old,
        )
        looked = look.run(found)
        note_counts(book, found, looked.facts, checkpoints)
    finally:  # also when interrupted: finished files are kept
        checkpoints.commit("frames looked at")
    keys = looked.keys
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
        states=states_by_stage(book, found, looked.facts) | selection.states,
        stages=[probe, *looked.facts.values(), *_set_facts(selection)],
        warnings=selection.warnings,
        duration_s=time.perf_counter() - started,
    )


def _counts(
    request: WorkerRequest,
    found: Identified,
    looked: FramesDone,
    selection: SelectionFacts,
    rejects: list[Row],
) -> dict[str, float]:
    table = looked.ready.table
    videos = table.filter(pc.equal(table["kind"], "video"))
    return {
        "listed": found.listed,
        "ignored": request.ignored,
        "media": len(looked.ready),
        "videos": videos.num_rows,
        "images": len(looked.ready) - videos.num_rows,
        "duplicate_files": found.copies,
        "video_seconds": pc.sum(videos["duration_s"]).as_py() or 0.0,
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
