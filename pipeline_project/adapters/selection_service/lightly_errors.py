"""What the Lightly client raises, in this project's words and without the token.

The client sends the token in the address of every request (`?token=...`), so its errors, and what
its HTTP library logs, may hold it: nothing of them is passed on unread, and nothing is chained.
"""

import json
import logging
from collections.abc import Callable
from typing import TypeVar

from pipeline_project.adapters.retrying import Again, retried
from pipeline_project.adapters.waiting import Deadline
from pipeline_project.errors import ConfigError, PermanentError, PipelineError, TransientError

Value = TypeVar("Value")

_TOKEN_PAGE = "https://app.lightly.ai/preferences"
_HTTP_LOGGERS = ("urllib3.connectionpool", "urllib3.util.retry")


class LightlyNotFound(PermanentError):
    """The service has nothing under this id or name."""


class Caller:
    """Calls the client; tries again where the trouble may pass."""

    def __init__(self, token: str, *, sleep: Callable[[float], None]) -> None:
        """Keep the token, only to take it out of whatever is told."""
        self._token = token
        self._sleep = sleep
        hide = _HideToken(token)
        for name in _HTTP_LOGGERS:
            logging.getLogger(name).addFilter(hide)

    def once(self, what: str, call: Callable[[], Value]) -> Value:
        """Call once; `what` begins every error.

        Raises:
            ConfigError: the token is refused, or the request is wrong.
            LightlyNotFound: there is no such thing.
            TransientError: the service, or the way to it, is in trouble.
            PermanentError: the answer cannot be understood.
        """
        answer = self._try(what, call)
        if isinstance(answer, Again):
            raise answer.error
        return answer

    def patiently(self, what: str, call: Callable[[], Value], deadline: Deadline) -> Value:
        """Call until it works or the deadline has passed; only for what may be done twice."""
        return retried(lambda: self._try(what, call), deadline=deadline, tries=8, sleep=self._sleep)

    def plain(self, text: object) -> str:
        """Give a text without the token, in one line."""
        return " ".join(str(text).replace(self._token, "***").split())

    def _try(self, what: str, call: Callable[[], Value]) -> Value | Again:
        import requests
        import urllib3.exceptions
        from lightly.openapi_generated.swagger_client.exceptions import ApiException

        try:
            return call()
        except PipelineError:
            raise
        except ApiException as error:
            wrong = self._of_answer(what, error)
        except (urllib3.exceptions.HTTPError, requests.RequestException, OSError) as error:
            wrong = TransientError(
                f"{what}: no answer from the Lightly service ({type(error).__name__}); check the "
                "network and try again"
            )
        except (ValueError, TypeError, KeyError, AttributeError, RuntimeError) as error:
            wrong = PermanentError(
                f"{what}: the client or the service's answer is not as expected: "
                f"{self.plain(error)[:500]}"
            )
        if isinstance(wrong, TransientError):
            return Again(wrong)
        raise wrong from None

    def _of_answer(self, what: str, error: "object") -> PipelineError:
        status = int(getattr(error, "status", None) or 0)
        said = self._said(error)
        tail = f": {said}" if said else ""
        if status == 401:
            return ConfigError(
                f"{what}: HTTP 401, the token is refused. Check LIGHTLY_TOKEN at {_TOKEN_PAGE}."
            )
        if status == 403:
            return ConfigError(
                f"{what}: HTTP 403, this token may not do that{tail}. Check LIGHTLY_TOKEN, and who "
                "owns the dataset."
            )
        if status == 402:
            return ConfigError(
                f"{what}: HTTP 402, the plan of this account does not allow it{tail}"
            )
        if status == 404:
            return LightlyNotFound(f"{what}: HTTP 404, there is no such thing{tail}")
        if status in (400, 409, 422):
            return ConfigError(f"{what}: HTTP {status}, the service refuses it{tail}")
        if status == 429 or status == 408 or status >= 500:
            return TransientError(f"{what}: HTTP {status}, the service is in trouble; try again")
        if status == 0:
            return TransientError(f"{what}: no answer; check the network and try again")
        return PermanentError(f"{what}: HTTP {status}, which was not expected{tail}")

    def _said(self, error: object) -> str:
        """The service's own reason, as far as it gives one."""
        body = getattr(error, "body", None)
        try:
            value = json.loads(body) if body else {}
        except ValueError:
            return ""
        text = value.get("error") or value.get("message") if isinstance(value, dict) else ""
        return self.plain(text)[:500] if text else ""


class _HideToken(logging.Filter):
    """Takes the token out of what the HTTP library logs: it logs addresses."""

    def __init__(self, token: str) -> None:
        super().__init__()
        self._token = token

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if self._token in message:
            record.msg, record.args = message.replace(self._token, "***"), None
        return True
