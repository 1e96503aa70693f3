"""The frame stages of one file: sample, score, classify, embed, in one pass over its frames.

Frames are decoded once and streamed: what is held at any moment is one frame (with a GPU that
measures, some) and one batch of shrunken ones, whatever the length of the video.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import cv2
import numpy as np

from pipeline_project.adapters.embedder.base import ImageEmbedder
from pipeline_project.adapters.lake.schemas import TABLES, Table, embeddings_table
from pipeline_project.adapters.measuring.base import Gathering, Measurer
from pipeline_project.adapters.media.base import MediaReader, OpenMedia
from pipeline_project.core.hashing import perceptual_hash, pixels_sha256
from pipeline_project.core.quality.classifier import Classifier
from pipeline_project.core.quality.picture import Picture
from pipeline_project.core.records import Frame, Pixels, frame_id
from pipeline_project.errors import MediaError, MediaTooSmall, MediaUnreadable
from pipeline_project.worker.identify import Fetch, KnownMedia, check_unchanged
from pipeline_project.worker.ledger import (
    Row,
    Rows,
    datum_row,
    file_row,
    frame_datum_rows,
    reject_row,
)
from pipeline_project.worker.stages import (
    FRAME_STAGES,
    THUMBNAIL_HEIGHT_PX,
    THUMBNAIL_WIDTH_PX,
    FrameKeys,
    Stages,
)

_THUMBNAIL_QUALITY = 82


@dataclass(frozen=True, slots=True)
class FrameTask:
    """One file and the frame stages it still lacks."""

    media: KnownMedia
    keys: FrameKeys
    missing: frozenset[str]

    @property
    def first_missing(self) -> str:
        """The first stage it lacks: the one that a failure is put down to."""
        return next(stage for stage in FRAME_STAGES if stage in self.missing)


@dataclass(slots=True)
class FrameProgress:
    """What one batch of a file brought: rows, frames looked at, seconds per stage."""

    task: FrameTask
    rows: Rows = field(default_factory=Rows)
    frames: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    finished: bool = False
    error: MediaError | None = None

    @property
    def failed(self) -> bool:
        """Whether the file could not be looked at to its end."""
        return self.error is not None


@dataclass(frozen=True, slots=True)
class FrameStages:
    """Runs the frame stages; safe to use from several threads."""

    stages: Stages
    fetch: Fetch
    reader: MediaReader
    classifier: Classifier
    embedder: ImageEmbedder
    measurer: Measurer
    run_id: str

    def run(self, task: FrameTask) -> Iterator[FrameProgress]:
        """Work through one file, batch by batch; a file that fails ends with its reject row."""
        spent = dict.fromkeys(FRAME_STAGES, 0.0)
        try:
            with self.fetch(task.media.ref.read_uri) as path:
                try:
                    yield from self._work(task, path, spent)
                except MediaError:
                    # The bytes that were hashed are not to blame for those that took their place.
                    check_unchanged(task.media.ref, path)
                    raise
        except MediaError as error:
            yield self._failure(task, error, spent)

    def _work(
        self, task: FrameTask, path: Path, spent: dict[str, float]
    ) -> Iterator[FrameProgress]:
        frames = 0
        with self.reader.open(path) as media:
            self._check_size(media)
            for batch in self._batches(media, task, spent):
                frames += batch.frames
                # Before each: rows of other bytes, once taken, would pass for this file's.
                check_unchanged(task.media.ref, path)
                yield batch
            end = self._end(task, media, frames, spent)
            check_unchanged(task.media.ref, path)
            yield end

    def _check_size(self, media: OpenMedia) -> None:
        least = self.stages.config.quality.min_side_px
        info = media.info
        if min(info.width_px, info.height_px) < least:
            raise MediaTooSmall(
                f"Measuring a picture of {info.width_px}x{info.height_px} px: the least side is "
                f"{least} px (quality.min_side_px)."
            )

    def _batches(
        self, media: OpenMedia, task: FrameTask, spent: dict[str, float]
    ) -> Iterator[FrameProgress]:
        size = self.stages.config.embedding.batch_size
        batch = FrameProgress(task)
        waiting: list[tuple[str, Pixels]] = []
        unmeasured = Gathering[str](self.measurer)
        frames = media.frames(self.stages.config.sampling)
        while True:
            with _Clock(spent, "sample"):
                frame = next(frames, None)
            if frame is None:
                break
            name = frame_id(task.media.sha256, frame.pts)
            self._keep(frame, name, batch, spent)
            if task.missing & {"score", "classify"}:
                with _Clock(spent, "score"):
                    measured = unmeasured.add(name, Picture.of_rgb(frame.pixels))
                self._judge(measured, batch, spent)
            if "embed" in task.missing:
                with _Clock(spent, "embed"):
                    waiting.append((name, self.embedder.prepare(frame.pixels)))
            batch.frames += 1
            if batch.frames >= size:
                self._finish(unmeasured, waiting, batch, spent)
                yield batch
                batch, waiting = FrameProgress(task), []
        self._finish(unmeasured, waiting, batch, spent)
        yield batch

    def _finish(
        self,
        unmeasured: Gathering[str],
        waiting: list[tuple[str, Pixels]],
        batch: FrameProgress,
        spent: dict[str, float],
    ) -> None:
        with _Clock(spent, "score"):
            measured = unmeasured.rest()
        self._judge(measured, batch, spent)
        self._embed(waiting, batch, spent)

    def _keep(self, frame: Frame, name: str, batch: FrameProgress, spent: dict[str, float]) -> None:
        task = batch.task
        if "sample" in task.missing:
            with _Clock(spent, "sample"):
                thumbnail: Row = {
                    "frame_id": name,
                    "datum_key": task.keys.sample,
                    "jpeg": _thumbnail(frame.pixels),
                }
                batch.rows.add(TABLES["frames"], _frame_row(frame, name, task))
                batch.rows.add(TABLES["thumbnails"], thumbnail)

    def _judge(
        self,
        measured: Sequence[tuple[str, dict[str, float]]],
        batch: FrameProgress,
        spent: dict[str, float],
    ) -> None:
        """Add the rows of measured frames: their scores, and their labels."""
        task = batch.task
        for name, measures in measured:
            if "score" in task.missing:
                row = {"frame_id": name, "datum_key": task.keys.score, **measures}
                batch.rows.add(TABLES["scores"], row)
            if "classify" in task.missing:
                with _Clock(spent, "classify"):
                    verdict = self.classifier.classify(measures)
                row = {
                    "frame_id": name,
                    "datum_key": task.keys.classify,
                    "label": verdict.label,
                    "p_sharp": verdict.p_sharp,
                    "p_blur": verdict.p_blur,
                    "p_moire": verdict.p_moire,
                }
                batch.rows.add(TABLES["labels"], row)

    def _embed(
        self, waiting: list[tuple[str, Pixels]], batch: FrameProgress, spent: dict[str, float]
    ) -> None:
        if not waiting:
            return
        with _Clock(spent, "embed"):
            vectors = self.embedder.embed([pixels for _, pixels in waiting])
        table = embeddings_of(self.embedder)
        for (name, _), vector in zip(waiting, vectors, strict=True):
            row = {"frame_id": name, "datum_key": batch.task.keys.embed, "vector": vector}
            batch.rows.add(table, row)

    def _end(
        self, task: FrameTask, media: OpenMedia, frames: int, spent: dict[str, float]
    ) -> FrameProgress:
        inputs = {
            "sample": (task.keys.sample, task.media.sha256),
            "score": (task.keys.score, task.keys.sample),
            "classify": (task.keys.classify, task.keys.score),
            "embed": (task.keys.embed, task.keys.sample),
        }
        made = {
            stage: (key, given, frames, spent[stage])
            for stage, (key, given) in inputs.items()
            if stage in task.missing
        }
        end = FrameProgress(task, seconds=spent, finished=True)
        kind = task.media.info.kind
        for damage in media.damage if "sample" in task.missing else ():
            row = self._reject(
                task, task.keys.sample, damage.error_class, damage.message, damaged=True
            )
            end.rows.add(TABLES["rejects"], row)
        end.rows.add(TABLES["datums"], *frame_datum_rows(self.stages, kind, made, self.run_id))
        end.rows.add(TABLES["datums"], file_row(self.stages, kind, task.media.sha256, self.run_id))
        return end

    def _failure(
        self, task: FrameTask, error: MediaError, spent: dict[str, float]
    ) -> FrameProgress:
        """Remember that these bytes cannot be used; not so where they could not be read."""
        end = FrameProgress(task, seconds=spent, finished=True, error=error)
        stage = task.first_missing
        key = "" if isinstance(error, MediaUnreadable) else getattr(task.keys, stage)
        reject = self._reject(task, key, type(error).__name__, str(error), damaged=False)
        end.rows.add(TABLES["rejects"], reject)
        if key:
            row = datum_row(
                key=key,
                stage=stage,
                input_sha256=task.media.sha256,
                run_id=self.run_id,
                params=self.stages.params(stage, task.media.info.kind),
                model_sha256=self.stages.model_sha256(stage),
                duration_s=spent[stage],
                error=error,
            )
            end.rows.add(TABLES["datums"], row)
        return end

    def _reject(
        self, task: FrameTask, key: str, error_class: str, message: str, *, damaged: bool
    ) -> dict[str, object]:
        return reject_row(
            uri=task.media.ref.uri,
            name=task.media.ref.name,
            sha256=task.media.sha256,
            stage=task.first_missing,
            key=key,
            error_class=error_class,
            message=message,
            damaged=damaged,
            run_id=self.run_id,
        )


def embeddings_of(embedder: ImageEmbedder) -> Table:
    """The table of an embedder's space; a changed model gets a table of its own."""
    space = embedder.space
    return embeddings_table(f"{space.name}_{space.weights_sha256[:8]}", space.dim, asdict(space))


