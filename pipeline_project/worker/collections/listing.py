"""What a source holds now: its files, each hashed once and known by size and time from then on."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pipeline_project.adapters.addresses import is_bucket
from pipeline_project.adapters.sources import open_source
from pipeline_project.core.collections.definition import Source
from pipeline_project.core.config import SourceAccessConfig
from pipeline_project.core.records import MediaRef
from pipeline_project.errors import ConfigError, MediaUnreadable
from pipeline_project.worker.collections.held import Bytes, Held, sha256_of
from pipeline_project.worker.collections.state import Member

_READERS = 8  # files hashed at once: hashing is outside Python's lock, buckets answer slowly
_EVERY_FILE = ("*",)  # unlike a media source's own choice, by suffix


def list_source(
    source: Source,
    folder: Path,
    known: Mapping[str, Member],
    reader: Bytes,
    access: SourceAccessConfig | None = None,
) -> dict[str, tuple[Held, Member]]:
    """List a source's files by their path; only those are read whose size or time is new.

    A file that cannot be read is there all the same: the datums that need it fail and say why.

    Args:
        source: a folder or bucket.
        folder: of the YAML file, from which relative paths count.
        known: members at the last commit, by path.
        reader: gets at the bytes.
        access: who reads a bucket.

    Raises:
        ConfigError: there is no such source; says file and line.
    """
    place = source.source
    if not is_bucket(place) and not place.startswith("file://"):
        place = str(folder / Path(place).expanduser())
    try:
        refs = list(open_source(place, _EVERY_FILE, access).list())
    except ConfigError as error:
        raise ConfigError(f"{source.where}: collection {source.name}: {error}") from error
    found: dict[str, tuple[Held, Member]] = {}
    unread: list[MediaRef] = []
    for ref in refs:
        before = known.get(f"/{ref.name}")
        if before is not None and (before.uri, before.fingerprint) == (ref.uri, _fingerprint(ref)):
            found[before.member] = (_held(ref, before.sha256), before)
        else:
            unread.append(ref)
    with ThreadPoolExecutor(_READERS) as readers:
        for ref, sha256 in zip(
            unread, readers.map(lambda ref: _hash(ref, reader), unread), strict=True
        ):
            if sha256 is None:
                continue  # gone since it was listed
            readable = not sha256.startswith(_UNREADABLE)
            member = Member(
                member=f"/{ref.name}",
                datum_key="",
                state="done" if readable else "failed",
                uri=ref.uri,
                sha256=sha256,
                # Without it the file is tried again next time, whatever its time says.
                fingerprint=_fingerprint(ref) if readable else "",
            )
            found[member.member] = (_held(ref, sha256), member)
    return found


_UNREADABLE = "unreadable"


def _hash(ref: MediaRef, reader: Bytes) -> str | None:
    try:
        with reader.found(ref.uri) as path:
            return sha256_of(path)
    except (FileNotFoundError, MediaUnreadable) as error:
        gone = isinstance(error, FileNotFoundError) or "No such file" in str(error)
        return None if gone else f"{_UNREADABLE} {_fingerprint(ref)}"
    except OSError:
        return f"{_UNREADABLE} {_fingerprint(ref)}"


def _fingerprint(ref: MediaRef) -> str:
    return f"{ref.size_bytes} {ref.fingerprint}"


def _held(ref: MediaRef, sha256: str) -> Held:
    return Held(f"/{ref.name}", sha256, ref.size_bytes, uri=ref.uri)
