"""What a Lightly run is asked for, made from the run's configuration before anything is started."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from pipeline_project.adapters.selection_service.lightly_api import Access, DatasetType
from pipeline_project.adapters.sources.folder import VIDEO_SUFFIXES
from pipeline_project.core.config import CurationConfig
from pipeline_project.core.selection.config import parse_selection_config
from pipeline_project.core.selection.docker_options import Translation, translate
from pipeline_project.errors import ConfigError

_DIVERSE = {"input": {"type": "EMBEDDINGS"}, "strategy": {"type": "DIVERSITY"}}
_INTERNAL = frozenset({"token", "worker", "input_dir", "output_dir", "shm_size"})
_MIN_NAME = 3  # characters of a dataset's name, as the service wants them


@dataclass(frozen=True, slots=True)
class Plan:
    """One Lightly run, without what depends on its media.

    Attributes:
        dataset: its name at the service.
        read: bucket address of the media.
        write: bucket address that Lightly writes to.
        access: how it reaches both.
        selection: a `selection_config` of the client.
        worker_config: without the file of relevant names.
        lightly_config: verbatim.
        messages: what was translated, and how.
    """

    dataset: str
    read: str
    write: str
    access: Access
    selection: Any
    worker_config: dict[str, Any]
    lightly_config: dict[str, Any]
    messages: list[str] = field(default_factory=list)


def read_address(config: CurationConfig, store_root: str) -> str:
    """Give the address that Lightly reads media below; as `make_plan`, but checks nothing."""
    return (config.lightly.input or uploads_address(store_root)).rstrip("/")


def uploads_address(store_root: str) -> str:
    """Give the address below which uploads lie."""
    return f"{store_root.rstrip('/')}/input"


def make_plan(config: CurationConfig, store_root: str) -> Plan:
    """Make the plan of a run.

    Args:
        config: of the run.
        store_root: address of the object store, where uploads lie below `input/`.

    Raises:
        ConfigError: lists everything that is missing or wrong.
    """
    ours = config.lightly
    old = _translated(ours.docker_options, ours.worker_config)
    dataset = ours.dataset or old.dataset_name or config.dataset
    read = read_address(config, store_root)
    write = (ours.output or f"{store_root.rstrip('/')}/lightly").rstrip("/")
    problems = [
        f"lightly.{name} is not set"
        for name in ("region", "role_arn", "external_id")
        if not getattr(ours, name)
    ]
    if len(dataset) < _MIN_NAME:
        problems.append(f"the dataset name {dataset!r} is shorter than {_MIN_NAME} characters")
    for name, address in (("input", read), ("output", write)):
        if not address.startswith("s3://"):
            problems.append(
                f"lightly.{name} is {address}, and Lightly reaches only buckets (s3://...)"
            )
    if config.selection and old.selection_config:
        problems.append(
            "how to select stands in `selection` and in the old options of the worker: keep one"
        )
    selection: Any = None
    worker_config: dict[str, Any] = {}
    try:
        selection = _selection(config.selection or old.selection_config)
    except ConfigError as error:
        problems.append(str(error))
    worker_config = dict(old.worker_config)
    lightly_config = {**worker_config.pop("lightly", {}), **ours.lightly_config}
    try:
        worker_config = _worker_config(config, worker_config, lightly_config)
    except ConfigError as error:
        problems.append(str(error))
    if problems:
        told = "; ".join(problem.rstrip(".") for problem in problems)
        raise ConfigError(f"preparing a run of the Lightly service: {told}.")
    return Plan(
        dataset=dataset,
        read=read,
        write=write,
        access=Access(str(ours.region), str(ours.role_arn), str(ours.external_id)),
        selection=selection,
        worker_config=worker_config,
        lightly_config=lightly_config,
        messages=old.messages,
    )


def names_in_bucket(uris: Sequence[str], read: str) -> list[str]:
    """Name media as Lightly does: by their path below the datasource.

    Raises:
        ConfigError: one lies elsewhere, so that Lightly could not read it.
    """
    prefix = read.rstrip("/") + "/"
    for uri in uris:
        if not uri.startswith(prefix):
            raise ConfigError(
                f"preparing a run of the Lightly service: {uri} does not lie below {read}, where "
                "Lightly reads. Set lightly.input to the bucket of the source, or upload first."
            )
    return [uri.removeprefix(prefix) for uri in uris]


def kind_of(names: Sequence[str]) -> DatasetType:
    """Tell whether these are videos or images; a dataset of Lightly holds only one of them.

    Raises:
        ConfigError: there are both.
    """
    videos = [name for name in names if PurePosixPath(name).suffix.lower() in VIDEO_SUFFIXES]
    if videos and len(videos) < len(names):
        image = next(name for name in names if name not in set(videos))
        raise ConfigError(
            "preparing a run of the Lightly service: its datasets hold videos or images, and the "
            f"source has both ({videos[0]}, {image}). Choose one kind with `include`, and run "
            "twice under two dataset names."
        )
    return "Videos" if videos else "Images"


def _selection(selection: Mapping[str, Any]) -> Any:
    """Check a selection twice, by our rules and by the client's own model."""
    from lightly.openapi_generated.swagger_client.models import SelectionConfigV4

    given = dict(selection)
    if not given.get("strategies"):
        given["strategies"] = [_DIVERSE]
    amounts = ("n_samples", "nSamples", "proportion_samples", "proportionSamples")
    if all(given.get(name) is None for name in amounts):
        given["proportion_samples"] = 0.1
    wire = parse_selection_config(given).wire()
    try:
        made = SelectionConfigV4.from_dict(wire)
    except ValueError as error:  # pydantic's is one
        raise ConfigError(
            f"the Lightly client refuses the selection: {_in_one_line(error)}"
        ) from None
    return made


