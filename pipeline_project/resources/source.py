"""Where media comes from: opens the source that the configuration names."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from pipeline_project.adapters.sources.base import MediaSource
from pipeline_project.adapters.waiting import Deadline
from pipeline_project.core.config import PexelsConfig, SourceAccessConfig
from pipeline_project.errors import ConfigError


@dataclass(frozen=True, slots=True)
class PexelsAsk:
    """What one run wants of Pexels.

    Attributes:
        spec: `pexels:QUERY`, `pexels:popular` or `pexels:id:123`.
        config: how many videos, and which.
        seed: decides the random order.
        known: told names of videos, gives those that earlier runs brought.
        deadline: of the run.
    """

    spec: str
    config: PexelsConfig
    seed: int
    known: Callable[[Collection[str]], Collection[str]]
    deadline: Deadline


OpenSource = Callable[[str | None, Sequence[str], SourceAccessConfig | None], MediaSource]
OpenPexels = Callable[[PexelsAsk], MediaSource]

PEXELS = "pexels:"


def is_pexels(spec: str | None) -> bool:
    """Tell whether a source is a Pexels query, which is downloaded, not read in place."""
    return spec is not None and spec.startswith(PEXELS)


class Sources:
    """Opens sources by what the user wrote."""

    def __init__(self, open_source: OpenSource, open_pexels: OpenPexels | None = None) -> None:
        """Hold the factories.

        Args:
            open_source: gives the source for a spec (None is the bundled sample), its include
                patterns, and the access to a bucket.
            open_pexels: gives the source for what a run wants of Pexels; None when there is no
                key.
        """
        self._open_source = open_source
        self._open_pexels = open_pexels

    def open(
        self, spec: str | None, include: Sequence[str], access: SourceAccessConfig | None = None
    ) -> MediaSource:
        """Open a source that is read in place; `access` says who reads a bucket."""
        return self._open_source(spec, include, access)

    def open_pexels(self, ask: PexelsAsk) -> MediaSource:
        """Open a Pexels query; the same seed and the same answers give the same choice.

        Raises:
            ConfigError: there is no API key, or it cannot be one.
        """
        if self._open_pexels is None:
            raise ConfigError(
                f"opening the source {ask.spec!r}: pexels: sources need PEXELS_API_KEY, which is "
                "not set. Get a free key at https://www.pexels.com/api/ and export it, or curate "
                "a folder."
            )
        return self._open_pexels(ask)