class _Clock:
    """Adds the seconds spent inside the `with` block to one stage."""

    def __init__(self, spent: dict[str, float], stage: str) -> None:
        self._spent = spent
        self._stage = stage

    def __enter__(self) -> None:
        self._from = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._spent[self._stage] += time.perf_counter() - self._from


def _frame_row(frame: Frame, name: str, task: FrameTask) -> dict[str, object]:
    height, width = frame.pixels.shape[:2]
    return {
        "frame_id": name,
        "media_sha256": task.media.sha256,
        "datum_key": task.keys.sample,
        "pts": frame.pts,
        "timestamp_s": frame.timestamp_s,
        "width_px": width,
        "height_px": height,
        "pixels_sha256": pixels_sha256(frame.pixels),
        "phash": perceptual_hash(frame.pixels),
    }


def _thumbnail(pixels: Pixels) -> bytes:
    height, width = pixels.shape[:2]
    scale = min(1.0, THUMBNAIL_WIDTH_PX / width, THUMBNAIL_HEIGHT_PX / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    options = [cv2.IMWRITE_JPEG_QUALITY, _THUMBNAIL_QUALITY]
    bgr = np.ascontiguousarray(small[:, :, ::-1])
    return bytes(cv2.imencode(".jpg", bgr, options)[1])
