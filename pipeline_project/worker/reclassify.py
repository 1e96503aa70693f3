"""Labels for frames whose measures are known: a changed classifier decodes nothing again."""

import time
from collections.abc import Iterator, Sequence

import pyarrow as pa

from pipeline_project.adapters.lake.base import Lake
from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.core.quality.classifier import Classifier
from pipeline_project.core.quality.registry import MEASURES
from pipeline_project.worker.frames import FrameProgress, FrameTask
from pipeline_project.worker.ledger import Row, file_row, frame_datum_rows
from pipeline_project.worker.stages import Stages

# A read looks through the whole table, so it is done for many files; a table of their measures
# alone is small.
FILES_PER_READ = 500


def reclassify(
    tasks: Sequence[FrameTask],
    *,
    lake: Lake,
    classifier: Classifier,
    stages: Stages,
    run_id: str,
) -> Iterator[FrameProgress]:
    """Label the frames of several files, at most `FILES_PER_READ`, from the measures in the lake.

    Yields:
        One finished file after the other, in the order of `tasks`.
    """
    started = time.perf_counter()
    scores = lake.read(
        TABLES["scores"],
        columns=["datum_key", "frame_id", *MEASURES],
        where=("datum_key", {task.keys.score for task in tasks}),
    )
    scores = scores.sort_by([("datum_key", "ascending")])
    places = _places(scores["datum_key"].to_pylist())
    reading_s = (time.perf_counter() - started) / max(1, len(tasks))
    for task in tasks:
        started = time.perf_counter()
        first, count = places.get(task.keys.score, (0, 0))
        labels = _labels(scores.slice(first, count), task.keys.classify, classifier)
        seconds = reading_s + time.perf_counter() - started
        made = {"classify": (task.keys.classify, task.keys.score, count, seconds)}
        end = FrameProgress(task, frames=count, finished=True, seconds={"classify": seconds})
        end.rows.add(TABLES["labels"], *labels)
        datums = frame_datum_rows(stages, task.media.info.kind, made, run_id)
        end.rows.add(TABLES["datums"], *datums)
        kind = task.media.info.kind
        end.rows.add(TABLES["datums"], file_row(stages, kind, task.media.sha256, run_id))
        yield end


def _places(keys: list[str]) -> dict[str, tuple[int, int]]:
    """Each key's first row and number of rows, in sorted rows."""
    places: dict[str, tuple[int, int]] = {}
    for row, key in enumerate(keys):
        first, count = places.get(key, (row, 0))
        places[key] = (first, count + 1)
    return places


def _labels(scores: pa.Table, key: str, classifier: Classifier) -> list[Row]:
    measures = scores.select(list(MEASURES)).to_pylist()
    verdicts = classifier.classify_many(measures)
    return [
        {
            "frame_id": name,
            "datum_key": key,
            "label": verdict.label,
            "p_sharp": verdict.p_sharp,
            "p_blur": verdict.p_blur,
            "p_moire": verdict.p_moire,
        }
        for name, verdict in zip(scores["frame_id"].to_pylist(), verdicts, strict=True)
    ]
