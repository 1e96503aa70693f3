"""The frames of a dataset by their ids, and by the file names that people got them under."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from pipeline_project.adapters.lake.base import Lake
from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.core.frame_names import token_in, token_of
from pipeline_project.errors import ConfigError


@dataclass(frozen=True, slots=True)
class KnownFrames:
    """What the selections of one dataset looked at.

    Attributes:
        dataset: its name.
        ids: every frame that a selection of it looked at.
        by_token: the token that exported names end in -> frame id.
        by_file: name of a picked frame's file -> frame ids; one, unless two files of one name
            gave picks of one rank and time.
    """

    dataset: str
    ids: frozenset[str]
    by_token: dict[str, str]
    by_file: dict[str, frozenset[str]]

    def of_file(self, name: str) -> frozenset[str]:
        """Find whose picture a file is, by its name alone; none, one, or several if ambiguous."""
        base = name.replace("\\", "/").rpartition("/")[2]
        token = token_in(base)
        if token is not None and token in self.by_token:
            return frozenset({self.by_token[token]})
        return self.by_file.get(base, frozenset())


def known_frames(lake: Lake, dataset: str) -> KnownFrames:
    """Read which frames the selections of a dataset looked at.

    Raises:
        ConfigError: it has no selection.
    """
    sets = TABLES["selection_sets"]
    headers = lake.read(sets, columns=["selection_id", "dataset"]).to_pylist()
    own = {row["selection_id"] for row in headers if row["dataset"] == dataset}
    if not own:
        others = sorted({row["dataset"] for row in headers})
        there = f"there are {', '.join(others)[:300]}" if others else "there is none yet"
        raise ConfigError(
            f"Looking for selections of dataset {dataset!r}: {there}. Name one by --dataset, or "
            "the folder of its state by --home; `pipeline curate` makes selections."
        )
    of_it = ("selection_id", own)
    looked = lake.read(TABLES["candidates"], columns=["frame_id"], where=of_it)
    ids = frozenset(looked["frame_id"].to_pylist())
    by_file: dict[str, set[str]] = defaultdict(set)
    picks = lake.read(TABLES["selections"], columns=["frame_id", "file_name"], where=of_it)
    for row in picks.to_pylist():
        by_file[row["file_name"]].add(row["frame_id"])
    return KnownFrames(
        dataset=dataset,
        ids=ids,
        by_token={token_of(frame): frame for frame in ids},
        by_file={name: frozenset(frames) for name, frames in by_file.items()},
    )


def datasets_of(lake: Lake, frames: Collection[str]) -> dict[str, str]:
    """Tell which dataset looked at each of these frames; those that none did are left out."""
    looked = lake.read(
        TABLES["candidates"],
        columns=["selection_id", "frame_id"],
        where=("frame_id", set(frames)),
    ).to_pylist()
    sets = lake.read(
        TABLES["selection_sets"],
        columns=["selection_id", "dataset"],
        where=("selection_id", {row["selection_id"] for row in looked}),
    ).to_pylist()
    dataset_of = {row["selection_id"]: row["dataset"] for row in sets}
    return {
        row["frame_id"]: dataset_of[row["selection_id"]]
        for row in looked
        if row["selection_id"] in dataset_of
    }
