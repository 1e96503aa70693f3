"""One random video from Pexels that matches a query, with who made it.

The API key goes to the API alone: never to the host that serves the files, and never into an
error, which is why errors of the HTTP library are not chained.
"""

import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from pipeline_project.core.records import MediaRef
from pipeline_project.errors import (
    ConfigError,
    MediaUnreadable,
    PermanentError,
    PipelineError,
    TransientError,
)

API = "https://api.pexels.com/v1"
SCHEME = "pexels:"
_PER_PAGE = 80  # the most that the API gives
_POOL = 800  # chosen among the best matches; later pages match badly
_MAX_WIDTH_PX = 1920
_CHUNK_BYTES = 1 << 20


class PexelsSource:
    """A source of exactly one video, chosen at random among the matches of a query."""

    def __init__(
        self,
        spec: str,
        api_key: str,
        *,
        seed: int,
        base_url: str = API,
        timeout_s: float = 30.0,
    ) -> None:
        """Prepare; nothing is requested yet.

        Args:
            spec: `pexels:query`; without a query, from the popular videos.
            api_key: from https://www.pexels.com/api/.
            seed: the same seed and the same answer of the API give the same video.
            base_url: the API's address.
            timeout_s: longest silence of the server.

        Raises:
            ConfigError: the spec is another source's, or the key cannot be one.
        """
        if not spec.startswith(SCHEME):
            raise ConfigError(f"opening the source {spec!r}: expected `pexels:query`")
        if not (api_key.isascii() and api_key.isalnum()):
            raise ConfigError(
                "PEXELS_API_KEY holds something else than letters and digits (not shown here). "
                "Copy the key again from https://www.pexels.com/api/."
            )
        self._spec = spec
        self._query = spec.removeprefix(SCHEME).strip()
        self._key = api_key
        self._seed = seed
        self._base_url = base_url.rstrip("/")
        self._timeout_s = timeout_s

    @property
    def spec(self) -> str:
        """The source as the user wrote it."""
        return self._spec

    @property
    def ignored(self) -> int:
        """Always 0: the other matches are not counted as left out."""
        return 0

    def list(self) -> Iterator[MediaRef]:
        """Choose one video and yield it, the same one each time; its size is not known yet.

        Raises:
            ConfigError: the key is refused, or nothing matches.
            TransientError: the rate limit is reached, or the API is in trouble.
            PermanentError: the API answers something that cannot be understood.
        """
        page = self._page(1)
        total = min(page["total_results"], _POOL)
        if total == 0 or not page["videos"]:
            raise ConfigError(f"asking Pexels for {self._query!r}: no video matches; try another")
        index = random.Random(self._seed).randrange(total)
        if index >= len(page["videos"]):
            page = self._page(index // _PER_PAGE + 1)
        videos = page["videos"] or self._page(1)["videos"]
        yield self._ref(videos[index % _PER_PAGE % len(videos)])

    @contextmanager
    def fetch(self, uri: str) -> Iterator[Path]:
        """Download the video to a temporary file, removed at the end of the `with` block.

        Raises:
            MediaUnreadable: the video is gone.
            TransientError: the download broke off.
        """
        with tempfile.TemporaryDirectory(prefix="pexels-") as folder:
            path = Path(folder) / "video.mp4"
            what = f"downloading {uri}"
            try:
                with requests.get(uri, stream=True, timeout=self._timeout_s) as answer:
                    if answer.status_code in (403, 404, 410):
                        raise MediaUnreadable(f"{what}: HTTP {answer.status_code}, it is gone")
                    _demand_ok(answer, what)
                    with path.open("wb") as file:
                        for chunk in answer.iter_content(_CHUNK_BYTES):
                            file.write(chunk)
                    declared = answer.headers.get("Content-Length")
            except requests.RequestException as error:
                raise _unreached(what, error) from None
            size = path.stat().st_size
            if declared is not None and declared.isdigit() and size != int(declared):
                raise TransientError(f"{what}: {size} of {declared} bytes came; try again")
            yield path

    def _page(self, number: int) -> dict[str, Any]:
        params: dict[str, str | int] = {"per_page": _PER_PAGE, "page": number}
        if self._query:
            params["query"] = self._query
        url = f"{self._base_url}/videos/{'search' if self._query else 'popular'}"
        what = f"asking Pexels for {self._query or 'popular videos'!r}"
        try:
            answer = requests.get(
                url, params=params, headers={"Authorization": self._key}, timeout=self._timeout_s
            )
            _demand_ok(answer, what)
            page = answer.json()
            return {"total_results": int(page["total_results"]), "videos": list(page["videos"])}
        except (ValueError, KeyError, TypeError) as error:
            raise PermanentError(
                f"{what}: the answer cannot be understood ({type(error).__name__})"
            ) from None
        except requests.RequestException as error:
            raise _unreached(what, error) from None

    def _ref(self, video: dict[str, Any]) -> MediaRef:
        try:
            files = [f for f in video["video_files"] if f["file_type"] == "video/mp4"]
            # The largest that is not larger than needed; else the smallest there is.
            fitting = [f for f in files if (f["width"] or 0) <= _MAX_WIDTH_PX]
            best = max(fitting, key=_width) if fitting else min(files, key=_width)
            return MediaRef(
                uri=best["link"],
                name=f"pexels-{int(video['id'])}.mp4",
                source=self._spec,
                size_bytes=int(best.get("size") or 0),
                fingerprint=f"{video['id']}-{best['id']}",
                attribution={
                    "provider": "Pexels",
                    "page": str(video["url"]),
                    "creator": str(video["user"]["name"]),
                    "creator_page": str(video["user"]["url"]),
                },
            )
        except (KeyError, TypeError, ValueError) as error:
            raise PermanentError(
                f"choosing a file of a Pexels video: its entry cannot be understood ({error!r})"
            ) from error


def _width(file: dict[str, Any]) -> int:
    return int(file["width"] or 0)


def _demand_ok(answer: requests.Response, what: str) -> None:
    code = answer.status_code
    if code in (401, 403):
        raise ConfigError(
            f"{what}: HTTP {code}, the key is refused. Check PEXELS_API_KEY at "
            "https://www.pexels.com/api/."
        )
    if code == 429:
        reset = answer.headers.get("X-Ratelimit-Reset", "unknown")
        raise TransientError(
            f"{what}: HTTP 429, the rate limit is reached; it is lifted at {reset} (Unix time)"
        )
    if code >= 500:
        raise TransientError(f"{what}: HTTP {code}, the server is in trouble; try again later")
    if code != 200:
        raise PermanentError(f"{what}: HTTP {code}, which was not expected")


def _unreached(what: str, error: requests.RequestException) -> PipelineError:
    return TransientError(
        f"{what}: no whole answer ({type(error).__name__}); check the network and try again"
    )
