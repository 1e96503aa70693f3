"""The bundled sample: short clips and stills, and what is truly to be seen in them.

The files in `clips/` and `truth.json` are made by `making/sample_clips.py`, which also says what
photographs they show and under which licence.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

TruthLabel = Literal["sharp", "blur", "moire", "dark"]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of a clip in which one thing is true.

    Attributes:
        start_s: first moment that belongs to it.
        end_s: first moment that no longer does.
        label: how its frames were made; `dark` is near-black.
        scene: what it shows; empty for a dark stretch.
    """

    start_s: float
    end_s: float
    label: TruthLabel
    scene: str


@dataclass(frozen=True, slots=True)
class Truth:
    """What is truly to be seen in the sample.

    Attributes:
        clips: file name to its stretches, in order and without gaps.
        stills: file name to what it shows; from 0 seconds to 0 seconds.
        same_bytes: file name to the name of the file that it is an exact copy of.
        repeated_scenes: scene to the files that show it, for scenes in more than one clip.
    """

    clips: dict[str, tuple[Stretch, ...]]
    stills: dict[str, Stretch]
    same_bytes: dict[str, str]
    repeated_scenes: dict[str, tuple[str, ...]]

    @property
    def scenes(self) -> frozenset[str]:
        """Every scene that some file shows."""
        shown = [part for parts in self.clips.values() for part in parts]
        return frozenset(part.scene for part in [*shown, *self.stills.values()] if part.scene)

    def at(self, file_name: str, timestamp_s: float = 0.0) -> Stretch:
        """Return what a file shows at this time; the last stretch of a clip includes its end.

        Raises:
            KeyError: the sample has no such file.
        """
        if file_name in self.stills:
            return self.stills[file_name]
        parts = self.clips[file_name]
        return next((part for part in parts if timestamp_s < part.end_s), parts[-1])


def sample_dir() -> Path:
    """Return the folder that holds the sample's media files and nothing else."""
    return Path(__file__).parent / "clips"


def truth_file() -> Path:
    """Return where the sample's truth is written."""
    return Path(__file__).parent / "truth.json"


def load_truth() -> Truth:
    """Read what is truly to be seen in the sample."""
    stored = json.loads(truth_file().read_text("utf-8"))
    return Truth(
        clips={
            name: tuple(Stretch(**part) for part in parts)
            for name, parts in stored["clips"].items()
        },
        stills={name: Stretch(**part) for name, part in stored["stills"].items()},
        same_bytes=dict(stored["same_bytes"]),
        repeated_scenes={scene: tuple(names) for scene, names in stored["repeated_scenes"].items()},
    )
