"""The traffic with Pexels: its API, with the key, and the hosts that serve files, without it.

The key goes to the API's own address alone, never along a redirect and never into an error;
that is why errors of the HTTP library are not chained.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from pipeline_project.adapters.retrying import Again, retried
from pipeline_project.adapters.waiting import Deadline
from pipeline_project.errors import ConfigError, MediaUnreadable, PermanentError, TransientError

_CHUNK_BYTES = 1 << 16  # what a broken connection costs at most
_CONNECT_S = 10.0
_DIGITS = 18  # of any number in a header
_FAR_S = 366 * 86_400.0  # a limit that lifts later is no time but an error, or milliseconds
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_KEY_PAGE = "https://www.pexels.com/api/"


class PexelsHttp:
    """Asks the API and downloads files; tries again where the trouble may pass."""

    def __init__(
        self,
        api_key: str,
        *,
        api_url: str,
        timeout_s: float,
        max_wait_s: float,
        deadline: Deadline,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Prepare; nothing is requested yet.

        Args:
            api_key: from https://www.pexels.com/api/.
            api_url: the API's address with its version.
            timeout_s: longest silence of a server.
            max_wait_s: longest wait for the rate limit to lift.
            deadline: when to give up altogether.
            sleep: waits for some seconds.
            now: Unix time, in seconds.

        Raises:
            ConfigError: the key cannot be one, or would travel unencrypted.
        """
        if not (api_key.isascii() and api_key.isalnum()):
            raise ConfigError(
                "PEXELS_API_KEY holds something else than letters and digits (not shown here). "
                f"Copy the key again from {_KEY_PAGE}."
            )
        parts = urlsplit(api_url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise ConfigError(
                f"asking Pexels at pexels.api_url {api_url!r}: the key is only sent over https. "
                "Leave the setting out, or write https://api.pexels.com/v1."
            )
        self.api_url = api_url.rstrip("/")
        self._key = api_key
        self._timeout_s = timeout_s
        self._max_wait_s = max_wait_s
        self._deadline = deadline
        self._sleep = sleep
        self._now = now
        self._lifted_at = 0.0

    def get_json(self, url: str, params: dict[str, Any], what: str) -> Any:
        """Ask the API; `what` begins every error.

        Raises:
            ConfigError: the key is refused, or there is no such entry.
            TransientError: the rate limit is reached, or the API is in trouble.
            PermanentError: the answer is no JSON, or was not expected.
        """
        return retried(
            lambda: self._ask(url, params, what),
            deadline=self._deadline,
            max_wait_s=self._max_wait_s,
            sleep=self._sleep,
        )

    def download(self, url: str, path: Path, *, max_bytes: int) -> None:
        """Write a file's bytes to `path`, whole; goes on where a broken connection left it.

        Raises:
            MediaUnreadable: it is gone, or larger than `max_bytes`.
            TransientError: it did not come whole, however often it was tried.
        """
        path.write_bytes(b"")
        download = _Download(url, path, max_bytes, self._timeout_s, self._deadline, self._now)
        retried(
            download.go_on,
            deadline=self._deadline,
            max_wait_s=self._max_wait_s,
            sleep=self._sleep,
        )

    def _ask(self, url: str, params: dict[str, Any], what: str) -> Any:
        if self._now() < self._lifted_at:  # the last answer said that nothing is left
            return self._limited(what, self._lifted_at - self._now())
        try:
            answer = requests.get(
                url,
                params=params,
                auth=self._with_key,
                timeout=(_CONNECT_S, self._timeout_s),
                allow_redirects=False,
            )
        except requests.RequestException as error:
            return _unreached(what, error)
        code = answer.status_code
        self._note_limit(answer)
        if code == 429:
            return self._limited(what, _asked_wait_s(answer, self._now()))
        if code >= 500:
            return _in_trouble(what, answer, self._now())
        _demand_ok(answer, what)
        try:
            return answer.json()
        except ValueError:
            raise PermanentError(
                f"{what}: the answer cannot be understood (no JSON). Check pexels.api_url."
            ) from None

    def _with_key(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        # As `auth`, so that no .netrc file can put another header in its place.
        request.headers["Authorization"] = self._key
        return request

    def _note_limit(self, answer: requests.Response) -> None:
        if answer.headers.get("X-Ratelimit-Remaining", "").strip() == "0":
            self._lifted_at = _number(answer.headers.get("X-Ratelimit-Reset")) or 0.0

    def _limited(self, what: str, wait_s: float | None) -> Again:
        lifted = "at a time that it does not tell"
        if wait_s is not None and wait_s < _FAR_S:
            when = datetime.fromtimestamp(self._now() + wait_s, UTC)
            lifted = f"at {when:%Y-%m-%d %H:%M:%S} UTC, in {wait_s:.0f} s"
        return Again(
            TransientError(
                f"{what}: the rate limit of this key is reached (200 requests an hour unless "
                f"Pexels gave more); it is lifted {lifted}. Run again then, or raise "
                "pexels.max_wait_s to wait."
            ),
            wait_s,
        )


class _Download:
    """One file on its way; each try goes on where the last one stopped."""

    def __init__(
        self,
        url: str,
        path: Path,
        max_bytes: int,
        timeout_s: float,
        deadline: Deadline,
        now: Callable[[], float],
    ) -> None:
        self._url = url
        self._path = path
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._deadline = deadline
        self._now = now
        self._what = f"downloading {url}"
        self._version = ""  # the file's ETag or date: only the same file may be gone on with

    def go_on(self) -> bool | Again:
        """Ask for what is missing and write it."""
        have = self._path.stat().st_size if self._version else 0
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers |= {"Range": f"bytes={have}-", "If-Range": self._version}
        try:
            with requests.get(
                self._url, stream=True, headers=headers, timeout=(_CONNECT_S, self._timeout_s)
            ) as answer:
                return self._take(answer, have)
        except requests.RequestException as error:
            return _unreached(self._what, error)

    def _take(self, answer: requests.Response, have: int) -> bool | Again:
        code = answer.status_code
        if code in (401, 403, 404, 410):
            raise MediaUnreadable(
                f"{self._what}: HTTP {code}, it is gone or not to be had. Take another video."
            )
        if code == 429 or code >= 500:
            return _in_trouble(self._what, answer, self._now())
        if code == 416:  # another file now, or the server lost count: from the beginning
            self._version = ""
            return Again(TransientError(f"{self._what}: HTTP 416, the rest is not to be had"))
        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind.startswith("text/"):
            raise MediaUnreadable(
                f"{self._what}: a page came ({kind}), no video. A proxy or a login page of this "
                "network may have answered; open the address in a browser."
            )
        start, total = _range(answer) if code == 206 else (0, _length(answer))
        if code not in (200, 206) or start not in (0, have):
            raise PermanentError(f"{self._what}: HTTP {code}, which was not expected")
        if total is not None and total > self._max_bytes:
            raise self._too_large(total)
        self._version = _version(answer)
        with self._path.open("r+b") as file:
            file.truncate(start)
            file.seek(start)
            for chunk in answer.iter_content(_CHUNK_BYTES):
                file.write(chunk)
                if file.tell() > self._max_bytes:
                    raise self._too_large(file.tell())
                if self._deadline.passed:
                    raise TransientError(
                        f"{self._what}: {file.tell()} of {total or 'unknown'} bytes came before "
                        f"the deadline of {self._deadline.seconds:g} s. Try again, or raise "
                        "limits.max_runtime_s."
                    )
            size = file.tell()
        if total is not None and size != total:
            return Again(
                TransientError(f"{self._what}: {size} of {total} bytes came; try again later")
            )
        return True

    def _too_large(self, size: int) -> MediaUnreadable:
        return MediaUnreadable(
            f"{self._what}: {size} bytes or more, above pexels.max_bytes ({self._max_bytes}). "
            "Raise it, or take a lower pexels.height_px."
        )


def _demand_ok(answer: requests.Response, what: str) -> None:
    code = answer.status_code
    if code == 401:
        raise ConfigError(
            f"{what}: HTTP 401, the key is refused. Check PEXELS_API_KEY at {_KEY_PAGE}."
        )
    if code == 403:
        raise ConfigError(
            f"{what}: HTTP 403, this key may not ask that. Check PEXELS_API_KEY, and whether the "
            f"account is still active, at {_KEY_PAGE}."
        )
    if code == 404:
        raise ConfigError(f"{what}: HTTP 404, Pexels has nothing there. Check the id or the query.")
    if 300 <= code < 400:
        raise PermanentError(
            f"{what}: HTTP {code}, a redirect to another address, which the key does not follow. "
            "Check pexels.api_url."
        )
    if code != 200:
        raise PermanentError(f"{what}: HTTP {code}, which was not expected")


def _in_trouble(what: str, answer: requests.Response, now: float) -> Again:
    return Again(
        TransientError(
            f"{what}: HTTP {answer.status_code}, the server is in trouble; try again later"
        ),
        _asked_wait_s(answer, now),
    )


def _unreached(what: str, error: requests.RequestException) -> Again:
    return Again(
        TransientError(
            f"{what}: no whole answer ({type(error).__name__}); check the network and try again"
        )
    )


def _asked_wait_s(answer: requests.Response, now: float) -> float | None:
    """Seconds that the server asks to wait: `Retry-After`, a number or a date, or the reset."""
    after = answer.headers.get("Retry-After")
    seconds = _number(after)
    if seconds is not None:
        return max(0.0, seconds)
    if after:
        try:
            return max(0.0, parsedate_to_datetime(after).timestamp() - now)
        except ValueError:
            pass
    reset = _number(answer.headers.get("X-Ratelimit-Reset"))
    return None if reset is None else max(0.0, reset - now)


def _number(text: str | None) -> float | None:
    digits = "" if text is None else text.strip()
    return float(digits) if digits.isdecimal() and len(digits) <= _DIGITS else None


def _length(answer: requests.Response) -> int | None:
    number = _number(answer.headers.get("Content-Length"))
    return None if number is None else int(number)


def _range(answer: requests.Response) -> tuple[int, int | None]:
    """First byte and whole size of a partial answer, from `bytes 10-99/100`; -1 where unknown."""
    span, _, total = answer.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
    first = _number(span.partition("-")[0])
    whole = _number(total)
    return (-1 if first is None else int(first)), (None if whole is None else int(whole))


def _version(answer: requests.Response) -> str:
    """What tells this file from another one; weak ETags do not (RFC 9110, 13.1.5)."""
    etag = answer.headers.get("ETag", "")
    return etag if etag and not etag.startswith("W/") else answer.headers.get("Last-Modified", "")
