"""The labelled pictures that the default classifier is fitted to, as files in a folder.

Made once and kept: the folder's name holds a hash of everything that decides its contents, so
that a changed simulator gets a new one. Measures are taken anew in a minute.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2

from pipeline_project.core.records import Label
from pipeline_project.errors import ConfigError
from pipeline_project.making import corpus
from pipeline_project.making.simulator.examples import examples

# Raise it when the simulator makes other pictures of the same source.
RECIPE = "3"
PER_LABEL = 18
_INDEX = "index.json"


@dataclass(frozen=True, slots=True)
class Picture:
    """One labelled file; the fields are those of `simulator.examples.Example` and its source's.

    Attributes:
        path: below the folder.
        source: name of the source.
        scene: pictures with the same one are never on both sides of a split.
        source_kind: what the source is.
        label: sharp, blur or moire.
        kind: how it became that.
        strength: weak, medium, strong, faint (moiré under the floor of visibility), or empty.
        way: how it was delivered.
    """

    path: str
    source: str
    scene: str
    source_kind: str
    label: Label
    kind: str
    strength: str
    way: str


def make(work: Path, packages: Path, per_label: int = PER_LABEL) -> tuple[Path, list[Picture]]:
    """Return the folder of examples and what is in it; makes what is not there yet.

    Args:
        work: where the folder lies or will lie.
        packages: where the Debian packages were unpacked.
        per_label: examples per source and label.

    Raises:
        ConfigError: pictures of the corpus are missing.
    """
    found = corpus.sources()
    gone = corpus.missing(found, packages)
    if gone:
        names = ", ".join(sorted({source.package for source in gone}))
        raise ConfigError(
            f"Looking for the pictures to learn from: {len(gone)} of {len(found)} are not below "
            f"{packages}, the first is {gone[0].path}. Unpack these Debian packages there with "
            f"`dpkg -x`: {names}."
        )
    folder = work / f"examples-{_recipe(found, per_label)[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        jobs = [
            pool.submit(_make_one, folder / f"{place:03d}", source, packages, per_label)
            for place, source in enumerate(found)
        ]
        pictures = [picture for job in jobs for picture in job.result()]
    return folder, pictures


def _make_one(folder: Path, source: corpus.Source, packages: Path, per_label: int) -> list[Picture]:
    index = folder / _INDEX
    if not index.is_file():
        cv2.setNumThreads(1)
        folder.mkdir(exist_ok=True)
        rows = [asdict(picture) for picture in _written(folder, source, packages, per_label)]
        half = index.with_suffix(".part")
        half.write_text(json.dumps(rows, indent=0), "utf-8")
        half.replace(index)
    return [Picture(**row) for row in json.loads(index.read_text("utf-8"))]


def _written(
    folder: Path, source: corpus.Source, packages: Path, per_label: int
) -> Iterator[Picture]:
    picture = corpus.read(source, packages)
    for number, made in enumerate(examples(picture, source.seed, per_label)):
        path = folder / f"{number:03d}-{made.label}{'.jpg' if made.jpeg else '.png'}"
        if made.jpeg:
            path.write_bytes(made.jpeg)
        else:
            fast = [cv2.IMWRITE_PNG_COMPRESSION, 1]
            path.write_bytes(cv2.imencode(".png", made.pixels[:, :, ::-1], fast)[1].tobytes())
        yield Picture(
            path=f"{folder.name}/{path.name}",
            source=source.name,
            scene=source.scene,
            source_kind=source.kind,
            label=made.label,
            kind=made.kind,
            strength=made.strength,
            way=made.way,
        )


def _recipe(found: list[corpus.Source], per_label: int) -> str:
    """Hash all that decides what the examples look like."""
    told = [RECIPE, per_label, corpus.DRAWN_PER_KIND, cv2.__version__]
    listed = json.dumps([*told, [asdict(source) for source in found]])
    return hashlib.sha256(listed.encode("utf-8")).hexdigest()
