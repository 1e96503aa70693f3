"""Requests that go wrong: throttled, refused, or signed with expired credentials."""

import io
import json
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

Answer = Callable[..., Any]

# service -> (throttled, refused, expired): HTTP status and error code
_CODES = {
    "ec2": ((503, "RequestLimitExceeded"), (403, "UnauthorizedOperation"), (400, "RequestExpired")),
    "s3": ((503, "SlowDown"), (403, "AccessDenied"), (400, "ExpiredToken")),
}
_JSON_CODES = (
    (400, "ThrottlingException"),
    (400, "AccessDeniedException"),
    (400, "ExpiredTokenException"),
)


@dataclass
class Faults:
    """What goes wrong from now on; change the fields at any moment.

    Attributes:
        throttle: share of calls that are answered with a throttling error.
        refuse: `service:Action` that nobody may call, `ec2:StopInstances` say.
        expired: every call is answered as if the credentials had run out.
        calls: every call that arrived, in order.
        trouble: every answer of 500 and above, and what broke in making one.
    """

    throttle: float = 0.0
    refuse: set[str] = field(default_factory=set)
    expired: bool = False
    calls: list[str] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)
    dice: random.Random = field(default_factory=lambda: random.Random(1))

    def wrap(self, app: Answer) -> Answer:
        def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            service, action = _call(environ)
            if not service:
                return app(environ, start_response)  # type: ignore[no-any-return]
            self.calls.append(f"{service}:{action}")
            what = f"{service}:{action} {environ.get('PATH_INFO', '')}"

            def noted(status: Any, *more: Any) -> Any:
                if str(status) >= "5":
                    self.trouble.append(f"{what} with {status}")
                return start_response(status, *more)

            def served() -> Any:
                try:
                    return app(environ, noted)
                except Exception as error:
                    self.trouble.append(f"{what} by breaking: {error!r}")
                    raise

            codes = _CODES.get(service, _JSON_CODES)
            if self.expired:
                return _refusal(service, codes[2], "The security token has expired", start_response)
            if f"{service}:{action}" in self.refuse:
                words = f"You are not authorized to perform: {service}:{action}"
                return _refusal(service, codes[1], words, start_response)
            if self.dice.random() < self.throttle:
                return _refusal(service, codes[0], "Rate exceeded", start_response)
            return served()  # type: ignore[no-any-return]

        return answer


def _call(environ: dict[str, Any]) -> tuple[str, str]:
    """Name the service and action of a signed request; both empty for any other."""
    scope = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].split("/")
    if len(scope) < 4:
        return "", ""
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if target:
        return scope[3], target.rpartition(".")[2]
    if scope[3] == "s3":
        return "s3", environ["REQUEST_METHOD"]
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return scope[3], parse_qs(body.decode("utf-8", "replace")).get("Action", [""])[0]


def _refusal(
    service: str, code: tuple[int, str], words: str, start_response: Any
) -> Iterable[bytes]:
    status, name = code
    kind = "text/xml"
    if service == "s3":
        body = f"<Error><Code>{name}</Code><Message>{words}</Message></Error>"
    elif service in ("ssm", "sqs"):
        kind = "application/x-amz-json-1.1"
        body = json.dumps({"__type": name, "message": words})
    elif service == "ec2":
        body = (
            f"<Response><Errors><Error><Code>{name}</Code><Message>{words}</Message></Error>"
            "</Errors><RequestID>bed</RequestID></Response>"
        )
    else:
        body = (
            f"<ErrorResponse><Error><Code>{name}</Code><Message>{words}</Message></Error>"
            "<RequestId>bed</RequestId></ErrorResponse>"
        )
    data = body.encode()
    headers = [("Content-Type", kind), ("Content-Length", str(len(data)))]
    start_response(f"{status} refused", headers)
    return [data]
