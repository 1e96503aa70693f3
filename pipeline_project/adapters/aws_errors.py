"""AWS's errors in this project's words: what was tried, what was seen, what to do; no secrets."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from pipeline_project.adapters.waiting import Deadline, wait_until
from pipeline_project.errors import (
    ConfigError,
    PermanentError,
    PipelineError,
    RemoteTimedOut,
    TransientError,
)

Result = TypeVar("Result")

PATIENCE_S = 120.0  # of `patiently`; botocore alone gives up after about 10 s
_INTERVAL_S = 2.0
_LOG = logging.getLogger(__name__)

_WRONG_KEY = frozenset(
    "InvalidClientTokenId InvalidAccessKeyId SignatureDoesNotMatch AuthFailure "
    "UnrecognizedClientException MissingAuthenticationToken InvalidSignatureException "
    "InvalidToken".split()
)
_EXPIRED = frozenset(
    "ExpiredToken ExpiredTokenException RequestExpired TokenRefreshRequired".split()
)
_DENIED = frozenset(
    "AccessDenied AccessDeniedException UnauthorizedOperation UnauthorizedException "
    "AllAccessDisabled NotAuthorized 403 Forbidden".split()
)
_WRONG_REGION = frozenset(
    "PermanentRedirect AuthorizationHeaderMalformed IllegalLocationConstraintException "
    "InvalidRegion OptInRequired 301".split()
)
_LATER = frozenset(
    "Throttling ThrottlingException ThrottledException RequestThrottled RequestLimitExceeded "
    "SlowDown TooManyRequestsException PriorRequestNotComplete BandwidthLimitExceeded "
    "RequestTimeout RequestTimeoutException InternalError InternalFailure InternalServerError "
    "ServiceUnavailable Unavailable ServiceException OperationAborted "
    "ConditionalRequestConflict".split()
)


def error_code(error: BaseException) -> str:
    """AWS's name for an error answer, such as `NoSuchKey` or `404`; empty for other errors."""
    response = getattr(error, "response", None)
    if not isinstance(response, dict):
        return ""
    return str(response.get("Error", {}).get("Code", ""))


def http_status(error: BaseException) -> int:
    """The HTTP status of an error answer; 0 for other errors."""
    response = getattr(error, "response", None)
    if not isinstance(response, dict):
        return 0
    return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def explain(error: Exception, what: str) -> PipelineError:
    """Put an error of boto3 into one line of this project's errors.

    Args:
        error: what boto3 raised.
        what: was tried, on what: `reading s3://bucket/key`.

    Returns:
        ConfigError for credentials, permissions, bucket, region and endpoint; TransientError for
        what may work later; PermanentError for everything else.
    """
    code = error_code(error)
    if code:
        return _of_answer(error, code, what)
    return _of_client(error, what)


@contextmanager
def aws_errors(what: str) -> Iterator[None]:
    """Raise boto3's errors inside the block as this project's own; `what` as in `explain`."""
    try:
        yield
    except PipelineError:
        raise
    except Exception as error:  # boto3 has no single base class; others pass on
        if not is_from_boto(error):
            raise
        raise explain(error, what) from error


