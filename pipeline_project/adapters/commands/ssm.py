"""Commands on an EC2 instance through SSM Run Command, with a document of our own.

The document (`ec2/ssm_document.json`) runs a program in a process group of its own. The program's
words travel as base64 in a parameter with a pattern; nothing given here becomes shell text.

Every command has a key that the document never runs twice, so that a request sent twice (boto3
tries again when an answer is lost) does the work once. The key and the label stand in the
command's comment, by which any process finds it.

The program's stdin is a pipe that the document's script holds: when the agent kills the script,
stdin ends, and a worker started with `--end-with-stdin` ends itself. Cancelling besides runs the
document's `end` action, which asks the whole group to end and kills it after the grace, because
CancelCommand gives no guarantee that the processes are gone.
"""

import base64
import math
import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from pipeline_project.adapters.aws_errors import aws_errors, error_code, patiently
from pipeline_project.adapters.commands.base import END_STATES, CommandState, CommandStatus
from pipeline_project.adapters.object_store.base import ObjectStore
from pipeline_project.adapters.waiting import Deadline, wait_until
from pipeline_project.errors import ConfigError, PermanentError, PipelineError, StoreError

PARAMETERS = ("Action", "Key", "Words", "LimitSeconds", "GraceSeconds", "ExecutionTimeout")
OUTPUT_PREFIX = "commands-output"
TAIL_CHARS = 8_000
MAX_WORDS_CHARS = 32_000
ENDED_BY_LIMIT, ENDED_ON_REQUEST = 124, 143  # the document's exit codes
_API_CHARS = {"stdout": 24_000, "stderr": 8_000}  # the API cuts longer output
_MAX_EXECUTION_S = 172_800  # 48 hours, the most that SSM takes
_MIN_DELIVERY_S, _MAX_DELIVERY_S = 30, 2_592_000
_SLACK_S = 30  # the script's own limit acts before the agent's
_SECRET = re.compile("key|token|secret|password|credential", re.IGNORECASE)
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_COMMENT = re.compile(r"(?P<action>run|end) (?P<key>[0-9a-z-]+) ?(?P<label>.*)")
_UNFINISHED = ("Pending", "Delayed", "InProgress", "Cancelling")
_STATES: dict[str, CommandState] = {
    "Pending": "pending",
    "Delayed": "pending",
    "InProgress": "running",
    "Cancelling": "running",
    "Success": "succeeded",
    "Cancelled": "cancelled",
    "TimedOut": "timed_out",
    "Failed": "failed",
}
Answer = TypeVar("Answer")


