"""Reads the messages that S3 writes to a queue when objects come and go.

Message structure: docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
"""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from pipeline_project.errors import PermanentError


@dataclass(frozen=True, slots=True)
class ObjectEvent:
    """One object that came, changed or went.

    Attributes:
        bucket: its bucket.
        key: its key, decoded.
        size_bytes: of the object; 0 when it went.
        etag: of the object; empty when it went.
        sequencer: orders the events of one key; empty where the server gives none.
        gone: whether it was removed.
    """

    bucket: str
    key: str
    size_bytes: int
    etag: str
    sequencer: str
    gone: bool


def read_message(body: str) -> list[ObjectEvent]:
    """Read one message; S3's own test message has no events.

    Raises:
        PermanentError: it is none of S3's; says what it looks like.
    """
    try:
        content = json.loads(body)
    except ValueError as error:
        raise PermanentError(f"it is not JSON ({error})") from error
    if not isinstance(content, dict):
        raise PermanentError(f"it is a {type(content).__name__}, not an object")
    if content.get("Event") == "s3:TestEvent":
        return []
    records = content.get("Records")
    if not isinstance(records, list):
        raise PermanentError(f"it has no Records; its fields: {sorted(content)[:8]}")
    try:
        events = [_event(each) for each in records]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PermanentError(f"a record of it lacks what S3 writes ({error!r})") from error
    return [each for each in events if each is not None]


def _event(record: dict[str, Any]) -> ObjectEvent | None:
    name = str(record["eventName"]).removeprefix("s3:")
    gone = name.startswith(("ObjectRemoved:", "LifecycleExpiration:"))
    if not gone and not name.startswith("ObjectCreated:"):
        return None  # a tag, a restore, a replication: no bytes changed
    of = record["s3"]["object"]
    return ObjectEvent(
        bucket=str(record["s3"]["bucket"]["name"]),
        key=unquote_plus(str(of["key"])),
        size_bytes=0 if gone else int(of.get("size", 0)),
        etag="" if gone else str(of.get("eTag", "")),
        sequencer=str(of.get("sequencer", "")),
        gone=gone,
    )
