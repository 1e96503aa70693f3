"""Addresses of files as URIs, and back."""

import os
import re
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes, urlsplit

from pipeline_project.errors import ConfigError

BUCKETS = "s3://"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_BYTE = re.compile("[\udc80-\udcff]")  # how a byte that is not UTF-8 stands in a path's text


def path_of(uri: str) -> Path:
    """Turn a `file:///` address back into the path it was made from, odd bytes included.

    Raises:
        ConfigError: it is no `file:` address, or one of a file on another machine.
    """
    if not is_here(uri):
        raise ConfigError(f"{shown(uri)} is no file on this machine (expected file:///...).")
    return path_there(uri)


def path_there(uri: str) -> Path:
    """The path in a `file:` address, whichever machine it is on."""
    return Path(os.fsdecode(unquote_to_bytes(urlsplit(uri).path)))


def is_here(uri: str) -> bool:
    """Tell whether this is the address of a file on this machine, `file:///...`."""
    return uri.startswith("file:///")


def on_machine(uri: str, machine: str) -> str:
    """Give the address by which other machines know a file of this one, `file://machine/...`.

    Other addresses stay as they are. Source: RFC 8089, section 2.
    """
    return f"file://{machine}{uri.removeprefix('file://')}" if is_here(uri) else uri


def is_text(written: str) -> bool:
    """Tell whether this is text that can be written as UTF-8; a path may hold other bytes."""
    try:
        written.encode()
    except UnicodeEncodeError:
        return False
    return True


def as_text(place: str) -> str:
    """Write a path so that JSON, YAML and a page can hold it; `place_of` reads it back.

    What is text stays as it is. A path with other bytes becomes its `file:///` address, absolute,
    with those bytes percent-encoded.
    """
    if is_text(place):
        return place
    if place.startswith("file://"):
        return quote(os.fsencode(place), safe="".join(map(chr, range(128))))
    return Path(place).expanduser().absolute().as_uri()


def place_of(written: str) -> Path:
    """Give the path that was written as such or as a `file:///` address; `~` is the user's home."""
    return (
        path_of(as_text(written)) if written.startswith("file://") else Path(written).expanduser()
    )


def is_bucket(written: str) -> bool:
    """Tell whether this is the address of a bucket or of something in it, `s3://...`."""
    return written.lower().startswith(BUCKETS)


def bucket_and_key(address: str) -> tuple[str, str]:
    """Split `s3://bucket/key`; the key is taken as it stands, nothing in it is encoded.

    Raises:
        ConfigError: it is no such address, or the bucket's name cannot be one.
    """
    bucket, _, key = address[len(BUCKETS) :].partition("/")
    if not is_bucket(address) or not _BUCKET.fullmatch(bucket):
        raise ConfigError(
            f"{shown(address)} is no address in a bucket: write s3://bucket/prefix, where the "
            "bucket's name has 3 to 63 lower-case letters, digits, dots and hyphens."
        )
    return bucket, key


def shown(written: str) -> str:
    """Give a path or message as text for people: other bytes than UTF-8 show as hexadecimal."""
    escaped = _BYTE.sub(lambda odd: f"\\x{ord(odd[0]) - 0xDC00:02x}", written)
    return escaped.encode("utf-8", "backslashreplace").decode()