class SsmCommands:
    """Runs programs on one managed instance."""

    def __init__(
        self,
        ssm: Any,
        instance_id: str,
        document: str,
        *,
        output: ObjectStore | None = None,
        grace_s: int = 20,
        delivery_s: int = 600,
        patience_s: float = 120.0,
        interval_s: float = 2.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Hold the way to the instance; nothing is asked yet.

        Args:
            ssm: boto3's client.
            instance_id: where commands run.
            document: name of the SSM document.
            output: a store in a bucket; takes the whole output, of which the API returns only the
                first 24,000 and 8,000 characters. None keeps what the API returns.
            grace_s: seconds between asking a program to end and killing it.
            delivery_s: a command that the agent has not taken up by then is given up.
            patience_s: how long throttling and outages are waited out in one call.
            interval_s: seconds between polls while cancelling.
            sleep: waits.
        """
        self._ssm = ssm
        self._instance_id = instance_id
        self._document = document
        self._output = output
        self._grace_s = grace_s
        self._delivery_s = min(max(delivery_s, _MIN_DELIVERY_S), _MAX_DELIVERY_S)
        self._patience_s = patience_s
        self._interval_s = interval_s
        self._sleep = sleep

    def check(self) -> list[str]:
        """Return what would keep commands from being sent, one line each; empty is good."""
        what = f"looking for the SSM document {self._document}"
        try:
            answer = self._call(what, lambda: self._ssm.describe_document(Name=self._document))
        except PipelineError as error:
            if error_code(error.__cause__ or error) != "InvalidDocument":
                return [str(error)]
            return [
                f"{what}: there is none of this name in this region and account. Make it from "
                "ec2/ssm_document.json (the stack in ec2/ does), or set aws.document."
            ]
        known = {each["Name"] for each in answer["Document"].get("Parameters", [])}
        missing = [name for name in PARAMETERS if name not in known]
        if missing:
            return [
                f"{what}: it lacks the parameters {', '.join(missing)}, so it is another document "
                "or an older one. Update it from ec2/ssm_document.json."
            ]
        return []

    def send(
        self, argv: Sequence[str], *, env: Mapping[str, str], timeout_s: float, label: str
    ) -> str:
        """Start a command and return its id without waiting; see `Commands.send`.

        Whether the program exists is seen only there: a missing one fails with exit code 127.

        Raises:
            ConfigError: the words cannot be sent, or a variable looks like a secret.
        """
        key = f"{datetime.now(UTC):%Y%m%dt%H%M%S}-{secrets.token_hex(8)}"
        limit_s = min(timeout_s, float(_MAX_EXECUTION_S - self._grace_s - _SLACK_S))
        return self._send(
            "run",
            key,
            label,
            {
                "Words": _words(argv, env),
                "LimitSeconds": f"{max(limit_s, 0.001):.3f}",
                "ExecutionTimeout": str(math.ceil(limit_s) + self._grace_s + _SLACK_S),
            },
        )

    def poll(self, command_id: str) -> CommandStatus:
        """Tell where a command stands; see `Commands.poll`."""
        return self._status(command_id, self._invocation(command_id))

    def cancel(self, command_id: str) -> None:
        """End a command and every process it started; see `Commands.cancel`."""
        seen = self._invocation(command_id)
        status = self._status(command_id, seen, tails=False)
        if status.ended and status.state not in ("cancelled", "timed_out"):
            return  # the script saw to it that nothing outlived the program
        key = _comment(seen)["key"]
        for each in self._listed():
            if _comment(each)["key"] == key and each["Status"] in _UNFINISHED:
                self._cancel_at_ssm(each["CommandId"])
        self._end_on_instance(key)
        if not status.ended:
            self._wait_for_end(command_id, f"cancelling command {command_id}")

    def running(self) -> list[tuple[str, str]]:
        """List (command id, label) of what runs now; see `Commands.running`."""
        return [
            (each["CommandId"], _comment(each)["label"])
            for each in self._listed()
            if each["Status"] in _UNFINISHED and _comment(each)["action"] == "run"
        ]

    def _send(self, action: str, key: str, label: str, more: Mapping[str, str]) -> str:
        request: dict[str, Any] = {
            "DocumentName": self._document,
            "InstanceIds": [self._instance_id],
            "TimeoutSeconds": self._delivery_s,
            "Comment": f"{action} {key} {label}"[:100].strip(),
            "Parameters": {
                "Action": [action],
                "Key": [key],
                "GraceSeconds": [str(self._grace_s)],
                **{name: [value] for name, value in more.items()},
            },
        }
        if self._output is not None:
            bucket, _, prefix = self._output.root.removeprefix("s3://").partition("/")
            request["OutputS3BucketName"] = bucket
            request["OutputS3KeyPrefix"] = f"{prefix}/{OUTPUT_PREFIX}".strip("/")
        answer = self._call(
            f"sending a command to instance {self._instance_id}",
            lambda: self._ssm.send_command(**request),
        )
        command_id: str = answer["Command"]["CommandId"]
        return command_id

    def _invocation(self, command_id: str) -> dict[str, Any]:
        """Ask for a command's one invocation; a command sent just now may not have it yet."""
        if not _ID.fullmatch(command_id):
            raise _unknown(command_id, self._instance_id)
        try:
            return self._call(
                f"asking for command {command_id}",
                lambda: self._ssm.get_command_invocation(
                    CommandId=command_id, InstanceId=self._instance_id
                ),
            )
        except PipelineError as error:
            code = error_code(error.__cause__ or error)
            if code not in ("InvocationDoesNotExist", "InvalidCommandId"):
                raise
        try:
            answer = self._call(
                f"asking for command {command_id}",
                lambda: self._ssm.list_commands(CommandId=command_id),
            )
        except PipelineError as error:
            if error_code(error.__cause__ or error) != "InvalidCommandId":
                raise
            raise _unknown(command_id, self._instance_id) from error
        if not answer["Commands"]:
            raise _unknown(command_id, self._instance_id)
        command: dict[str, Any] = answer["Commands"][0]
        return {**command, "Status": "Pending", "StatusDetails": "Pending"}

    def _status(
        self, command_id: str, seen: Mapping[str, Any], *, tails: bool = True
    ) -> CommandStatus:
        state = _STATES.get(seen["Status"], "failed")
        code = seen.get("ResponseCode", -1)
        if state == "failed" and code == ENDED_BY_LIMIT:
            state = "timed_out"
        if state == "failed" and code == ENDED_ON_REQUEST:
            state = "cancelled"
        stdout = stderr = ""
        if tails and state in END_STATES:
            stdout = self._tail(command_id, "stdout", seen.get("StandardOutputContent", ""))
            stderr = self._tail(command_id, "stderr", seen.get("StandardErrorContent", ""))
        return CommandStatus(
            state=state,
            exit_code=code if state in END_STATES and code >= 0 else None,
            stdout_tail=stdout,
            stderr_tail=stderr,
            detail=seen.get("StatusDetails", ""),
        )

    def _tail(self, command_id: str, name: str, said: str) -> str:
        """Give the last part of an output: from the store where the API has cut it."""
        if len(said) >= _API_CHARS[name] and self._output is not None:
            for stored in self._output.list(f"{OUTPUT_PREFIX}/{command_id}"):
                if stored.key.endswith(f"/{name}"):
                    try:
                        said = self._output.get(stored.key).decode("utf-8", "replace")
                    except StoreError:
                        break  # the cut one is better than an error in place of the program's own
        return said[-TAIL_CHARS:]

    def _listed(self) -> list[dict[str, Any]]:
        """List our commands on the instance that may still run, newest first."""
        after = datetime.now(UTC) - timedelta(seconds=_MAX_EXECUTION_S)
        request: dict[str, Any] = {
            "InstanceId": self._instance_id,
            "Filters": [
                {"key": "InvokedAfter", "value": f"{after:%Y-%m-%dT%H:%M:%SZ}"},
                {"key": "DocumentName", "value": self._document},
            ],
        }
        found: list[dict[str, Any]] = []
        while True:
            what = f"listing the commands on instance {self._instance_id}"
            page = self._call(what, lambda: self._ssm.list_commands(**request))
            found += page["Commands"]
            if not page.get("NextToken"):
                return [each for each in found if _comment(each)["key"]]
            request["NextToken"] = page["NextToken"]

    def _cancel_at_ssm(self, command_id: str) -> None:
        self._call(
            f"cancelling command {command_id}",
            lambda: self._ssm.cancel_command(CommandId=command_id, InstanceIds=[self._instance_id]),
        )

    def _end_on_instance(self, key: str) -> None:
        """Make sure on the instance itself that the program is gone."""
        more = {"ExecutionTimeout": str(self._grace_s + _SLACK_S)}
        try:
            ending = self._send("end", key, "", more)
        except PipelineError as error:
            if error_code(error.__cause__ or error) == "InvalidInstanceId":
                return  # not running, or not managed any more: nothing can be reached there
            raise
        self._wait_for_end(ending, f"ending the processes of command {key}")

    def _wait_for_end(self, command_id: str, what: str) -> None:
        wait_until(
            lambda: self._status(command_id, self._invocation(command_id), tails=False),
            success=lambda status: status.ended,
            failure=lambda _: False,
            deadline=Deadline(self._grace_s + 2 * _SLACK_S),
            interval_s=self._interval_s,
            what=what,
            sleep=self._sleep,
        )

    def _call(self, what: str, call: Callable[[], Answer]) -> Answer:
        """Call AWS, waiting out throttling and outages; every call here is safe to repeat."""

        def once() -> Answer:
            with aws_errors(what):
                return call()

        return patiently(once, what=what, patience_s=self._patience_s, sleep=self._sleep)


def _words(argv: Sequence[str], env: Mapping[str, str]) -> str:
    """Write variables and arguments as the document's `Words`."""
    for name in env:
        # The name of a parameter is where a secret lies, not the secret.
        if _SECRET.search(name) and not name.endswith("_PARAMETER"):
            raise ConfigError(
                f"sending a command with the variable {name}: it looks like a secret, and SSM "
                "keeps what is sent in its history. Put it into the SSM Parameter Store and let "
                "the program on the instance read it there."
            )
    if not argv or "=" in argv[0]:
        raise ConfigError(f"sending the command {list(argv)!r}: the program's name is no name")
    words = [*(f"{name}={value}" for name, value in env.items()), *argv]
    if any("\0" in word for word in words):
        raise ConfigError("sending a command: no word of it may hold a NUL character")
    data = b"".join(word.encode("utf-8", "surrogateescape") + b"\0" for word in words)
    text = base64.b64encode(data).decode("ascii")
    if len(text) > MAX_WORDS_CHARS:
        raise ConfigError(
            f"sending a command of {len(data)} bytes: at most {MAX_WORDS_CHARS * 3 // 4} go into "
            "the document's parameter. Put long input into the bucket and send its key."
        )
    return text


def _comment(seen: Mapping[str, Any]) -> dict[str, str]:
    """Take our own fields out of a command's comment; empty ones for a stranger's."""
    match = _COMMENT.fullmatch(seen.get("Comment") or "")
    return match.groupdict() if match else {"action": "", "key": "", "label": ""}


def _unknown(command_id: str, instance_id: str) -> PermanentError:
    return PermanentError(
        f"no command {command_id!r} is known for instance {instance_id}: it was never sent there, "
        "or so long ago that AWS has forgotten it"
    )
