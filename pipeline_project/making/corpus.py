"""The pictures that the default classifier learns from, and those left out as not sharp.

`corpus.json` names each picture: the package that holds it, its path in it, its scene (pictures
of one scene are never on both sides of a split), what it is (photograph, painted, rendered,
text), and `sharp_scale`, the largest scale at which it looked sharp at 100 %, seen by eye. It
also lists the naturally soft pictures of the same packages, with the reason why they are left
out. No picture is part of this repository.

===========================  ================================================================
package                      how to get it
===========================  ================================================================
scikit-image, scikit-learn   `pip install`, the wheels hold the pictures
opencv-doc                   Debian; BSD-like and Apache-2.0
plasma-workspace-wallpapers  Debian; LGPL and CC BY-SA
gnome-backgrounds            Debian; CC BY-SA 2.0 and 3.0
ukui-wallpapers              Debian; CC BY-SA 3.0
visp-images-data             Debian; GPL-2
===========================  ================================================================

For the Debian packages: `apt-get download NAME` and `dpkg -x NAME_*.deb FOLDER`, all into one
folder.
"""

import importlib.util
import json
import zlib
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np

from pipeline_project.core.records import Pixels
from pipeline_project.errors import ConfigError
from pipeline_project.making.simulator import drawn

Kind = Literal["photograph", "painted", "rendered", "text", "drawn"]
WHEELS = {"scikit-image": "skimage", "scikit-learn": "sklearn"}
DRAWN_PER_KIND = 4
# More is never needed of one picture, and less memory is.
MOST_PX = 6_500_000


@dataclass(frozen=True, slots=True)
class Source:
    """A picture to learn from.

    Attributes:
        name: of its own.
        package: that holds it; `drawn` for those made by `simulator/drawn.py`.
        path: in the package; kind and seed of a drawn one.
        scene: pictures with the same one belong together.
        kind: what it is.
        sharp_scale: shrunk to this scale or further it is sharp; 1 is its own size.
    """

    name: str
    package: str
    path: str
    scene: str
    kind: Kind
    sharp_scale: float

    @property
    def seed(self) -> int:
        """A number of its own, the same everywhere."""
        return zlib.crc32(self.name.encode("utf-8"))


def sources() -> list[Source]:
    """List every picture to learn from, in a fixed order."""
    stored = [Source(**entry) for entry in _stored()["sources"]]
    made = [
        Source(
            f"drawn: {kind} {seed}",
            "drawn",
            f"{kind}/{seed}",
            f"drawn: {kind} {seed}",
            "drawn",
            1.0,
        )
        for kind in drawn.KINDS
        for seed in range(DRAWN_PER_KIND)
    ]
    return [*stored, *made]


def missing(found: list[Source], packages: Path) -> list[Source]:
    """Return those sources whose file is not there."""
    return [
        source
        for source in found
        if source.package != "drawn" and not _file(source, packages).is_file()
    ]


def read(source: Source, packages: Path) -> Pixels:
    """Return a source's picture where it is sharp: at most at its `sharp_scale`; RGB.

    Args:
        source: one of `sources()`.
        packages: the folder that the Debian packages were unpacked into.

    Raises:
        ConfigError: the file is not there or is no picture.
    """
    if source.package == "drawn":
        kind, _, seed = source.path.partition("/")
        return drawn.draw(kind, int(seed))
    path = _file(source, packages)
    stored = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    if stored is None:
        raise ConfigError(
            f"Reading {source.name}: {path} is no picture. Unpack the Debian package "
            f"{source.package} with `dpkg -x` into the folder given by --packages."
        )
    scale = min(source.sharp_scale, (MOST_PX / (stored.shape[0] * stored.shape[1])) ** 0.5)
    if scale < 1:
        stored = cv2.resize(stored, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(stored, np.uint8)


def _file(source: Source, packages: Path) -> Path:
    if source.package not in WHEELS:
        return packages / source.path
    module = WHEELS[source.package]
    # Found without importing it, which would take a second.
    found = importlib.util.find_spec(module)
    if found is None or found.origin is None:
        raise ConfigError(
            f"Looking for the pictures of {source.package}: it is not installed. "
            "Install the development extra: pip install -e '.[dev]'."
        )
    return Path(found.origin).parent / source.path


@lru_cache(maxsize=1)
def _stored() -> dict[str, list[dict[str, Any]]]:
    text = resources.files("pipeline_project.making").joinpath("corpus.json").read_text("utf-8")
    return dict(json.loads(text))
