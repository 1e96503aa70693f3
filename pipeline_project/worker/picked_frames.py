"""Reads just the frames that somebody else picked, in place of those that sampling would take."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline_project.adapters.media.base import MediaReader, OpenMedia
from pipeline_project.core.config import SamplingConfig
from pipeline_project.core.records import Damage, Frame, MediaInfo
from pipeline_project.errors import MediaCorrupt
from pipeline_project.worker.stages import Stages


class _PickedMedia:
    """An open video of which only some frames are wanted."""

    def __init__(self, media: OpenMedia, pts: Sequence[int]) -> None:
        self._media = media
        self._pts = sorted(set(pts))
        self._lost: list[Damage] = []

    @property
    def info(self) -> MediaInfo:
        return self._media.info

    @property
    def damage(self) -> list[Damage]:
        return [*self._media.damage, *self._lost]

    def frames(self, sampling: SamplingConfig) -> Iterator[Frame]:
        for pts in self._pts:
            try:
                frame = self._media.frame_at(pts)
            except MediaCorrupt as error:
                self._lost.append(Damage("MediaCorrupt", str(error)))
                continue
            yield frame

    def frame_at(self, pts: int) -> Frame:
        return self._media.frame_at(pts)


@dataclass(frozen=True, slots=True)
class PickedReader:
    """Opens one video with a reader, for some of its frames."""

    reader: MediaReader
    pts: tuple[int, ...]

    @contextmanager
    def open(self, path: Path) -> Iterator[OpenMedia]:
        """Open the video; see `MediaReader.open`."""
        with self.reader.open(path) as media:
            yield _PickedMedia(media, self.pts)


@dataclass(frozen=True, slots=True)
class PickedStages(Stages):
    """The frame stages of one video of which these frames were picked."""

    pts: tuple[int, ...] = ()

    def params(self, stage: str, kind: str) -> dict[str, object]:
        """As for sampled frames, with the frames themselves in place of the sampling."""
        params = Stages.params(self, stage, "image" if stage == "sample" else kind)  # type: ignore[arg-type]
        if stage == "sample":
            params |= {"mode": "picked", "pts": list(self.pts)}
        return params
