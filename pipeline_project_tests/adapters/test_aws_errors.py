import pytest
from botocore import exceptions as boto
from botocore.exceptions import ClientError

from pipeline_project.adapters.aws_errors import aws_errors, explain, patiently
from pipeline_project.errors import ConfigError, PermanentError, TransientError


def answer(code: str, status: int = 400, message: str = "as AWS\nsays it.") -> ClientError:
    return ClientError(
        {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {"HTTPStatusCode": status},
        },
        "Operation",
    )


class Clock:
    """Time that passes by sleeping alone."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize(
    "error, kind, words",
    [
        (answer("InvalidAccessKeyId", 403), ConfigError, "does not accept the key"),
        (answer("ExpiredToken"), ConfigError, "have expired"),
        (answer("RequestTimeTooSkewed", 403), ConfigError, "clock"),
        (answer("AccessDenied", 403), ConfigError, "access denied"),
        (answer("UnauthorizedOperation", 403), ConfigError, "access denied"),
        (answer("NoSuchBucket", 404), ConfigError, "no such bucket"),
        (answer("PermanentRedirect", 301), ConfigError, "another region"),
        (answer("SlowDown", 503), TransientError, "busy"),
        (answer("RequestLimitExceeded", 400), TransientError, "busy"),
        (answer("Unheard", 500), TransientError, "busy"),
        (answer("InvalidParameterValue"), PermanentError, "as AWS says it"),
        (boto.NoCredentialsError(), ConfigError, "AWS_PROFILE"),
        (boto.ProfileNotFound(profile="p"), ConfigError, "~/.aws/config"),
        (boto.NoRegionError(), ConfigError, "AWS_REGION"),
        (boto.EndpointConnectionError(endpoint_url="http://x"), TransientError, "network"),
        (boto.ReadTimeoutError(endpoint_url="http://x"), TransientError, "network"),
        (boto.IncompleteReadError(actual_bytes=1, expected_bytes=2), TransientError, "network"),
        (boto.ParamValidationError(report="Bucket"), ConfigError, "Bucket"),
    ],
)
def test_an_error_becomes_one_line_of_the_right_kind(error, kind, words):
    told = explain(error, "doing it")
    assert type(told) is kind
    assert str(told).startswith("doing it: ") and words in str(told)
    assert "\n" not in str(told)


def test_other_errors_and_our_own_pass_unchanged():
    for error in (KeyError("k"), ConfigError("ours"), OSError("disk")):
        with pytest.raises(type(error)) as caught, aws_errors("doing it"):
            raise error
        assert caught.value is error


def test_an_outage_is_waited_out():
    clock, calls = Clock(), []

    def call() -> str:
        calls.append(clock.now)
        if clock.now < 50:
            raise TransientError("away.")
        return "done"

    assert patiently(call, what="it", patience_s=60, clock=clock, sleep=clock.sleep) == "done"
    assert len(calls) > 10


def test_waiting_is_told_once_with_what_was_seen(caplog):
    clock, left = Clock(), [TransientError("away."), TransientError("still away."), None]

    def call() -> None:
        error = left.pop(0)
        if error is not None:
            raise error

    patiently(call, what="it", patience_s=60, clock=clock, sleep=clock.sleep)
    assert caplog.messages == ["away. It is tried again for up to 60 s."]


def test_patience_ends_with_the_last_error():
    clock = Clock()

    def call() -> None:
        raise TransientError(f"away at {clock.now:.0f} s.")

    with pytest.raises(TransientError, match="away at 60 s. It was tried for 60 s."):
        patiently(call, what="it", patience_s=60, clock=clock, sleep=clock.sleep)


def test_what_will_not_mend_is_not_tried_again():
    calls: list[int] = []

    def call() -> None:
        calls.append(1)
        raise ConfigError("wrong")

    with pytest.raises(ConfigError):
        patiently(call, what="it", patience_s=60)
    assert calls == [1]
