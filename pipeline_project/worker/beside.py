"""What selections look at besides the media themselves, read and brought together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.core.config import ConstraintsConfig, CurationConfig
from pipeline_project.core.hashing import canonical_json, hash_of_names
from pipeline_project.core.selection.config import SelectionConfig, parse_selection_config
from pipeline_project.worker.candidates import Candidates
from pipeline_project.worker.datapool import Datapool
from pipeline_project.worker.frames import embeddings_of
from pipeline_project.worker.identify import KnownMedia
from pipeline_project.worker.inputs import (
    Frames,
    PoolInputs,
    check_inputs,
    read_frames,
    read_inputs,
)
from pipeline_project.worker.parts import Parts
from pipeline_project.worker.sidecars import SidecarReader, Sidecars, root_of
from pipeline_project.worker.stages import FrameKeys


@dataclass(frozen=True, slots=True)
class Known:
    """What lies beside the media, and what of it decides the selection."""

    sidecars: Sidecars
    content: dict[str, object] = field(default_factory=dict)

    @property
    def deciding(self) -> dict[str, object]:
        """For the settings that decide; its hash, as it may be long."""
        if not self.content:
            return {}
        return {"beside_the_media": hash_of_names([canonical_json(self.content)])}


@dataclass(frozen=True, slots=True)
class Beside:
    """Reads what lies beside the media of one run."""

    parts: Parts
    config: CurationConfig

    def check(self, media: Sequence[KnownMedia]) -> None:
        """Find what is wrong with the configuration before frames are looked at.

        Raises:
            ConfigError: what lies beside the media is malformed, or lacks what strategies want.
        """
        selection = parse_selection_config(self.config.selection)
        for message in selection.translated:
            self.parts.progress.info(f"selection: {message}")
        if not media or not _looks_beside(selection, self.config):
            return
        reader = self._reader(media, {each.ref.name: [] for each in media})
        check_inputs(selection, _read_sidecars(reader, selection, early=True))

    def read(
        self, media: Sequence[KnownMedia], keys: Mapping[str, FrameKeys], past: Frames | None = None
    ) -> Known:
        """Read what lies beside the media, as far as the configuration looks at it.

        `past` are earlier picks, whose values count in BALANCE; they decide nothing by themselves.
        """
        selection = parse_selection_config(self.config.selection)
        if not _looks_beside(selection, self.config) or not media:
            return Known(Sidecars())
        frames = self.parts.lake.read(
            TABLES["frames"],
            columns=["frame_id"],
            where=("datum_key", {keys[each.sha256].sample for each in media}),
        )
        places = read_frames(self.parts.lake, frames["frame_id"].to_pylist(), media)
        numbers: dict[str, list[int]] = {each.ref.name: [] for each in media}
        for each in (places, past):
            for name, more in each.numbers_by_file().items() if each is not None else ():
                numbers[name] = [*numbers.get(name, []), *more]
        known = [*(past.media if past is not None else ()), *media]
        sidecars = _read_sidecars(self._reader(known, numbers), selection)
        return Known(sidecars, sidecars.content(selection.needs().metadata))

    def _reader(self, media: Sequence[KnownMedia], numbers: dict[str, list[int]]) -> SidecarReader:
        return SidecarReader(
            config=self.config.metadata,
            fetch=self.parts.fetch,
            root=root_of(media[-1].ref) if media else "",
            frames=numbers,
            media={each.ref.name: each for each in media},
        )

    def inputs(
        self,
        candidates: Candidates,
        pool: Datapool,
        media: Sequence[KnownMedia],
        keys: Mapping[str, FrameKeys],
        sidecars: Sidecars,
    ) -> PoolInputs:
        """What strategies and constraints look at besides embeddings."""
        selection = parse_selection_config(self.config.selection)
        needs = selection.needs()
        beside = needs.metadata or needs.scores or needs.predictions or needs.objects
        if not (beside or needs.queries) and self.config.constraints == ConstraintsConfig():
            return PoolInputs()
        lake = self.parts.lake
        here = {each.sha256 for each in media}
        if beside and any(frame.partition(":")[0] not in here for frame in pool.frame_ids):
            sidecars = self.read(media, keys, read_frames(lake, pool.frame_ids, media)).sidecars
        frames = read_frames(lake, [*candidates.frame_id, *pool.frame_ids], media)
        embeddings = embeddings_of(self.parts.embedder)
        return read_inputs(lake, frames, selection, sidecars, embeddings)


def _looks_beside(selection: SelectionConfig, config: CurationConfig) -> bool:
    """Whether anything that lies beside the media is asked for."""
    needs = selection.needs()
    given = config.metadata
    wanted = needs.metadata or needs.scores or needs.predictions or needs.objects
    tables = (given.csv, given.path_pattern, selection.lightly_path_regex)
    return bool(wanted or any(each is not None for each in tables))


def _read_sidecars(
    reader: SidecarReader, selection: SelectionConfig, *, early: bool = False
) -> Sidecars:
    needs = selection.needs()
    detected = needs.objects - set(selection.automatic)
    tasks = {task for task, _ in needs.scores | needs.predictions} | detected
    regex = selection.lightly_path_regex
    return reader.read(needs.metadata, tasks, objects=detected, path_regex=regex, early=early)
