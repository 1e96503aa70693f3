"""A home, a folder of media, and the real worker between them."""

import contextlib
import dataclasses
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline_project.adapters.lake.lance import LanceLake
from pipeline_project.adapters.lake.schemas import TABLES, Table
from pipeline_project.adapters.object_store.local import LocalObjectStore
from pipeline_project.adapters.sources.folder import FolderSource, fetch_file
from pipeline_project.core.config import CurationConfig
from pipeline_project.core.records import MediaRef
from pipeline_project.report.publish import Published, publish
from pipeline_project.worker.__main__ import local_parts
from pipeline_project.worker.homes import open_home
from pipeline_project.worker.parts import Parts
from pipeline_project.worker.request import (
    WorkerRequest,
    WorkerResult,
    dump_listing,
    listing_key,
    rejects_key,
    request_key,
    result_key,
)
from pipeline_project.worker.run import run


class Notes:
    """Keeps what the worker says."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def update(
        self, stage: str, done: int, total: int | None, unit: str, message: str = ""
    ) -> None:
        """Progress is not kept."""

    def info(self, message: str) -> None:
        self.said.append(message)

    warning = info


@dataclasses.dataclass
class Outcome:
    """What one run came to, and which addresses it read."""

    result: WorkerResult
    rejects: list[dict[str, Any]]
    read: list[str]
    said: list[str]

    @property
    def counts(self) -> dict[str, float]:
        return self.result.counts

    def stage(self, name: str) -> tuple[int, int, int]:
        """Done, skipped and failed of one stage."""
        facts = next(each for each in self.result.stages if each.name == name)
        return facts.done, facts.skipped, facts.failed

    def rejected(self) -> dict[str, str]:
        """Name of each rejected or damaged file -> class of its error."""
        return {row["name"]: row["error_class"] for row in self.rejects}


class House:
    """Everything below one folder."""

    def __init__(self, folder: Path) -> None:
        self.media = folder / "media"
        self.media.mkdir(parents=True)
        self.home = folder / "home"
        self.out = folder / "out"
        self.runs = 0

    @property
    def store(self) -> LocalObjectStore:
        return LocalObjectStore(self.home / "store")

    @property
    def lake(self) -> LanceLake:
        lake = self.home / "lake"
        return LanceLake(lake.as_uri(), LocalObjectStore(lake))

    def config(self, **settings: Any) -> CurationConfig:
        # Labels are another test's subject: here every frame that is not black may be picked.
        given = {"quality": {"action": "tag"}, "selection": {"n_samples": 3}, **settings}
        return CurationConfig.model_validate(given)

    def listing(self) -> list[MediaRef]:
        return list(FolderSource(self.media).list())

    def ask(self, refs: Sequence[MediaRef] | None = None, **settings: Any) -> WorkerRequest:
        """Write a request and its listing, as the step before the worker does."""
        self.runs += 1
        request = WorkerRequest(
            run_id=f"run-{self.runs}", config=self.config(**settings), source=str(self.media)
        )
        listed = dump_listing(self.listing() if refs is None else refs)
        self.store.put(listing_key(request.run_id), listed)
        self.store.put(request_key(request.run_id), request.model_dump_json().encode())
        return request

    def run(
        self, refs: Sequence[MediaRef] | None = None, parts: Any = None, **settings: Any
    ) -> Outcome:
        """Run the worker in this process; `parts` may change its parts."""
        listed = self.listing() if refs is None else list(refs)
        request = self.ask(listed, **settings)
        read: list[str] = []

        @contextlib.contextmanager
        def noted(uri: str) -> Iterator[Path]:
            read.append(uri)
            with fetch_file(uri) as path:
                yield path

        notes = Notes()
        own = local_parts(open_home(self.home.as_uri()), request, len(listed), notes)
        own = dataclasses.replace(own, fetch=noted)
        own = parts(own) if parts else own
        assert isinstance(own, Parts)
        result = run(request, listed, own)
        self.store.put(result_key(request.run_id), result.model_dump_json().encode())
        return Outcome(result, self.rejects(request.run_id), read, notes.said)

    def rejects(self, run_id: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.store.get(rejects_key(run_id)).splitlines()]

    def start(self, request: WorkerRequest, *flags: str, **given: Any) -> subprocess.Popen:
        """Start the worker as a program of its own."""
        command = [
            *(sys.executable, "-m", "pipeline_project.worker"),
            *("--root", self.home.as_uri(), "--request", request_key(request.run_id), *flags),
        ]
        return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **given)

    def result(self, request: WorkerRequest) -> WorkerResult:
        return WorkerResult.model_validate_json(self.store.get(result_key(request.run_id)))

    def publish(self, result: WorkerResult, out: Path | None = None, **settings: Any) -> Published:
        return publish(
            lake=self.lake,
            store=self.store,
            result=result,
            config=self.config(**settings),
            out_dir=out or self.out,
        )

    def rows(self, table: str | Table) -> list[dict[str, Any]]:
        found = TABLES[table] if isinstance(table, str) else table
        return self.lake.read(found).to_pylist()

    def table(self, name: str) -> Table:
        return TABLES[name]

    def sha256(self, name: str) -> str:
        """Hash of a file's bytes as they are now."""
        return hashlib.sha256((self.media / name).read_bytes()).hexdigest()

    def picked(self, result: WorkerResult) -> dict[str, str]:
        """Frame id -> file name, in order of rank."""
        rows = [
            row for row in self.rows("selections") if row["selection_id"] == result.selection_id
        ]
        return {
            row["frame_id"]: row["file_name"] for row in sorted(rows, key=lambda row: row["rank"])
        }
