"""Pages of the Pexels API, read with `pypexels` over our own transport.

`pypexels` 1.0.0rc1 knows the addresses, the parameters, the pages and the shape of an entry. Its
own transport has no timeout, drops the headers that tell the rate limit, and asks addresses
without a version, which Pexels calls deprecated; so its requests go through `PexelsHttp` instead,
and its root is the versioned address.
"""

from dataclasses import dataclass
from typing import Any

from pypexels.src import SingleVideo, VideosPopular, VideosSearch

from pipeline_project.adapters.sources.pexels_http import PexelsHttp
from pipeline_project.errors import PermanentError

PER_PAGE = 80  # the most that the API gives


@dataclass(frozen=True, slots=True)
class Video:
    """One video: its id, and its entry as the API tells it."""

    id: int
    entry: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of videos, and how many there are on all pages."""

    total: int
    videos: list[Video]


class PexelsListing:
    """Asks for single videos and for pages of them."""

    def __init__(self, http: PexelsHttp) -> None:
        """Hold the transport."""
        self._http = http

    def search(self, query: str, number: int) -> Page:
        """Give a page of the matches, the best first; `number` counts from 1."""
        what = f"asking Pexels for {query!r}"
        return self._page(VideosSearch, "search", what, query=query, page=number)

    def popular(self, number: int) -> Page:
        """Give a page of the popular videos."""
        return self._page(VideosPopular, "popular", "asking Pexels for popular videos", page=number)

    def one(self, video_id: int) -> Video:
        """Give one video.

        Raises:
            ConfigError: there is none with this id.
        """
        what = f"asking Pexels for video {video_id}"
        with _Understood(what):
            found = _routed(SingleVideo, self._http, what)(api_key="", video_id=video_id)
            return _video(found.entries)

    def _page(self, kind: Any, path: str, what: str, **asked: Any) -> Page:
        with _Understood(what):
            page = _routed(kind, self._http, what)(
                api_key="",
                url=f"{self._http.api_url}/videos/{path}",
                per_page=PER_PAGE,
                **asked,
            )
            return Page(int(page.body["total_results"]), [_video(each) for each in page.entries])


class _Understood:
    """Turns what an odd answer does to the code that reads it into one error."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, AttributeError | KeyError | TypeError | ValueError):
            raise PermanentError(
                f"{self._what}: the answer cannot be understood ({type(error).__name__}). Check "
                "pexels.api_url; if it is right, the API has changed."
            ) from None


def _video(model: Any) -> Video:
    entry = dict(vars(model))
    return Video(int(entry["id"]), entry)


def _routed(page: Any, http: PexelsHttp, what: str) -> Any:
    """Give a page class of `pypexels` whose requests go through our transport."""

    class Routed(page):  # type: ignore[misc]  # pypexels has no types
        api_root = http.api_url

        def _request(self, url: str, method: str, query_params: Any = None, **_: Any) -> bool:
            # A single video is asked for without the paging that pypexels adds to everything.
            params = {} if page is SingleVideo else dict(query_params or {})
            self._body = http.get_json(self._sanitized_url(url), params, what)
            self._status_code = 200
            self._headers: dict[str, str] = {}
            return True

    return Routed