def _translated(*options: Mapping[str, Any]) -> Translation:
    """Old options in today's words, wherever they were written; the later ones are stronger."""
    found = [translate(_without_internal(each)) for each in options]
    return Translation(
        selection_config={name: v for each in found for name, v in each.selection_config.items()},
        worker_config={name: v for each in found for name, v in each.worker_config.items()},
        dataset_name=next((each.dataset_name for each in found[::-1] if each.dataset_name), None),
        messages=[
            *[message for each in found for message in each.messages],
            *[
                f"{name} was left out: it is the worker's own business."
                for each in options
                for name in each
                if _is_internal(name)
            ],
        ],
    )


def _without_internal(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if not _is_internal(name)}


def _is_internal(name: str) -> bool:
    """What a worker is started with: it is no part of a run, and the token must not travel."""
    return name.partition(".")[0] in _INTERNAL


def _worker_config(
    config: CurationConfig, given: Mapping[str, Any], lightly_config: Mapping[str, Any]
) -> dict[str, Any]:
    """Our defaults under what was given; checked by the client's own models."""
    from lightly.api.api_workflow_compute_worker import _config_to_camel_case
    from lightly.openapi_generated.swagger_client.models import (
        DockerWorkerConfigV3Lightly,
        DockerWorkerConfigV4Docker,
    )

    merged: dict[str, Any] = {"use_datapool": config.datapool.enabled, **given}
    if config.datapool.process_all:
        merged["datasource"] = {"process_all": True, **merged.get("datasource", {})}
    if "relevant_filenames_file" in merged:
        raise ConfigError(
            "lightly.worker_config.relevant_filenames_file is written by each run itself, so that "
            "it works on its own media alone; take it out"
        )
    for name, model, values in (
        ("worker_config", DockerWorkerConfigV4Docker, merged),
        ("lightly_config", DockerWorkerConfigV3Lightly, lightly_config),
    ):
        try:
            model.parse_obj(_config_to_camel_case(cfg=dict(values)))
        except ValueError as error:  # pydantic's is one
            known = ", ".join(sorted(model.__fields__))
            raise ConfigError(
                f"the Lightly client refuses lightly.{name}: {_in_one_line(error)} (known: {known})"
            ) from None
    return merged


def _in_one_line(error: ValueError) -> str:
    """What pydantic found, without its own frame; nothing of the values."""
    errors = getattr(error, "errors", None)
    if errors is None:
        return " ".join(str(error).split())
    return "; ".join(
        f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in errors()
    )
