"""What every run notes of its files, whoever picks: their contents, what is gone, their states."""

from collections.abc import Iterable, Mapping

from pipeline_project.core.records import MediaRef
from pipeline_project.worker.checkpoints import Checkpoints
from pipeline_project.worker.identify import Identified, identify
from pipeline_project.worker.parts import Parts
from pipeline_project.worker.removed import find_removed, moved_back
from pipeline_project.worker.request import StageFacts, WorkerRequest
from pipeline_project.worker.stages import FILE, Stages
from pipeline_project.worker.states import SKIP, StateBook


def open_checkpoints(request: WorkerRequest, parts: Parts) -> Checkpoints:
    """The run's way into the lake; its commits name its settings."""
    return Checkpoints(
        parts.lake,
        run_id=request.run_id,
        interval_s=request.config.limits.checkpoint_s,
        settings=request.config.model_dump_json().encode(),
    )


def find_contents(
    request: WorkerRequest,
    refs: Iterable[MediaRef],
    parts: Parts,
    checkpoints: Checkpoints,
    stages: Stages | None = None,
) -> Identified:
    """Find the contents of a listing; with `stages` also what is done with them already."""
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
        stages=stages,
        retry_failed=request.config.retry_failed,
        keep_old=request.config.keep_old,
    )


def note_files(
    book: StateBook,
    found: Identified,
    request: WorkerRequest,
    parts: Parts,
    checkpoints: Checkpoints,
) -> None:
    """Record which files are gone, new or changed since the listings before."""
    removal = find_removed(parts.lake, found, request.config, request.run_id)
    checkpoints.take(removal.rows)
    checkpoints.take(book.identified(found, moved_back(found)))
    checkpoints.take(book.removed(removal.files))
    found.memory = found.memory.without_sources()  # nobody asks again: memory for the selection


def note_counts(
    book: StateBook, found: Identified, facts: Mapping[str, StageFacts], checkpoints: Checkpoints
) -> None:
    """Record how many were passed over, once all files were looked at."""
    book.known_failures += found.failed - sum(
        visit.error is not None for visit in found.visits.values()
    )
    skipped = {stage: each.skipped for stage, each in facts.items()}
    checkpoints.take(book.finished(found, skipped))


def states_by_stage(
    book: StateBook, found: Identified, facts: Mapping[str, StageFacts]
) -> dict[str, dict[str, int]]:
    """What became of the files, and of the data of each frame stage."""
    stages = {
        stage: {**book.stages.get(stage, {}), SKIP: each.skipped} for stage, each in facts.items()
    }
    return {FILE: book.counts(found.listed), **stages}
