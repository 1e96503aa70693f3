"""The object store as a run uses it: requests, results, uploaded media.

What the keys are called is decided in `worker/request.py`; here is only the traffic.
"""

import hashlib
import json
import re
import stat
import tempfile
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline_project.adapters.addresses import is_bucket, on_machine, path_of
from pipeline_project.adapters.machine import known_name, machine_name
from pipeline_project.adapters.object_store.base import ObjectStore
from pipeline_project.adapters.waiting import Deadline
from pipeline_project.core.records import MediaRef
from pipeline_project.errors import ConfigError, PipelineError, RemoteFailed, StoreError
from pipeline_project.resources.uploads import upload_files
from pipeline_project.worker.request import (
    WorkerRequest,
    WorkerResult,
    dump_listing,
    listing_key,
    load_listing,
    request_key,
    result_key,
)

_UPLOADS = "input"
_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}")  # what a user named may not become part of a key


class RunStore:
    """One object store and the project's home folder."""

    def __init__(
        self, objects: ObjectStore, home: Path, check: Callable[[], list[str]] | None = None
    ) -> None:
        """Hold the store.

        Args:
            objects: the store.
            home: where the project keeps its state on this machine.
            check: tells what keeps the store from being used; None writes to it and sees.
        """
        self.objects = objects
        self._home = home
        self._check = check or self._write_probe

    def check(self) -> list[str]:
        """Return what would keep a run from writing, found by writing; empty is good."""
        problems = []
        try:
            self._home.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._home) as probe:
                probe.write(b"probe")
        except OSError as error:
            problems.append(f"the home folder {self._home} cannot be written: {error.strerror}")
        try:
            if is_bucket(self.objects.root):  # here, not when the instance was started
                known_name(self._home)
        except ConfigError as error:
            problems.append(str(error))
        return [*problems, *self._check()]

    def _write_probe(self) -> list[str]:
        key = f"checks/{uuid.uuid4()}"
        try:
            self.objects.put(key, b"probe")
            self.objects.delete(key)
        except (PipelineError, OSError) as error:
            return [f"the object store {self.objects.root} cannot be written: {error}"]
        return []

    def write_listing(self, run_id: str, refs: Iterable[MediaRef]) -> None:
        """Write a run's listing; memory does not grow with its length."""
        with tempfile.TemporaryDirectory(prefix="listing-") as folder:
            path = Path(folder) / "listing.jsonl"
            with path.open("wb") as file:
                for ref in refs:
                    file.write(dump_listing([ref]))
            # put_file keeps an object of the same size, which a retried op may have left.
            self.objects.delete(listing_key(run_id))
            self.objects.put_file(listing_key(run_id), path)

    def upload_unreachable(
        self,
        run_id: str,
        *,
        earlier: Callable[[], Iterable[Mapping[str, Any]]],
        keep: Callable[[], None],
        deadline: Deadline,
    ) -> tuple[int, int]:
        """Upload what a worker beside a bucket cannot read: files of this machine.

        The listing is written anew: each file under this machine's address of it, with where its
        bytes are in the store. One that is there already is neither read nor sent. A file that
        cannot be read here gets no place in the store: the worker rejects it like any bad file.

        Args:
            run_id: whose listing.
            earlier: gives rows of `media_sources` of files that were uploaded before.
            keep: called again and again meanwhile; renews the lease.
            deadline: when to give up.

        Returns:
            Files uploaded (or there already), and files that the worker reads where they are.

        Raises:
            PipelineError: the store cannot be written.
            RemoteTimedOut: the deadline passed.
        """
        refs = list(load_listing(self.objects.get(listing_key(run_id))))
        local = [ref for ref in refs if not is_bucket(ref.uri)]
        if not local or not is_bucket(self.objects.root):
            return 0, len(refs)

        machine = machine_name(self._home)
        known = self._uploaded(earlier())

        def upload(ref: MediaRef) -> MediaRef:
            path = path_of(ref.uri)
            found = path.stat()
            if not stat.S_ISREG(found.st_mode):  # reading a pipe would never end
                raise OSError(f"{path} is no file.")
            there = replace(
                ref,
                uri=on_machine(ref.uri, machine),
                size_bytes=found.st_size,
                fingerprint=str(found.st_mtime_ns),
            )
            stored = known.get((there.uri, there.size_bytes, there.fingerprint))
            if stored is None:
                suffix = path.suffix.lower()
                stored, _ = self.add_media(path, suffix if _SUFFIX.fullmatch(suffix) else "")
                now = path.stat()
                if (now.st_size, now.st_mtime_ns) != (found.st_size, found.st_mtime_ns):
                    # Its object may hold other bytes than its name says.
                    raise OSError(f"{path} changed while it was sent.")
            return replace(there, stored_uri=stored)

        moved = upload_files(local, upload, keep=keep, deadline=deadline)
        unread = {ref.uri: replace(ref, uri=on_machine(ref.uri, machine)) for ref in local}
        listed = {**unread, **moved}
        self.write_listing(run_id, (listed.get(ref.uri, ref) for ref in refs))
        return len(moved), len(refs) - len(moved)

    def _uploaded(self, rows: Iterable[Mapping[str, Any]]) -> dict[tuple[str, int, str], str]:
        """Address, size and time -> where the bytes are, of files that the store still holds."""
        found = {
            (row["uri"], row["size_bytes"], row["fingerprint"]): row["stored_uri"] for row in rows
        }
        if not found:
            return found
        root = self.objects.root.rstrip("/")
        held = {f"{root}/{each.key}" for each in self.objects.list(_UPLOADS)}
        return {key: stored for key, stored in found.items() if stored in held}

    def size_below(self, prefix: str) -> int:
        """Add up the bytes of every object below a prefix."""
        return sum(each.size_bytes for each in self.objects.list(prefix))

    def write_request(self, request: WorkerRequest) -> None:
        """Write a run's request; its listing must be there already."""
        self.objects.put(request_key(request.run_id), request.model_dump_json(indent=1).encode())

    def read_request(self, run_id: str) -> WorkerRequest:
        """Read what a run asked for.

        Raises:
            StoreError: there is no such request.
        """
        return WorkerRequest.model_validate_json(self.objects.get(request_key(run_id)))

    def read_result(self, run_id: str) -> WorkerResult:
        """Read what the worker left.

        Raises:
            RemoteFailed: it left nothing, or nothing that can be understood.
        """
        key = result_key(run_id)
        try:
            return WorkerResult.model_validate(json.loads(self.objects.get(key)))
        except (StoreError, ValueError) as error:
            raise RemoteFailed(
                f"reading the result of run {run_id}: the worker ended well, but {key} in "
                f"{self.objects.root} cannot be used: {error}"
            ) from error

    def add_media(self, path: Path, suffix: str) -> tuple[str, str]:
        """Upload a file under its content hash, `input/<sha256><suffix>`.

        Returns:
            Its address and its etag. A file that is there already is not sent again.
        """
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        stored = self.objects.put_file(f"{_UPLOADS}/{sha256}{suffix}", path)
        return f"{self.objects.root.rstrip('/')}/{stored.key}", stored.etag
