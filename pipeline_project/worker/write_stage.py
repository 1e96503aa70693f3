"""The write stage: all picks of a new selection, the missing ones of a selection met again."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.core.config import CurationConfig
from pipeline_project.worker.candidates import Candidates
from pipeline_project.worker.identify import KnownMedia
from pipeline_project.worker.known import named
from pipeline_project.worker.ledger import Rows, reject_row
from pipeline_project.worker.parts import Parts
from pipeline_project.worker.request import output_prefix
from pipeline_project.worker.selecting import Selected
from pipeline_project.worker.writing import PictureToWrite, Written, file_name, write_pictures


@dataclass(slots=True)
class FramesInStore:
    """What came of writing a selection's frames.

    Attributes:
        count: picks whose file is in the store now.
        rejects: rows of the picks that could not be written, for this run only: every later run
            tries them again.
        warnings: the same, for people.
        seconds: spent.
    """

    count: int = 0
    rejects: Rows = field(default_factory=Rows)
    warnings: list[str] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class WriteStage:
    """Writes picked frames, full size, below a selection's prefix."""

    parts: Parts
    config: CurationConfig
    run_id: str

    def write(
        self,
        selection_id: str,
        candidates: Candidates,
        names: dict[int, str],
        media: Sequence[KnownMedia],
    ) -> FramesInStore:
        """Write the picks of a new selection; `names` has each picked row's file name."""
        wanted: dict[str, list[PictureToWrite]] = {}
        for row, name in names.items():
            sha256, _, pts = candidates.frame_id[row].partition(":")
            picture = PictureToWrite(row, int(pts), candidates.pixels_sha256[row], name)
            wanted.setdefault(sha256, []).append(picture)
        return self._written(selection_id, wanted, media)

    def write_missing(self, selection_id: str, media: Sequence[KnownMedia]) -> FramesInStore:
        """Write what the store lacks of a recorded selection.

        A frame is missing where its file could not be read when the selection was made, and
        where somebody took it out of the store.
        """
        lake, prefix = self.parts.lake, output_prefix(selection_id)
        there = {item.key for item in self.parts.store.list(f"{prefix}/frames")}
        picks = lake.read(TABLES["selections"], where=("selection_id", {selection_id})).to_pylist()
        gone = [row for row in picks if f"{prefix}/frames/{row['file_name']}" not in there]
        frames = lake.read(
            TABLES["frames"],
            columns=["frame_id", "pixels_sha256"],
            where=("frame_id", {row["frame_id"] for row in gone}),
        )
        pixels = dict(zip(*(frames[name].to_pylist() for name in frames.schema.names), strict=True))
        wanted: dict[str, list[PictureToWrite]] = {}
        for row in gone:
            frame = row["frame_id"]
            sha256, _, pts = frame.partition(":")
            picture = PictureToWrite(row["rank"], int(pts), pixels[frame], row["file_name"])
            wanted.setdefault(sha256, []).append(picture)
        result = self._written(selection_id, wanted, media)
        result.count += len(picks) - len(gone)
        return result

    def _written(
        self,
        selection_id: str,
        wanted: dict[str, list[PictureToWrite]],
        media: Sequence[KnownMedia],
    ) -> FramesInStore:
        started = time.perf_counter()
        result = FramesInStore()
        for written in write_pictures(
            wanted,
            media=named(media, wanted),
            prefix=output_prefix(selection_id),
            store=self.parts.store,
            fetch=self.parts.fetch,
            reader=self.parts.reader,
            engine=self.parts.engine,
            jpeg_quality=self.config.output.jpeg_quality,
            progress=self.parts.progress,
        ):
            if written.error is None:
                result.count += 1
            else:
                self._reject(written, result)
        result.seconds = time.perf_counter() - started
        return result

    def _reject(self, written: Written, result: FramesInStore) -> None:
        result.warnings.append(
            f"{written.file_name} was picked but not written: {written.error} "
            "The next run with the same files and settings tries again."
        )
        row = reject_row(
            uri=written.media.ref.uri,
            name=written.media.ref.name,
            sha256=written.media.sha256,
            stage="write",
            key="",
            error_class=type(written.error).__name__,
            message=str(written.error),
            damaged=True,
            run_id=self.run_id,
        )
        result.rejects.add(TABLES["rejects"], row)


def file_names(
    candidates: Candidates, selected: Selected, media: Sequence[KnownMedia]
) -> dict[int, str]:
    """Name the file of each picked row."""
    by_hash = {each.sha256: each for each in media}
    names = {}
    for each in selected.picks:
        source = by_hash[candidates.media_sha256[each.index]]
        names[each.index] = file_name(
            each.rank,
            source.ref.name,
            float(candidates.timestamp_s[each.index]),
            source.info.kind,
        )
    return names
