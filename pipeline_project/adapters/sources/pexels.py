"""Videos from Pexels that no earlier run has brought, with who made them."""

import random
import tempfile
from collections.abc import Callable, Collection, Iterator, MutableSequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline_project.adapters.sources.pexels_choice import (
    PexelsQuery,
    chosen,
    parse_spec,
    video_name,
    why_not,
)
from pipeline_project.adapters.sources.pexels_http import PexelsHttp
from pipeline_project.adapters.sources.pexels_listing import PER_PAGE, Page, PexelsListing
from pipeline_project.core.config import PexelsConfig
from pipeline_project.core.records import MediaRef
from pipeline_project.errors import ConfigError

_KNOWN = "an earlier run has it"
_POOL = 800  # chosen among the best matches; later pages match badly

Known = Callable[[Collection[str]], Collection[str]]


def _nothing_known(names: Collection[str]) -> Collection[str]:
    return ()


class PexelsSource:
    """A source of a few videos, the best or chosen at random among the matches of a query."""

    def __init__(
        self,
        spec: str,
        http: PexelsHttp,
        config: PexelsConfig,
        *,
        seed: int,
        known: Known = _nothing_known,
    ) -> None:
        """Prepare; nothing is requested yet.

        Args:
            spec: `pexels:QUERY`, `pexels:popular` or `pexels:id:123`.
            http: the traffic.
            config: how many videos, and which.
            seed: the same seed and the same answers of the API give the same videos.
            known: told names of videos, gives those that are not wanted again; one asked for by
                its id is wanted in any case.

        Raises:
            ConfigError: the spec is another source's, or the limits allow nothing.
        """
        if config.min_duration_s > config.max_duration_s:
            raise ConfigError(
                f"opening the source {spec!r}: pexels.min_duration_s {config.min_duration_s:g} is "
                f"above pexels.max_duration_s {config.max_duration_s:g}, so no video would do."
            )
        self._query: PexelsQuery = parse_spec(spec)
        self._spec = spec
        self._http = http
        self._listing = PexelsListing(http)
        self._config = config
        self._seed = seed
        self._known = known
        self._ignored = 0

    @property
    def spec(self) -> str:
        """The source as the user wrote it."""
        return self._spec

    @property
    def ignored(self) -> int:
        """Matches that the last listing passed over: known, too long, too large."""
        return self._ignored

    def list(self) -> Iterator[MediaRef]:
        """Yield the chosen videos, the same each time; whoever needs more than `count` goes on.

        Raises:
            ConfigError: the key is refused, nothing matches, or all that matches is known.
            TransientError: the rate limit is reached, or the API is in trouble.
            PermanentError: the API answers something that cannot be understood.
        """
        self._ignored = 0
        if self._query.kind == "id":
            video = self._listing.one(self._query.video_id).entry
            reason = why_not(video, self._config)
            if reason is not None:
                raise ConfigError(f"taking Pexels video {self._query.video_id}: {reason}.")
            yield chosen(video, self._config, self._spec)
            return
        found = 0
        reasons: MutableSequence[str] = []
        for video in self._unknown(reasons):
            found += 1
            yield chosen(video, self._config, self._spec)
            if found == self._config.count:
                return
        if found == 0:
            raise self._nothing(reasons)

    @contextmanager
    def fetch(self, uri: str) -> Iterator[Path]:
        """Download a video to a temporary file, removed at the end of the `with` block.

        Raises:
            MediaUnreadable: the video is gone, or larger than allowed.
            TransientError: the download broke off, however often it was tried.
        """
        with tempfile.TemporaryDirectory(prefix="pexels-") as folder:
            path = Path(folder) / "video.mp4"
            self._http.download(uri, path, max_bytes=self._config.max_bytes)
            yield path

    def _unknown(self, reasons: MutableSequence[str]) -> Iterator[dict[str, Any]]:
        """Yield the matches in the wanted order, without those passed over."""
        first = self._page(1)
        total = min(first.total, _POOL)
        if total == 0 or not first.videos:
            asked = self._query.words or "popular videos"
            raise ConfigError(
                f"asking Pexels for {asked!r}: no video matches. Try other words; the API "
                "understands English best."
            )
        order = [*range(total)]
        if self._config.order == "random":
            random.Random(self._seed).shuffle(order)
        pages = {1: first}
        known = set(self._known(_names(first)))
        seen: set[int] = set()
        for index in order:
            number, place = index // PER_PAGE + 1, index % PER_PAGE
            if number not in pages:
                pages[number] = self._page(number)
                known.update(self._known(_names(pages[number])))
            videos = pages[number].videos
            # Pages may be shorter than promised, and shift between two requests.
            if place >= len(videos) or videos[place].id in seen:
                continue
            video = videos[place]
            seen.add(video.id)
            there = video_name(video.id) in known
            reason = _KNOWN if there else why_not(video.entry, self._config)
            if reason is None:
                yield video.entry
            else:
                self._ignored += 1
                reasons.append(reason)

    def _page(self, number: int) -> Page:
        if self._query.kind == "popular":
            return self._listing.popular(number)
        return self._listing.search(self._query.words, number)

    def _nothing(self, reasons: MutableSequence[str]) -> ConfigError:
        known = sum(reason == _KNOWN for reason in reasons)
        other = next((reason for reason in reasons if reason != _KNOWN), "")
        return ConfigError(
            f"asking Pexels for {self._query.words or 'popular videos'!r}: none of the "
            f"{len(reasons)} matches is new and allowed: {known} are there from earlier runs"
            + (f"; of the others the first is passed over because {other}" if other else "")
            + ". Try other words, or allow more under `pexels:` in pipeline.yaml."
        )


def _names(page: Page) -> MutableSequence[str]:
    return [video_name(each.id) for each in page.videos]
