"""Selection by the Lightly service; its picks are then recorded by our own worker.

The scheduled id is `<run id>/<dataset id>/<id of the scheduled run>`. When the service has
completed a run, the names it picked and its artifacts go to the object store, and our worker is
sent the same request: it finds the names there and records those frames instead of selecting. So
both ways of selecting end in the same tables and the same report.
"""

import json
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline_project.adapters.addresses import is_bucket
from pipeline_project.adapters.commands.base import Commands
from pipeline_project.adapters.object_store.base import ObjectStore
from pipeline_project.adapters.selection_service.base import SelectionOutcome, SelectionStatus
from pipeline_project.adapters.selection_service.embedded import EmbeddedSelectionService
from pipeline_project.adapters.selection_service.lightly_api import LightlyApi, Run
from pipeline_project.adapters.selection_service.lightly_plan import (
    Plan,
    kind_of,
    make_plan,
    names_in_bucket,
    read_address,
    uploads_address,
)
from pipeline_project.adapters.selection_service.lightly_worker import LightlyWorkers
from pipeline_project.adapters.waiting import Deadline
from pipeline_project.core.config import CurationConfig
from pipeline_project.core.records import MediaRef
from pipeline_project.errors import (
    ConfigError,
    PermanentError,
    PipelineError,
    RemoteFailed,
    StoreError,
)

_REQUEST_END = "/request.json"
_RECORD_S = 14_400.0  # for who follows a selection that another process scheduled


@dataclass(slots=True)
class _Followed:
    """A selection on its way: its deadline, the last answer, and the command that records it."""

    label: str
    deadline: Deadline
    poll_s: float = 0.0
    asked_at: float = -1e9
    status: SelectionStatus = SelectionStatus("open")
    recording: str | None = None


