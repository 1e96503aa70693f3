"""Labels for frames whose measures are known: a changed classifier decodes nothing again."""

import time

from pipeline_project.adapters.lake.base import Lake
from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.core.quality.classifier import GaussianNaiveBayes
from pipeline_project.core.quality.registry import MEASURES
from pipeline_project.worker.frames import FrameProgress, FrameTask
from pipeline_project.worker.ledger import frame_datum_rows
from pipeline_project.worker.stages import Stages


def reclassify(
    task: FrameTask, *, lake: Lake, classifier: GaussianNaiveBayes, stages: Stages, run_id: str
) -> FrameProgress:
    """Label one file's frames from the measures in the lake."""
    started = time.perf_counter()
    scores = lake.read(
        TABLES["scores"],
        columns=["frame_id", *MEASURES],
        where=("datum_key", {task.keys.score}),
    ).to_pylist()
    end = FrameProgress(task, frames=len(scores), finished=True)
    for row in scores:
        name = row.pop("frame_id")
        verdict = classifier.classify(row)
        end.rows.add(
            TABLES["labels"],
            {
                "frame_id": name,
                "datum_key": task.keys.classify,
                "label": verdict.label,
                "p_sharp": verdict.p_sharp,
                "p_blur": verdict.p_blur,
                "p_moire": verdict.p_moire,
            },
        )
    end.seconds["classify"] = time.perf_counter() - started
    made = {"classify": (task.keys.classify, task.keys.score, len(scores), end.seconds["classify"])}
    end.rows.add(TABLES["datums"], *frame_datum_rows(stages, task.media.info.kind, made, run_id))
    return end
