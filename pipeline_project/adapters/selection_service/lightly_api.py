"""The Lightly service through its own client, `lightly` 1.5.26, with honest errors.

The client takes every failed request for "this run does not exist"; here the run, and the
schedule, are asked for themselves, and only a 404 means that they are not there.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import requests

from pipeline_project.adapters.retrying import Again, retried
from pipeline_project.adapters.selection_service.base import SelectionState, SelectionStatus
from pipeline_project.adapters.selection_service.lightly_errors import Caller, LightlyNotFound
from pipeline_project.adapters.waiting import Deadline
from pipeline_project.errors import ConfigError, PermanentError, TransientError

Value = TypeVar("Value")
DatasetType = Literal["Videos", "Images"]

_PATIENCE_S = 300.0  # how long an outage may last where something is only asked for
_ARTIFACT_S = 120.0
_CANCEL_S = 30.0  # whoever ends a run waits for it
_BAD_ENDS = ("FAILED", "CRASHED", "ABORTED")
_CHUNK_BYTES = 1 << 16
_NO_DOWNLOAD = ("CHECKPOINT", "MEMLOG")  # large, and of use to nobody here


@dataclass(frozen=True, slots=True)
class Access:
    """How Lightly reaches a bucket: delegated access through a role of its owner."""

    region: str
    role_arn: str
    external_id: str


@dataclass(frozen=True, slots=True)
class Run:
    """What a finished run left: its id, the names it picked, and its artifacts by file name."""

    run_id: str
    names: list[str]
    artifacts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Worker:
    """A registered Lightly Worker."""

    worker_id: str
    name: str
    state: str
    labels: tuple[str, ...]


class LightlyApi:
    """One account at the service."""

    def __init__(
        self,
        token: str,
        *,
        timeout_s: float = 60.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Keep the token; nothing is requested yet. `timeout_s`: the service's longest silence.

        The server is what LIGHTLY_SERVER_LOCATION says, else the public one. A token that cannot
        be one is a ConfigError of the first call.
        """
        self._token = token
        self._timeout_s = timeout_s
        self._sleep = sleep
        self._call = Caller(token, sleep=sleep)
        self._made: Any = None

    def workers(self) -> list[Worker]:
        """List the registered workers; also the cheapest way to try the token."""
        what = "asking Lightly for its workers"
        found = self._patiently(what, lambda: self._client.get_compute_workers())
        return [Worker(each.id, each.name, _word(each.state), tuple(each.labels)) for each in found]

    def try_token(self) -> None:
        """Ask for something cheap, once.

        Raises:
            ConfigError: the token is refused.
            TransientError: the service does not answer.
        """
        self._call.once("trying LIGHTLY_TOKEN", lambda: self._client.get_compute_worker_ids())

    def register_worker(self, name: str, labels: Sequence[str]) -> str:
        """Give the id of the worker of this name, which is registered where it is not yet."""
        return self._patiently(
            f"registering Lightly Worker {name!r}",
            lambda: str(self._client.register_compute_worker(name=name, labels=list(labels))),
        )

    def dataset(self, name: str, kind: DatasetType) -> str:
        """Give the id of a dataset, which is made where there is none.

        Raises:
            ConfigError: the one there holds another kind of media, or the name is refused.
        """
        what = f"opening Lightly dataset {name!r}"
        client = self._client

        def find_or_make() -> str:
            if not client.dataset_name_exists(name):
                try:
                    client.create_dataset(name, kind)
                    return str(client.dataset_id)
                except ValueError:
                    if not client.dataset_name_exists(name):  # not made by another run meanwhile
                        raise
            client.set_dataset_id_by_name(name)
            return str(client.dataset_id)

        dataset_id = self._patiently(what, find_or_make)
        own = self._patiently(what, lambda: _word(client.get_dataset_by_id(dataset_id).type))
        if own != kind:
            raise ConfigError(
                f"{what}: it holds {own}, and this run has {kind}. Name another dataset under "
                "lightly.dataset."
            )
        return dataset_id

    def set_datasources(self, dataset_id: str, *, read: str, write: str, access: Access) -> None:
        """Tell the dataset where its media lie, and where Lightly may write."""
        for purpose, address in (("INPUT", read), ("LIGHTLY", write)):
            self._patiently(
                f"setting the {purpose} datasource {address} of a Lightly dataset",
                lambda purpose=purpose, address=address: self._of(  # type: ignore[misc]
                    dataset_id
                ).set_s3_delegated_access_config(
                    resource_path=address,
                    region=access.region,
                    role_arn=access.role_arn,
                    external_id=access.external_id,
                    purpose=purpose,
                ),
            )

    def make_config(
        self,
        *,
        worker_config: Mapping[str, Any],
        lightly_config: Mapping[str, Any],
        selection: Any,
    ) -> str:
        """Store a run's configuration; return its id. One too many does no harm."""
        return self._patiently(
            "storing the configuration of a Lightly run",
            lambda: str(
                self._client.create_compute_worker_config(
                    worker_config=dict(worker_config),
                    lightly_config=dict(lightly_config) or None,
                    selection_config=selection,
                )
            ),
        )

    def schedule(self, dataset_id: str, config_id: str, runs_on: Sequence[str]) -> str:
        """Schedule a run, once: what was scheduled under this configuration is found again."""
        from lightly.openapi_generated.swagger_client.models import (
            DockerRunScheduledCreateRequest,
        )

        request = DockerRunScheduledCreateRequest.from_dict(
            {
                "configId": config_id,
                "priority": "MID",
                "runsOn": list(runs_on),
                "creator": "USER_PIP",
            }
        )

        def find_or_schedule() -> str:
            there = self._find(dataset_id, config_id)
            if there is not None:
                return there
            answer = self._docker.create_docker_run_scheduled_by_dataset_id(
                docker_run_scheduled_create_request=request, dataset_id=dataset_id
            )
            return str(answer.id)

        return self._patiently("scheduling a Lightly run", find_or_schedule)

    def scheduled(self, dataset_id: str, config_id: str) -> str | None:
        """Find what is scheduled under a configuration, in any state."""
        return self._call.patiently(
            "asking Lightly for its scheduled runs",
            lambda: self._find(dataset_id, config_id),
            Deadline(_CANCEL_S),
        )

    def _find(self, dataset_id: str, config_id: str) -> str | None:
        for each in self._schedule_of(dataset_id):
            if each.config_id == config_id:
                return str(each.id)
        return None

    def poll(self, dataset_id: str, scheduled_id: str) -> SelectionStatus:
        """Tell where a run stands.

        Raises:
            TransientError: the service is in trouble; the run may go on.
            ConfigError: the token is refused.
            PermanentError: nobody knows this run.
        """
        what = f"asking for Lightly run {scheduled_id}"
        try:
            run = self._call.once(
                what,
                lambda: self._docker.get_docker_run_by_scheduled_id(scheduled_id=scheduled_id),
            )
        except LightlyNotFound:
            return self._not_begun(what, dataset_id, scheduled_id)
        state = _word(run.state)
        message = self._call.plain(f"{state}: {run.message or ''}".rstrip(": "))
        if state == "COMPLETED":
            return SelectionStatus("completed", message)
        return SelectionStatus("failed" if state in _BAD_ENDS else "running", message)

    def cancel(self, dataset_id: str, scheduled_id: str) -> bool:
        """Take back a run that no worker has begun; False where one has, or it has ended."""
        try:
            self._call.patiently(
                f"cancelling Lightly run {scheduled_id}",
                lambda: self._docker.cancel_scheduled_docker_run_state_by_id(
                    dataset_id=dataset_id, scheduled_id=scheduled_id
                ),
                Deadline(_CANCEL_S),
            )
        except (ConfigError, LightlyNotFound):  # 400: its state is no longer OPEN
            return False
        return True

    def finished(self, dataset_id: str, scheduled_id: str) -> Run:
        """Read what a completed run picked."""
        what = f"reading the result of Lightly run {scheduled_id}"
        run = self._patiently(
            what, lambda: self._docker.get_docker_run_by_scheduled_id(scheduled_id=scheduled_id)
        )
        client = self._of(dataset_id)
        tags = self._patiently(what, lambda: client.get_compute_worker_run_tags(run.id))
        names: str = (
            self._patiently(what, lambda: client.export_filenames_by_tag_id(tags[0].id))
            if tags
            else ""
        )
        artifacts = {
            Path(each.file_name).name: str(each.id)
            for each in run.artifacts or []
            if _word(each.type) not in _NO_DOWNLOAD
        }
        return Run(str(run.id), [name for name in names.splitlines() if name], artifacts)

    def download(self, run_id: str, artifact_id: str, path: Path) -> None:
        """Write one artifact to a file.

        Raises:
            TransientError: it did not come whole, however often it was tried.
        """
        what = f"downloading {path.name} of Lightly run {run_id}"
        # Its address holds a signature, so it is never told.
        url = self._patiently(
            what,
            lambda: self._docker.get_docker_run_artifact_read_url_by_id(
                run_id=run_id, artifact_id=artifact_id
            ),
        )
        deadline = Deadline(_ARTIFACT_S)
        retried(lambda: _download(what, url, path, deadline), deadline=deadline, sleep=self._sleep)

    def _not_begun(self, what: str, dataset_id: str, scheduled_id: str) -> SelectionStatus:
        for each in self._call.once(what, lambda: self._schedule_of(dataset_id)):
            if str(each.id) != scheduled_id:
                continue
            state = _word(each.state)
            if state == "CANCELED":
                return SelectionStatus("cancelled", "it was cancelled before a worker began it")
            states: dict[str, SelectionState] = {"LOCKED": "running", "DONE": "failed"}
            message = {
                "OPEN": "waiting for a Lightly Worker to take it",
                "LOCKED": "a Lightly Worker has taken it",
                "DONE": "it is done, but left no run",
            }.get(state, state)
            return SelectionStatus(states.get(state, "open"), message)
        raise PermanentError(
            f"{what}: the service knows no such run in this dataset. Was it deleted there?"
        )

    def _schedule_of(self, dataset_id: str) -> Any:
        # Without the states the service leaves out what is done or cancelled.
        return self._docker.get_docker_runs_scheduled_by_dataset_id(
            dataset_id=dataset_id, states=["OPEN", "LOCKED", "DONE", "CANCELED"]
        )

    def _patiently(self, what: str, call: Callable[[], Value]) -> Value:
        return self._call.patiently(what, call, Deadline(_PATIENCE_S))

    def _of(self, dataset_id: str) -> Any:
        client = self._client
        client._dataset_id = dataset_id  # its setter would ask the service for it each time
        return client

    def _demand_token(self) -> None:
        if not self._token.isascii() or not self._token.isprintable() or " " in self._token:
            raise ConfigError(
                "LIGHTLY_TOKEN holds something that no token holds (not shown here). Copy it again "
                "from https://app.lightly.ai/preferences."
            )

    @property
    def _docker(self) -> Any:
        return self._client._compute_worker_api

    @property
    def _client(self) -> Any:
        if self._made is None:
            self._demand_token()
            # Without it the import asks the service, in a thread, whether there is a newer client.
            os.environ.setdefault("LIGHTLY_DID_VERSION_CHECK", "True")
            try:
                from lightly.api import ApiWorkflowClient
            except ImportError as error:
                raise ConfigError(
                    "service: lightly needs the Lightly client, which is not installed, or is 1.6 "
                    "or newer, which has none. Install it with "
                    "`pip install 'pipeline-project[lightly]'`."
                ) from error
            made: Any = self._call.once(
                "opening the Lightly client", lambda: ApiWorkflowClient(token=self._token)
            )
            # We try again ourselves: its HTTP library would do so too, and log each time.
            made.api_client.rest_client.pool_manager.connection_pool_kw["retries"] = False
            # Its own is three minutes, in which no lease is renewed.
            made.api_client.rest_client.timeout = self._timeout_s
            self._made = made
        return self._made


def _word(value: Any) -> str:
    """The client's models hold some words as enums and some as plain text."""
    return str(getattr(value, "value", value))


def _download(what: str, url: str, path: Path, deadline: Deadline) -> bool | Again:
    try:
        with requests.get(url, stream=True, timeout=(10, 60)) as answer:
            if answer.status_code != 200:
                return Again(TransientError(f"{what}: HTTP {answer.status_code}; try again"))
            with path.open("wb") as file:
                for chunk in answer.iter_content(_CHUNK_BYTES):
                    file.write(chunk)
                    if deadline.passed:
                        return Again(TransientError(f"{what}: it came too slowly"))
    except requests.RequestException as error:
        return Again(TransientError(f"{what}: no whole answer ({type(error).__name__})"))
    return True
