"""Brings one file back as it was at a revision: a pick, a selection's document, a source, a frame.

A pick and a document come from the store. A source comes from our own copy where we made one, else
from where it was found, if its bytes are still the same; a frame is decoded from its source.
"""

import hashlib
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from pipeline_project.adapters.addresses import shown
from pipeline_project.adapters.lake.base import Commit, Lake
from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.adapters.media.reader import LocalMediaReader
from pipeline_project.adapters.object_store.base import ObjectStore
from pipeline_project.core.hashing import pixels_sha256
from pipeline_project.core.records import MediaRef
from pipeline_project.errors import ConfigError, LakeError, MediaError
from pipeline_project.worker.identify import Fetch, ref_of
from pipeline_project.worker.request import output_prefix
from pipeline_project.worker.writing import encode_jpeg

_JPEG_QUALITY = 95

_Found = tuple[bytes, str, str, str]  # bytes, file name, kind, origin

OpenFetch = Callable[[list[MediaRef]], AbstractContextManager[Fetch]]


@dataclass(frozen=True, slots=True)
class CheckedOut:
    """Where a file was written, and what it is: pick, document, source or frame."""

    path: Path
    kind: str
    origin: str


@dataclass(frozen=True, slots=True)
class Checkout:
    """Finds files of one revision.

    Args:
        lake: holds the rows.
        store: holds picks, documents and copies of sources.
        open_fetch: gives the bytes of listed files.
        commit: the revision.
    """

    lake: Lake
    store: ObjectStore
    open_fetch: OpenFetch
    commit: Commit

    def write(self, name: str, target: Path | None, addresses: Collection[str] = ()) -> CheckedOut:
        """Write a file; nothing that exists is written over.

        Args:
            name: of a pick's file, `<selection id>/<file>`, a source's name, address or hash, or
                a frame id.
            target: None is the file's own name in the current folder.
            addresses: of the file that the name is a path of.

        Raises:
            LakeError: the revision knows no such file, or its bytes are not kept anywhere.
            ConfigError: several files are meant, or the target exists.
        """
        name = shown(name)  # no row holds other bytes than text
        finds: tuple[Callable[[str], _Found | None], ...] = (
            self._output,
            self._frame,
            lambda own: self._source(own, addresses),
        )
        for find in finds:
            if (found := find(name)) is not None:
                data, own_name, kind, origin = found
                path = (target or Path(own_name)).absolute()
                _write_new(path, data)
                return CheckedOut(path, kind, origin)
        raise LakeError(
            f"Checking out {name} at {self.commit.commit_id}: no file of a selection, no source "
            "and no frame of this revision is called so. `pipeline show` with --table selections "
            "or media_sources lists them."
        )

    def _output(self, name: str) -> _Found | None:
        """A pick, or a document that stands beside the picks."""
        selection, _, file = name.rpartition("/")
        selection, file = selection.removesuffix("/frames"), file or name
        picks = self._rows("selections", "file_name", file)
        picks = [row for row in picks if selection in ("", row["selection_id"])]
        if len(picks) > 1:
            ids = ", ".join(sorted(row["selection_id"] for row in picks))
            raise ConfigError(
                f"Checking out {name}: several selections have it. Write it as "
                f"SELECTION/{file}, with one of {ids}."
            )
        if picks:
            key = f"{output_prefix(picks[0]['selection_id'])}/frames/{file}"
            return self._stored(key, name), file, "pick", key
        if selection and self._rows("selection_sets", "selection_id", selection):
            key = f"{output_prefix(selection)}/{file}"
            if self.store.exists(key):
                return self.store.get(key), file, "document", key
        return None

    def _frame(self, name: str) -> _Found | None:
        frames = self._rows("frames", "frame_id", name)
        if not frames:
            return None
        [frame] = frames

        def decode(path: Path) -> bytes:
            with LocalMediaReader(threads=2).open(path) as media:
                pixels = media.frame_at(frame["pts"]).pixels
            if pixels_sha256(pixels) != frame["pixels_sha256"]:
                raise LakeError(
                    f"Checking out frame {name}: its source decodes to other pixels than it did. "
                    "Install the versions of that day; `pipeline show` names the code's."
                )
            return encode_jpeg(pixels, _JPEG_QUALITY)

        data, ref = self._from_source(frame["media_sha256"], decode)
        return data, f"{PurePosixPath(ref.name).stem}_{frame['pts']}.jpg", "frame", ref.uri

    def _source(self, name: str, addresses: Collection[str]) -> _Found | None:
        rows = self._rows("media_sources", "sha256", name)
        rows = rows or self._rows("media_sources", "uri", name, *addresses)
        rows = rows or self._rows("media_sources", "name", name)
        if not rows:
            return None
        newest = {row["uri"]: row["sha256"] for row in sorted(rows, key=lambda r: r["seen_at"])}
        if len(set(newest.values())) > 1:
            addresses = ", ".join(sorted(newest)[:5])
            raise ConfigError(
                f"Checking out {name}: several sources are called so. Name one by its address: "
                f"{addresses}."
            )
        [sha256] = set(newest.values())
        data, ref = self._from_source(sha256, Path.read_bytes)
        return data, PurePosixPath(ref.name).name, "source", ref.uri

    def _from_source(self, sha256: str, use: Callable[[Path], bytes]) -> tuple[bytes, MediaRef]:
        """Use a source's bytes, from any place that still has the very same."""
        rows = self._rows("media_sources", "sha256", sha256)
        rows.sort(
            key=lambda row: (not ref_of(row).read_uri.startswith(self.store.root), row["seen_at"])
        )
        seen = "it was never met under an address"
        for row in rows:
            ref = ref_of(row)
            try:
                with self.open_fetch([ref]) as fetch, fetch(ref.read_uri) as path:
                    with path.open("rb") as file:
                        found = hashlib.file_digest(file, "sha256").hexdigest()
                    if found == sha256:
                        return use(path), ref
                    seen = f"{ref.read_uri} holds other bytes now ({found[:12]})"
            except MediaError as error:
                seen = str(error)
        raise LakeError(
            f"Checking out the source {sha256[:12]} of {self.commit.commit_id}: {seen} Sources "
            "that can be read in place are not copied: bring the file back, then run this again."
        )

    def _rows(self, table: str, column: str, *values: str) -> list[dict[str, Any]]:
        rows = self.lake.read(TABLES[table], where=(column, values), rev=self.commit.commit_id)
        return list(rows.to_pylist())

    def _stored(self, key: str, name: str) -> bytes:
        if not self.store.exists(key):
            raise LakeError(
                f"Checking out {name}: {key} is not in the store {self.store.root}. A run with "
                "the same files and settings writes it again."
            )
        return self.store.get(key)


def _write_new(path: Path, data: bytes) -> None:
    try:
        with path.open("xb") as file:
            file.write(data)
    except FileExistsError as error:
        raise ConfigError(
            f"Writing {path}: it exists already. Name another file with --out."
        ) from error
    except OSError as error:
        raise LakeError(f"Writing {path}: {error.strerror}. Name another with --out.") from error
