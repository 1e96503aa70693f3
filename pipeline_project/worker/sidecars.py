"""What lies beside the media: metadata and predictions, read as far as strategies want them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar
from urllib.parse import quote

from pipeline_project.adapters.addresses import place_of
from pipeline_project.adapters.aws_errors import error_code
from pipeline_project.core.config import MetadataConfig
from pipeline_project.core.metadata.lightly_json import file_json, frame_json
from pipeline_project.core.metadata.lightly_metadata import (
    parse_metadata_file,
    parse_metadata_schema,
)
from pipeline_project.core.metadata.lightly_predictions import (
    CLASSIFICATION,
    Prediction,
    TaskSchema,
    parse_predictions,
    parse_task_schema,
    parse_tasks,
)
from pipeline_project.core.metadata.sidecar import match_paths, read_csv
from pipeline_project.core.metadata.values import MetadataTable, Value
from pipeline_project.core.records import MediaRef
from pipeline_project.errors import ConfigError, MediaUnreadable
from pipeline_project.worker.identify import Fetch, KnownMedia

_Parsed = TypeVar("_Parsed")
_ABSENT = (FileNotFoundError, NotADirectoryError)
_PRETAGGING = (
    " It is a model of the Lightly service (`service: lightly`); here predictions come from you."
)
_GONE = frozenset({"NoSuchKey", "NotFound", "404"})

# (name of the file below the source, number of the frame from 0)
FramePlace = tuple[str, int]


@dataclass(slots=True)
class Sidecars:
    """Everything that was read.

    Attributes:
        tables: sources of metadata; the first that knows a key is asked for it.
        tasks: the wanted tasks.
        predictions: task -> frame -> what was predicted; frames without a file are not in it.
        objects: tasks whose objects' places count.
        warnings: what people should know.
    """

    tables: list[MetadataTable] = field(default_factory=list)
    tasks: dict[str, TaskSchema] = field(default_factory=dict)
    predictions: dict[str, dict[FramePlace, tuple[Prediction, ...]]] = field(default_factory=dict)
    objects: frozenset[str] = frozenset()
    warnings: list[str] = field(default_factory=list)

    def table_of(self, key: str) -> MetadataTable | None:
        """The table that a key is looked up in."""
        return next((table for table in self.tables if key in table.kinds), None)

    def content(self, keys: Collection[str]) -> dict[str, object]:
        """All that can decide a selection by these keys and the tasks, as one JSON value."""
        return {
            "metadata": {
                key: table.content({key})
                for key in sorted(keys)
                if (table := self.table_of(key)) is not None
            },
            "predictions": {
                task: {
                    "classes": list(self.tasks[task].classes),
                    "frames": {
                        f"{name}:{number}": [
                            [each.place, each.score, each.probabilities]
                            + ([each.box] if task in self.objects else [])
                            for each in found
                        ]
                        for (name, number), found in frames.items()
                    },
                }
                for task, frames in self.predictions.items()
            },
        }


@dataclass(frozen=True, slots=True)
class SidecarReader:
    """Reads what lies beside the media of one source.

    Attributes:
        config: where it lies.
        fetch: gives a file's bytes.
        root: address of the source; see `root_of`.
        frames: file -> numbers of its frames that may be selected.
        media: file name -> what is known of it.
    """

    config: MetadataConfig
    fetch: Fetch
    root: str
    frames: Mapping[str, Sequence[int]]
    media: Mapping[str, KnownMedia]

    def read(
        self,
        keys: Collection[str],
        tasks: Collection[str],
        *,
        objects: Collection[str] = (),
        path_regex: str | None = None,
        early: bool = False,
    ) -> Sidecars:
        """Read what strategies want.

        Args:
            keys: of METADATA, among them those that we measure ourselves.
            tasks: of SCORES, PREDICTIONS, and EMBEDDINGS of objects.
            objects: those of them whose objects' places are wanted.
            path_regex: `lightly_path_regex` of the selection.
            early: frames of videos are not known yet, so nothing of them is missed.

        Raises:
            ConfigError: a file is malformed, or does not hold what is wanted of it.
        """
        found = Sidecars(objects=frozenset(objects))
        if self.config.csv is not None:
            data = self._bytes(self._address(self.config.csv))
            if data is None:
                raise ConfigError(
                    f"Reading metadata.csv {self.config.csv!r}: there is no file at "
                    f"{self._address(self.config.csv)}. A relative path is below the source."
                )
            table, found.warnings = read_csv(data, self.config.csv, set(self.frames))
            found.tables.append(table)
        if self.config.path_pattern is not None:
            found.tables.append(match_paths(self.config.path_pattern, list(self.frames)))
        if path_regex is not None:
            table = match_paths(path_regex, list(self.frames), "lightly_path_regex")
            found.tables.append(table)
        if any(found.table_of(key) is None for key in keys):
            found.tables += self._lightly_metadata(keys)
        if tasks:
            self._lightly_predictions(tasks, found, early=early)
        return found

    def _lightly_metadata(self, keys: Collection[str]) -> list[MetadataTable]:
        """What the folder says; its files are read only where a key is one of its own."""
        folder = f"{self.config.lightly_dir}/metadata"
        schema = self._bytes(self._address(f"{folder}/schema.json"))
        if schema is None:
            return []
        fields = parse_metadata_schema(schema, f"{folder}/schema.json")

        def parse(data: bytes, origin: str) -> dict[str, Value]:
            return parse_metadata_file(data, origin, fields)

        table = MetadataTable(
            origin=folder,
            kinds={each.name: each.kind for each in fields},
            defaults={each.name: each.default for each in fields},
        )
        if any(key in table.kinds for key in keys):
            files, frames = self._of_files(folder, parse), self._of_frames(folder, parse)
            table = replace(table, files=files, frames=frames)
        return [table]

    def _lightly_predictions(
        self, wanted: Collection[str], found: Sidecars, *, early: bool
    ) -> None:
        folder = f"{self.config.lightly_dir}/predictions"
        listed = self._bytes(self._address(f"{folder}/tasks.json"))
        tasks = [] if listed is None else parse_tasks(listed, f"{folder}/tasks.json")
        for task in sorted(wanted):
            if task not in tasks:
                known = ", ".join(tasks) or "none"
                raise ConfigError(
                    f"Looking for the predictions of task {task!r} in {folder}/tasks.json below "
                    f"{self.root}: known tasks: {known}."
                    + (_PRETAGGING if task == "lightly_pretagging" else "")
                )
            place = f"{folder}/{task}/schema.json"
            schema_bytes = self._bytes(self._address(place))
            if schema_bytes is None:
                raise ConfigError(f"Reading {place}: there is none; every task needs one.")
            schema = parse_task_schema(schema_bytes, place, task)
            if task in found.objects and schema.kind == CLASSIFICATION:
                raise ConfigError(
                    f"Reading {place}: EMBEDDINGS of task {task!r} are of its objects, and a "
                    "classification has none. Take a task of detections."
                )
            found.tasks[task] = schema
            predictions = self._of_task(f"{folder}/{task}", schema, task in found.objects)
            if not predictions and not early:
                raise ConfigError(
                    f"Reading the predictions in {folder}/{task} below {self.root}: there is no "
                    "file of any frame of this run. Images have `<path>.json`, frames of videos "
                    "`<path>-<number>-<suffix>.json`."
                )
            found.predictions[task] = predictions

    def _of_task(
        self, folder: str, schema: TaskSchema, boxes: bool
    ) -> dict[FramePlace, tuple[Prediction, ...]]:
        def parse(data: bytes, origin: str) -> tuple[Prediction, ...]:
            found = parse_predictions(data, origin, schema)
            if boxes and any(each.box is None for each in found):
                raise ConfigError(
                    f"Reading {origin}: EMBEDDINGS of task {schema.task!r} are of its objects, and "
                    "a prediction has no bbox. Write bbox: [x, y, width, height] in pixels."
                )
            return found

        stills = [name for name in self.frames if self._is_still(name)]
        return {
            (name, 0): each for name, each in self._of_files(folder, parse, stills).items()
        } | self._of_frames(folder, parse)

    def _of_files(
        self,
        folder: str,
        parse: Callable[[bytes, str], _Parsed],
        names: Collection[str] | None = None,
    ) -> dict[str, _Parsed]:
        found = {}
        for name in self.frames if names is None else names:
            place = f"{folder}/{file_json(name)}"
            if (data := self._bytes(self._address(place))) is not None:
                found[name] = parse(data, place)
        return found

    def _of_frames(
        self, folder: str, parse: Callable[[bytes, str], _Parsed]
    ) -> dict[FramePlace, _Parsed]:
        found = {}
        for name, numbers in self.frames.items():
            if self._is_still(name):
                continue
            for number in numbers:
                place = f"{folder}/{frame_json(name, number, frames_in(self.media[name]))}"
                if (data := self._bytes(self._address(place))) is not None:
                    found[name, number] = parse(data, place)
        return found

    def _is_still(self, name: str) -> bool:
        return self.media[name].info.kind == "image"

    def _address(self, path: str) -> str:
        if "://" in path:
            return path
        if path.startswith(("/", "~")):
            return place_of(path).as_uri()
        return f"{self.root}/{quote(path) if self.root.startswith('file:') else path}"

    def _bytes(self, uri: str) -> bytes | None:
        """A file's bytes; None where there is no such file."""
        try:
            with self.fetch(uri) as path:
                return path.read_bytes()
        except MediaUnreadable as error:
            if _is_absent(error):
                return None
            raise ConfigError(f"Reading {uri} beside the media: {error}") from error
        except OSError as error:
            raise ConfigError(f"Reading {uri} beside the media: {error.strerror}.") from error


def _is_absent(error: BaseException | None) -> bool:
    """Whether the reason of all is that there is no such file or object."""
    while error is not None:
        if isinstance(error, _ABSENT) or error_code(error) in _GONE:
            return True
        error = error.__cause__
    return False


def root_of(ref: MediaRef) -> str:
    """Address of the source that a listed file lies below."""
    return ref.uri.rsplit("/", ref.name.count("/") + 1)[0]


def frame_number(media: KnownMedia, timestamp_s: float) -> int:
    """Number of a frame of a video, from 0, by its time and the frame rate; 0 for an image."""
    if media.info.kind == "image":
        return 0
    return round(timestamp_s * (media.info.fps or 0.0))


def frames_in(media: KnownMedia) -> int:
    """Frames that a video has, as far as it says."""
    info = media.info
    return info.declared_frames or round((info.duration_s or 0.0) * (info.fps or 0.0))