class LightlySelectionService:
    """Schedules runs at the Lightly service."""

    def __init__(
        self,
        api: LightlyApi,
        store: ObjectStore,
        recorder: EmbeddedSelectionService,
        *,
        commands: Commands | None = None,
        open_store: Callable[[str], ObjectStore] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Hold the parts.

        Args:
            api: the account.
            store: holds requests, uploads and results.
            recorder: runs our worker, which records what was picked.
            commands: of a box on which a Lightly Worker can be started; None where workers are
                started by others.
            open_store: opens another bucket, for a `lightly.output` outside the store.
            clock: monotonic seconds.
            sleep: waits for some seconds.
        """
        self._api = api
        self._store = store
        self._recorder = recorder
        self._workers = LightlyWorkers(api, commands, sleep=sleep)
        self._open_store = open_store
        self._clock = clock
        self._followed: dict[str, _Followed] = {}

    def check(self, config: CurationConfig) -> list[str]:
        """Say what would keep a run from being scheduled; asks the service once.

        Raises:
            TransientError: the service does not answer, which is no fault of the configuration.
        """
        try:
            plan = make_plan(config, self._store.root)
            if not is_bucket(config.source or ""):
                names_in_bucket([f"{uploads_address(self._store.root)}/uploads"], plan.read)
            self._api.try_token()
        except (ConfigError, PermanentError) as error:
            return [str(error).rstrip(".")]
        return []

    def fitting(self, config: CurationConfig, refs: Iterable[MediaRef]) -> Iterator[MediaRef]:
        """Pass a listing on, of videos or of images that Lightly can read.

        Raises:
            ConfigError: at the first file of the other kind, or outside `lightly.input`.
        """
        first: MediaRef | None = None
        read = read_address(config, self._store.root)
        for ref in refs:
            first = first or ref
            kind_of([first.name, ref.name])
            if is_bucket(ref.uri):  # others are uploaded to where `check` has looked
                names_in_bucket([ref.uri], read)
            yield ref

    def ensure_worker(self, config: CurationConfig, *, timeout_s: float, label: str) -> str:
        """Have an idle Lightly Worker; see `SelectionService.ensure_worker`."""
        return self._workers.ensure(config.lightly, timeout_s=timeout_s, label=label)

    def schedule(self, request_key: str, *, timeout_s: float, label: str) -> str:
        """Schedule a run over the media of a request; see `SelectionService.schedule`.

        Raises:
            ConfigError: the configuration, the token or the media are not fit for the service.
            PermanentError: the key is not that of a request.
        """
        run_id, config, uris = self._read(request_key)
        there = self._going_on(run_id)
        if there is None:
            there = self._schedule(config, uris, run_id, label)
        elif label != run_id:
            self._store.put(_label_key(label), self._store.get(_label_key(run_id)))
        scheduled_id = f"{run_id}/{there[0]}/{there[1]}"
        self._followed[scheduled_id] = _Followed(
            label, Deadline(timeout_s, self._clock), config.lightly.poll_s
        )
        return scheduled_id

    def _schedule(
        self, config: CurationConfig, uris: Sequence[str], run_id: str, label: str
    ) -> tuple[str, str]:
        """Schedule anew; returns the ids of the dataset and of the scheduled run."""
        plan = make_plan(config, self._store.root)
        names = names_in_bucket(uris, plan.read)
        dataset_id = self._api.dataset(plan.dataset, kind_of(names))
        self._api.set_datasources(dataset_id, read=plan.read, write=plan.write, access=plan.access)
        relevant = f".lightly/relevant_filenames/{label}.txt"
        self._write_scope(plan, relevant, names)
        worker_config = {**plan.worker_config, "relevant_filenames_file": relevant}
        if self._workers.started(label):
            worker_config.setdefault("shutdown_when_job_finished", True)
        config_id = self._api.make_config(
            worker_config=worker_config,
            lightly_config=plan.lightly_config,
            selection=plan.selection,
        )
        # Before the run is scheduled: who is interrupted in between must find it to cancel it.
        made = json.dumps({"dataset_id": dataset_id, "config_id": config_id}).encode()
        for name in dict.fromkeys((label, run_id)):
            self._store.put(_label_key(name), made)
        return dataset_id, self._api.schedule(dataset_id, config_id, config.lightly.runs_on)

    def _going_on(self, run_id: str) -> tuple[str, str] | None:
        """What was scheduled for this run before and is open, running or completed.

        A run that is executed again after its recording failed takes the picks that are there:
        the service would not look at the same media a second time.
        """
        there = self._scheduled_under(run_id)
        if there is None:
            return None
        return None if self._api.poll(*there).state in ("failed", "cancelled") else there

    def poll(self, scheduled_id: str) -> SelectionStatus:
        """Tell where it stands; once the service is done, how far the recording is."""
        run_id, dataset_id, scheduled = _split(scheduled_id)
        own = self._followed.setdefault(
            scheduled_id, _Followed(run_id, Deadline(_RECORD_S, self._clock))
        )
        if own.recording is not None:
            status = self._recorder.poll(own.recording)
            word = "open" if status.state == "open" else status.state
            return SelectionStatus(word, f"recording what Lightly picked: {status.message}")
        if self._clock() - own.asked_at >= own.poll_s and not own.status.ended:
            own.status = self._api.poll(dataset_id, scheduled)
            own.asked_at = self._clock()
        if own.status.state != "completed":
            return own.status
        self._collect(run_id, dataset_id, scheduled)
        own.recording = self._recorder.schedule(
            f"runs/{run_id}{_REQUEST_END}", timeout_s=own.deadline.remaining_s, label=own.label
        )
        return SelectionStatus("running", "Lightly has completed; recording what it picked")

    def fetch(self, scheduled_id: str) -> SelectionOutcome:
        """Return the outcome of a completed selection; see `SelectionService.fetch`.

        Raises:
            RemoteFailed: it did not complete, or was not recorded.
        """
        own = self._followed.get(scheduled_id)
        if own is None or own.recording is None:
            status = self.poll(scheduled_id)
            raise RemoteFailed(
                f"fetching the selection {scheduled_id}: it is {status.state} ({status.message})"
            )
        outcome = self._recorder.fetch(own.recording)
        self._workers.stop(own.label)
        return outcome

    def cancel(self, scheduled_id: str) -> None:
        """End it: what no worker has begun at the service, else the worker started for it."""
        _, dataset_id, scheduled = _split(scheduled_id)
        own = self._followed.get(scheduled_id)
        if own is not None:
            self._recorder.cancel_labelled(own.label)
        if not self._api.poll(dataset_id, scheduled).ended:
            self._api.cancel(dataset_id, scheduled)
        if own is not None:
            self._workers.stop(own.label)

    def cancel_labelled(self, label: str) -> None:
        """End every selection scheduled under this label, and the worker started for it."""
        try:
            self._recorder.cancel_labelled(label)
            there = self._scheduled_under(label)
            if there is not None:
                self._api.cancel(*there)
        finally:
            self._workers.stop(label)

    def _scheduled_under(self, label: str) -> tuple[str, str] | None:
        key = _label_key(label)
        if not self._store.exists(key):
            return None
        made = json.loads(self._store.get(key))
        scheduled = self._api.scheduled(made["dataset_id"], made["config_id"])
        return None if scheduled is None else (made["dataset_id"], scheduled)

    def _read(self, request_key: str) -> tuple[str, CurationConfig, list[str]]:
        """Run id, configuration and media addresses of a request."""
        if not request_key.endswith(_REQUEST_END):
            raise PermanentError(
                f"scheduling the request at {request_key!r}: requests lie at "
                "runs/<run id>/request.json"
            )
        request = json.loads(self._store.get(request_key))
        listing = self._store.get(request_key.removesuffix(_REQUEST_END) + "/listing.jsonl")
        rows = [json.loads(line) for line in listing.splitlines()]
        read = [str(row.get("stored_uri") or row["uri"]) for row in rows]
        uris = [uri for uri in read if is_bucket(uri)]  # others could not be uploaded
        if read and not uris:
            raise PermanentError(
                f"scheduling run {request['run_id']}: none of its {len(read)} files could be "
                "uploaded. Check that they are there and may be read."
            )
        return request["run_id"], CurationConfig.model_validate(request["config"]), uris

    def _write_scope(self, plan: Plan, relevant: str, names: Sequence[str]) -> None:
        """Write which names the run is about into Lightly's bucket."""
        root = self._store.root.rstrip("/") + "/"
        data = "".join(f"{name}\n" for name in names).encode()
        if f"{plan.write}/".startswith(root):
            self._store.put(f"{plan.write}/{relevant}".removeprefix(root), data)
        elif self._open_store is not None:
            self._open_store(plan.write).put(relevant, data)
        else:
            raise ConfigError(
                f"preparing a run of the Lightly service: lightly.output {plan.write} lies outside "
                f"{self._store.root}, and no access to it is configured. Leave it out."
            )

    def _collect(self, run_id: str, dataset_id: str, scheduled: str) -> None:
        """Bring what a completed run left into the store; the picks, which count, come last."""
        run = self._api.finished(dataset_id, scheduled)
        _, config, uris = self._read(f"runs/{run_id}{_REQUEST_END}")
        plan = make_plan(config, self._store.root)
        picks: dict[str, Any] = {
            "service": "lightly",
            "service_run_id": run.run_id,
            "kind": kind_of(names_in_bucket(uris, plan.read)),
            "input": plan.read,
            "names": run.names,
            "pts": {},
            "messages": list(plan.messages),
            "corrupt": {},
        }
        with tempfile.TemporaryDirectory(prefix="lightly-") as folder:
            for name in sorted(run.artifacts):
                self._take_artifact(run_id, run, name, Path(folder) / name, picks)
        self._store.put(f"runs/{run_id}/picks.json", json.dumps(picks, indent=1).encode())

    def _take_artifact(
        self, run_id: str, run: Run, name: str, path: Path, picks: dict[str, Any]
    ) -> None:
        """Store one artifact. Without it the selection still stands: it is only missed."""
        try:
            self._api.download(run.run_id, run.artifacts[name], path)
            self._store.put(f"runs/{run_id}/lightly/{name}", path.read_bytes())
        except StoreError:
            raise
        except PipelineError as error:
            picks["messages"].append(f"Lightly's {name} could not be had: {error}")
            return
        if name == "sequence_information.json":
            picks["pts"] = _timestamps(json.loads(path.read_bytes()))
        if name.startswith("corruptness_check_information"):
            picks["corrupt"] = _corrupt(json.loads(path.read_bytes()))


def _timestamps(sequences: object) -> Mapping[str, int]:
    """Frame name -> pts, where Lightly tells it: for sequences of video frames."""
    found: dict[str, int] = {}
    for each in sequences if isinstance(sequences, list) else ():
        names, pts = each.get("frame_names", ()), each.get("frame_timestamps_pts", ())
        found.update(zip(names, pts, strict=False))
    return found


def _corrupt(said: object) -> dict[str, str]:
    """Name -> reason, of files and frames that the worker could not use."""
    found: dict[str, str] = {}
    for group in ("corrupt_samples", "corrupt_videos"):
        named = said.get(group) if isinstance(said, dict) else None
        if isinstance(named, dict):
            found.update({str(name): str(reason) for name, reason in named.items()})
    return found


def _label_key(label: str) -> str:
    return f"runs/{label}/lightly.json"


def _split(scheduled_id: str) -> tuple[str, str, str]:
    parts = scheduled_id.split("/")
    if len(parts) != 3:
        raise PermanentError(
            f"following the Lightly selection {scheduled_id!r}: it is none of this service"
        )
    return parts[0], parts[1], parts[2]
