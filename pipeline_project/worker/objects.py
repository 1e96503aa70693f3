"""Embeddings of parts of frames: what a detector found in them, or the tiles of an automatic task.

Parts are cut from frames at full size, each is embedded once, and its vector is kept in the lake,
so that another selection decodes nothing for it. They are compared with one another and with those
of earlier picks; they stand in a table of their own, never among vectors of whole frames.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import chain

import cv2
import numpy as np
import numpy.typing as npt

from pipeline_project.adapters.embedder.base import ImageEmbedder
from pipeline_project.adapters.lake.schemas import TABLES, Table, embeddings_table
from pipeline_project.adapters.media.base import OpenMedia
from pipeline_project.core.config import CurationConfig
from pipeline_project.core.metadata.boxes import PixelBox
from pipeline_project.core.records import Frame, Pixels
from pipeline_project.core.selection.pool import ObjectEmbeddings
from pipeline_project.errors import MediaError, StoreError
from pipeline_project.worker.checkpoints import Checkpoints
from pipeline_project.worker.identify import KnownMedia, check_unchanged
from pipeline_project.worker.inputs import PoolInputs
from pipeline_project.worker.ledger import Row, Rows
from pipeline_project.worker.parts import Parts
from pipeline_project.worker.request import output_prefix

_KEY = "part of a frame"  # in place of a datum key
_MANY = 8  # frames of one file, from which all sampled ones are decoded in a row

_Vector = npt.NDArray[np.float32]
_Wanted = Mapping[str, Sequence[PixelBox]]  # frame id -> its parts


@dataclass(slots=True)
class ObjectsFound:
    """What came of looking at the parts of frames.

    Attributes:
        inputs: with `objects`.
        warnings: what could not be looked at, for people.
    """

    inputs: PoolInputs
    warnings: list[str] = field(default_factory=list)


def objects_of(embedder: ImageEmbedder) -> Table:
    """The table of parts of frames in an embedder's space; see `object_id` for its names."""
    space = embedder.space
    name = f"objects_{space.name}_{space.weights_sha256[:8]}"
    return embeddings_table(name, space.dim, asdict(space))


def object_id(frame: str, box: PixelBox) -> str:
    """Name a part of a frame: `<frame id>@x,y,width,height`, in pixels."""
    return f"{frame}@{','.join(map(str, box))}"


