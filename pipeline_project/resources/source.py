"""Where media comes from: opens the source that the configuration names."""

from collections.abc import Callable, Sequence

from pipeline_project.adapters.sources.base import MediaSource
from pipeline_project.errors import ConfigError

OpenSource = Callable[[str | None, Sequence[str]], MediaSource]
OpenPexels = Callable[[str, int], MediaSource]

PEXELS = "pexels:"


def is_pexels(spec: str | None) -> bool:
    """Tell whether a source is a Pexels query, which is downloaded, not read in place."""
    return spec is not None and spec.startswith(PEXELS)


class Sources:
    """Opens sources by what the user wrote."""

    def __init__(self, open_source: OpenSource, open_pexels: OpenPexels | None = None) -> None:
        """Hold the factories.

        Args:
            open_source: gives the source for a spec (None is the bundled sample) and its
                include patterns.
            open_pexels: gives the source for `pexels:query` and a random seed; None when there
                is no key.
        """
        self._open_source = open_source
        self._open_pexels = open_pexels

    def open(self, spec: str | None, include: Sequence[str]) -> MediaSource:
        """Open a source that is read in place."""
        return self._open_source(spec, include)

    def open_pexels(self, spec: str, seed: int) -> MediaSource:
        """Open a Pexels query; the same seed and the same answer give the same choice.

        Raises:
            ConfigError: there is no API key.
        """
        if self._open_pexels is None:
            raise ConfigError(
                f"opening the source {spec!r}: pexels: sources need PEXELS_API_KEY, which is not "
                "set. Get a free key at https://www.pexels.com/api/ and export it, or curate a "
                "folder."
            )
        return self._open_pexels(spec, seed)
