"""The only assembly: turns settings into Dagster definitions, and takes overrides."""

import shutil
import sys
from collections.abc import Mapping, Sequence
from importlib.resources import as_file, files
from pathlib import Path

import dagster as dg

from pipeline_project.adapters.aws_session import AwsSession, demand_boto3
from pipeline_project.adapters.commands.local import LocalCommands
from pipeline_project.adapters.instances.local import LocalInstance
from pipeline_project.adapters.lake.lance import LanceLake
from pipeline_project.adapters.object_store.local import LocalObjectStore
from pipeline_project.adapters.selection_service.embedded import EmbeddedSelectionService
from pipeline_project.adapters.sources import open_source
from pipeline_project.adapters.sources.pexels import PexelsSource
from pipeline_project.adapters.sources.pexels_http import PexelsHttp
from pipeline_project.errors import ConfigError
from pipeline_project.jobs.curation import make_jobs
from pipeline_project.report.bucket_copy import copy_to_bucket
from pipeline_project.report.publish import publish
from pipeline_project.resources.instance import instance_resource
from pipeline_project.resources.progress import LoggedProgress
from pipeline_project.resources.publisher import Publish, Publisher
from pipeline_project.resources.selection_service import SelectionClient
from pipeline_project.resources.source import OpenPexels, PexelsAsk, Sources
from pipeline_project.resources.store import RunStore
from pipeline_project.resources.worker import WorkerClient, WorkerCommand
from pipeline_project.settings import Settings, load_settings

DAGSTER_YAML = "dagster.yaml"


def build_defs(
    settings: Settings | None = None,
    *,
    resources: Mapping[str, object] | None = None,
    loggers: Mapping[str, dg.LoggerDefinition] | None = None,
) -> dg.Definitions:
    """Build everything that Dagster shows and runs.

    Nothing is started, written or asked of a network here.

    Args:
        settings: None reads the environment and `pipeline.yaml` of the current folder.
        resources: replacements by resource key (see `resources/__init__.py`).
        loggers: further loggers by name.

    Raises:
        ConfigError: a setting is wrong, or asks for what this version does not have.
    """
    settings = settings or load_settings()
    if settings.on == "aws":
        raise ConfigError(
            "on: aws asks for an EC2 instance, which this version cannot start yet. "
            "Leave `on` out, or set it to local, to run on this machine."
        )
    parts = {**local_resources(settings), **(resources or {})}
    return dg.Definitions(
        jobs=make_jobs(parts, settings.curation()), loggers=dict(loggers) if loggers else None
    )


def local_resources(settings: Settings) -> dict[str, object]:
    """Make the resources of a run on this machine."""
    home = settings.home_path
    objects = LocalObjectStore(home / "store")
    commands = local_commands(settings)
    command_line = _worker_command(home)
    return {
        "source": Sources(open_source, _open_pexels(settings)),
        "store": RunStore(objects, home),
        "instance": instance_resource(local_instance(settings)),
        "worker": WorkerClient(commands, command_line),
        "selection_service": SelectionClient(
            EmbeddedSelectionService(commands, objects, command_line)
        ),
        "lake": open_lake(settings),
        "publisher": make_publisher(settings, publish),
        "progress": LoggedProgress,
    }


def make_publisher(settings: Settings, publish: Publish) -> Publisher:
    """What writes selections: folders of this machine, and copies of them in a bucket."""
    folder = settings.home_path / "curated"
    return Publisher(publish, copy=_copy_to_bucket, folder=folder)


def demand_output_bucket(address: str) -> None:
    """Look whether output can be written to a bucket, by writing there.

    Raises:
        ConfigError: it cannot; says why and what to do.
    """
    demand_boto3(f"Writing to {address}")
    from pipeline_project.adapters.object_store.bucket_check import check_bucket

    problems = check_bucket(AwsSession(), address, write=True)
    if problems:
        raise ConfigError(f"Looking at {address}, the place for the result: {'; '.join(problems)}")


def _copy_to_bucket(folder: Path, address: str) -> str:
    demand_boto3(f"Writing to {address}")
    from pipeline_project.adapters.object_store.s3 import S3ObjectStore

    return copy_to_bucket(folder, S3ObjectStore(address, AwsSession()))


def local_commands(settings: Settings) -> LocalCommands:
    """What runs on this machine."""
    return LocalCommands(settings.home_path / "commands")


def local_instance(settings: Settings) -> LocalInstance:
    """This machine, with its lease book."""
    return LocalInstance(LocalObjectStore(settings.home_path / "store"), local_commands(settings))


def open_lake(settings: Settings) -> LanceLake:
    """The lake of this home."""
    root = settings.home_path / "lake"
    return LanceLake(root.as_uri(), LocalObjectStore(root))


def prepare_dagster_home(settings: Settings) -> Path:
    """Make Dagster's home, with the shipped `dagster.yaml` where it has none; returns it.

    Raises:
        ConfigError: it cannot be made.
    """
    home = settings.dagster_home_path
    target = home / DAGSTER_YAML
    try:
        home.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            with as_file(files("pipeline_project") / DAGSTER_YAML) as shipped:
                shutil.copyfile(shipped, target)
    except OSError as error:
        raise ConfigError(
            f"Making Dagster's home {home}: {error.strerror}. Choose a folder that can be written "
            "with --home or PIPELINE_HOME."
        ) from error
    return home


def _worker_command(home: Path) -> WorkerCommand:
    def command_line(request_key: str) -> Sequence[str]:
        program = [sys.executable, "-m", "pipeline_project.worker", "--end-with-stdin"]
        return [*program, "--root", home.as_uri(), "--request", request_key]

    return command_line


def _open_pexels(settings: Settings) -> OpenPexels | None:
    key = settings.pexels_api_key
    if key is None:
        return None

    def open_pexels(ask: PexelsAsk) -> PexelsSource:
        http = PexelsHttp(
            key.get_secret_value(),
            api_url=ask.config.api_url,
            timeout_s=ask.config.timeout_s,
            max_wait_s=ask.config.max_wait_s,
            deadline=ask.deadline,
        )
        return PexelsSource(ask.spec, http, ask.config, seed=ask.seed, known=ask.known)

    return open_pexels