@dataclass(frozen=True, slots=True)
class Objects:
    """Embeds the parts of frames that strategies look at.

    What is done is committed now and then, and when the run is ended from outside, as the frames'
    own stages do it.
    """

    parts: Parts
    config: CurationConfig
    run_id: str

    def look(
        self,
        inputs: PoolInputs,
        frames: Sequence[str],
        left_out: Collection[int],
        media: Sequence[KnownMedia],
    ) -> ObjectsFound:
        """Give inputs the vectors of their `boxes`.

        Args:
            inputs: over candidates and, after them, earlier picks.
            frames: their frame ids.
            left_out: rows that nobody will look at.
            media: files of this run; frames of others are taken from what was kept of them.
        """
        found = ObjectsFound(inputs)
        if not inputs.boxes:
            return found
        wanted: dict[str, list[PixelBox]] = {}
        for boxes in inputs.boxes.values():
            for row, each in enumerate(boxes):
                if each and row not in left_out:
                    wanted.setdefault(frames[row], []).extend(each)
        found.warnings += [
            f"EMBEDDINGS of task {task!r}: it found nothing in any frame that may be picked."
            for task, boxes in inputs.boxes.items()
            if not any(each for row, each in enumerate(boxes) if row not in left_out)
        ]
        vectors = self._known(wanted)
        missing = {
            frame: [box for box in dict.fromkeys(boxes) if object_id(frame, box) not in vectors]
            for frame, boxes in wanted.items()
        }
        vectors |= self._embedded({k: v for k, v in missing.items() if v}, media, found.warnings)
        found.inputs = replace(
            inputs,
            objects={
                task: _in_rows(boxes, frames, vectors, self.parts.embedder.space.dim)
                for task, boxes in inputs.boxes.items()
            },
        )
        return found

    def _known(self, wanted: _Wanted) -> dict[str, _Vector]:
        names = {object_id(frame, box) for frame, boxes in wanted.items() for box in boxes}
        rows = self.parts.lake.read(
            objects_of(self.parts.embedder),
            columns=["frame_id", "vector"],
            where=("frame_id", names),
        )
        if not rows.num_rows:
            return {}
        flat = np.asarray(rows["vector"].combine_chunks().flatten(), np.float32)
        matrix = flat.reshape(rows.num_rows, -1)
        return dict(zip(rows["frame_id"].to_pylist(), matrix, strict=True))

    def _embedded(
        self, wanted: _Wanted, media: Sequence[KnownMedia], warnings: list[str]
    ) -> dict[str, _Vector]:
        here = {each.sha256: each for each in media}
        by_file: dict[str, dict[str, Sequence[PixelBox]]] = {}
        for frame, boxes in wanted.items():
            by_file.setdefault(frame.partition(":")[0], {})[frame] = boxes
        tasks = [(here[sha256], frames) for sha256, frames in by_file.items() if sha256 in here]
        past = {f: b for s, each in by_file.items() if s not in here for f, b in each.items()}
        total = sum(len(boxes) for boxes in wanted.values())
        vectors: dict[str, _Vector] = {}
        lost = 0
        interval_s = self.config.limits.checkpoint_s
        checkpoints = Checkpoints(self.parts.lake, run_id=self.run_id, interval_s=interval_s)
        found = chain(self.parts.engine.flat_map(self._of_file, tasks), self._of_kept(past))
        try:
            for given in found:
                if isinstance(given, str):
                    warnings.append(given)
                    continue
                lost += given is None
                vectors |= given or {}
                checkpoints.take(self._rows(given or {}))
                self.parts.progress.update("embed", len(vectors), total, "objects")
        finally:
            checkpoints.commit("objects looked at")
        if lost:
            warnings.append(
                f"{lost} earlier picks are not kept as pictures any more, and their files are not "
                "among this run's: the new picks cannot stay away from the objects in them."
            )
        return vectors

    def _rows(self, vectors: Mapping[str, _Vector]) -> Rows:
        rows = Rows()
        for name, vector in vectors.items():
            row: Row = {"frame_id": name, "datum_key": _KEY, "vector": vector.tolist()}
            rows.add(objects_of(self.parts.embedder), row)
        return rows

    def _of_kept(self, wanted: _Wanted) -> Iterator[dict[str, _Vector] | None]:
        """The vectors of earlier picks' parts, pick by pick; None where its picture is gone."""
        for frame, pixels in self._kept(wanted):
            if pixels is None:
                yield None
                continue
            cut = [(object_id(frame, box), _part(pixels, box)) for box in wanted[frame]]
            yield self._batch([(name, self.parts.embedder.prepare(each)) for name, each in cut])

    def _of_file(
        self, task: tuple[KnownMedia, Mapping[str, Sequence[PixelBox]]]
    ) -> Iterator[dict[str, _Vector] | str]:
        """The vectors of one file's parts, batch by batch; or why there are none."""
        media, wanted = task
        boxes = {int(frame.partition(":")[2]): (frame, found) for frame, found in wanted.items()}
        batch: list[tuple[str, Pixels]] = []
        try:
            with (
                self.parts.fetch(media.ref.read_uri) as path,
                self.parts.reader.open(path) as opened,
            ):
                for taken in self._frames(opened, set(boxes)):
                    frame, found = boxes[taken.pts]
                    batch += [
                        (object_id(frame, box), self.parts.embedder.prepare(part))
                        for box in found
                        if (part := _part(taken.pixels, box)).size
                    ]
                    if len(batch) >= self.config.embedding.batch_size:
                        vectors, batch = self._batch(batch), []
                        check_unchanged(media.ref, path)  # else they are of another file's
                        yield vectors
                vectors = self._batch(batch)
                check_unchanged(media.ref, path)
                yield vectors
        except MediaError as error:
            yield f"{media.ref.name}: objects in it were not looked at. {error}"

    def _frames(self, opened: OpenMedia, wanted: set[int]) -> Iterator[Frame]:
        """These frames of an open file: one by one, or in a row where they are many."""
        left = set(wanted)
        if len(left) >= _MANY:
            for frame in opened.frames(self.config.sampling):
                if frame.pts in left:
                    left.remove(frame.pts)
                    yield frame
                if not left:
                    return
        for pts in sorted(left):
            yield opened.frame_at(pts)

    def _batch(self, batch: list[tuple[str, Pixels]]) -> dict[str, _Vector]:
        if not batch:
            return {}
        vectors = self.parts.embedder.embed([pixels for _, pixels in batch])
        return dict(zip((name for name, _ in batch), vectors, strict=True))

    def _kept(self, frames: _Wanted) -> Iterator[tuple[str, Pixels | None]]:
        """The pictures that earlier selections kept of their picks; None where they are gone."""
        rows = self.parts.lake.read(
            TABLES["selections"],
            columns=["frame_id", "selection_id", "file_name"],
            where=("frame_id", set(frames)),
        ).to_pylist()
        keys: dict[str, list[str]] = {frame: [] for frame in frames}
        for row in rows:
            folder = output_prefix(row["selection_id"])
            keys[row["frame_id"]].append(f"{folder}/frames/{row['file_name']}")
        for frame, places in keys.items():
            found = (self._picture(key) for key in places)
            yield frame, next((pixels for pixels in found if pixels is not None), None)

    def _picture(self, key: str) -> Pixels | None:
        try:
            data = self.parts.store.get(key)
        except StoreError:
            return None
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)  # type: ignore[return-value]  # uint8


def _part(pixels: Pixels, box: PixelBox) -> Pixels:
    x, y, width, height = box
    return np.ascontiguousarray(pixels[y : y + height, x : x + width])


def _in_rows(
    boxes: Sequence[Sequence[PixelBox]],
    frames: Sequence[str],
    vectors: Mapping[str, _Vector],
    dim: int,
) -> ObjectEmbeddings:
    """The vectors of all rows' parts; parts in which nothing can be seen have no direction."""
    found: list[_Vector] = []
    rows: list[int] = []
    for row, each in enumerate(boxes):
        for box in each:
            vector = vectors.get(object_id(frames[row], box))
            if vector is not None and vector.any():
                found.append(vector)
                rows.append(row)
    matrix = np.asarray(found, np.float32).reshape(-1, dim)
    return ObjectEmbeddings(matrix, np.asarray(rows, np.intp))