def patiently(
    call: Callable[[], Result],
    *,
    what: str,
    patience_s: float = PATIENCE_S,
    interval_s: float = _INTERVAL_S,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Result:
    """Repeat a call that may work later, through outages that outlast boto3's own retries.

    Args:
        call: safe to repeat; only its TransientErrors are waited out.
        what: the thing tried, for the error.
        patience_s: how long to go on; 0 tries once.
        interval_s: between tries.
        clock: monotonic seconds.
        sleep: waits for some seconds.

    Raises:
        TransientError: the last one, once patience has ended.
    """

    def attempt() -> _Outcome[Result]:
        try:
            return _Outcome(value=call())
        except TransientError as error:
            return _Outcome(error=error)

    last: list[_Outcome[Result]] = []

    def poll() -> _Outcome[Result]:
        first = not last
        last[:] = [attempt()]
        if first and last[0].error is not None:  # nobody waits for minutes without a word
            _LOG.warning("%s It is tried again for up to %g s.", last[0].error, patience_s)
        return last[0]

    if patience_s <= 0:
        return call()
    try:
        wait_until(
            poll,
            success=lambda outcome: outcome.error is None,
            failure=lambda _: False,
            deadline=Deadline(patience_s, clock),
            interval_s=interval_s,
            what=what,
            sleep=sleep,
        )
    except RemoteTimedOut as timeout:
        raise TransientError(f"{last[0].error} It was tried for {patience_s:g} s.") from timeout
    return cast("Result", last[0].value)


@dataclass(frozen=True, slots=True)
class _Outcome(Generic[Result]):
    value: Result | None = None
    error: TransientError | None = None


def is_from_boto(error: Exception) -> bool:
    """Tell whether boto3 raised an error, or what it stands on.

    That is urllib3, whose errors come unwrapped where a body breaks off, and plain ValueErrors,
    for an endpoint or a header that is none.
    """
    return isinstance(error, ValueError) or any(
        kind.__module__.split(".")[0] in ("botocore", "boto3", "urllib3", "s3transfer")
        for kind in type(error).__mro__
    )


def _of_answer(error: Exception, code: str, what: str) -> PipelineError:
    """Explain an error that AWS answered with."""
    status = http_status(error)
    said = _said(error)
    if code in _WRONG_KEY:
        return ConfigError(
            f"{what}: AWS does not accept the key ({code}). Check the access key, its secret and "
            "the profile."
        )
    if code in _EXPIRED:
        return ConfigError(
            f"{what}: the credentials have expired ({code}). Log in again (with single sign-on: "
            "aws sso login) and run the same again; what is done is kept."
        )
    if code in _WRONG_REGION:
        return ConfigError(
            f"{what}: it is in another region ({code}: {said}). Set the region it is in."
        )
    if code == "RequestTimeTooSkewed":
        return ConfigError(f"{what}: this machine's clock is wrong ({code}). Set it right.")
    if code == "NoSuchBucket":
        return ConfigError(f"{what}: there is no such bucket. Check its name and the account.")
    if code in _DENIED or status == 403:
        return ConfigError(
            f"{what}: access denied ({code}: {said}). Check the permissions of the user or role."
        )
    if code in _LATER or status >= 500 or status == 429:
        return TransientError(f"{what}: AWS is in trouble or busy ({code}: {said}). Try again.")
    return PermanentError(f"{what}: AWS refused it ({code}: {said}).")


def _of_client(error: Exception, what: str) -> PipelineError:
    """Explain an error that happened on the way."""
    name = type(error).__name__
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if kinds & {"NoCredentialsError", "PartialCredentialsError", "NoAuthTokenError"}:
        return ConfigError(
            f"{what}: no complete AWS credentials were found. Set AWS_PROFILE, or "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role."
        )
    if kinds & {"SSOError", "TokenRetrievalError", "LoginRefreshRequired"}:
        return ConfigError(
            f"{what}: the single sign-on has expired ({name}). Log in again: aws sso login."
        )
    if kinds & {"ProfileNotFound", "ConfigNotFound", "ConfigParseError", "InvalidConfigError"}:
        return ConfigError(f"{what}: {_one_line(error)}. Check ~/.aws/config and the profile.")
    if kinds & {"CredentialRetrievalError", "MetadataRetrievalError", "RefreshWithMFA"}:
        return ConfigError(f"{what}: the credentials cannot be got ({name}: {_one_line(error)}).")
    if kinds & {"NoRegionError", "InvalidRegionError"}:
        return ConfigError(f"{what}: no usable region ({_one_line(error)}). Set AWS_REGION.")
    if "SSLError" in kinds:
        return ConfigError(f"{what}: the server's certificate is not trusted: {_one_line(error)}.")
    if kinds & {"ParamValidationError", "InvalidBucketName"}:
        return ConfigError(f"{what}: {_one_line(error)}.")
    if "FlexibleChecksumError" in kinds:
        return TransientError(f"{what}: the bytes were damaged on the way. Try again.")
    inner = getattr(error, "kwargs", {}).get("error")
    if isinstance(error, ValueError) or isinstance(inner, ValueError):
        # Without its text, which may hold a key: a header or an address that can be none.
        return ConfigError(
            f"{what}: an endpoint or key cannot be used as written ({name}). An endpoint looks "
            "like https://host:port; a key has no spaces or line breaks."
        )
    if kinds & {
        "ConnectionError",
        "HTTPClientError",
        "HTTPError",
        "IncompleteReadError",
        "ResponseStreamingError",
        "EventStreamError",
    }:
        return TransientError(
            f"{what}: no whole answer ({name}: {_one_line(error)}). Check the network, the region "
            "and the endpoint."
        )
    return PermanentError(f"{what}: {name}: {_one_line(error)}.")


def _said(error: Exception) -> str:
    response = getattr(error, "response", {})
    return " ".join(str(response.get("Error", {}).get("Message", "")).split()).rstrip(".") or "-"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")
