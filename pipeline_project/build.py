"""The only assembly: turns settings into Dagster definitions, and takes overrides."""

import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from pipeline_project.adapters.aws_session import AwsAccess, AwsSession, demand_boto3
from pipeline_project.adapters.commands.base import Commands
from pipeline_project.adapters.commands.local import LocalCommands
from pipeline_project.adapters.instances.base import Instances
from pipeline_project.adapters.instances.local import LocalInstance
from pipeline_project.adapters.lake.lance import LanceLake
from pipeline_project.adapters.object_store.base import ObjectStore
from pipeline_project.adapters.object_store.bucket_check import check_bucket
from pipeline_project.adapters.object_store.local import LocalObjectStore
from pipeline_project.adapters.object_store.s3 import S3ObjectStore
from pipeline_project.adapters.selection_service.embedded import EmbeddedSelectionService
from pipeline_project.adapters.sources import open_source
from pipeline_project.adapters.sources.pexels import PexelsSource
from pipeline_project.adapters.sources.pexels_http import PexelsHttp
from pipeline_project.errors import ConfigError
from pipeline_project.jobs.asset_checks import table_checks
from pipeline_project.jobs.assets import batches_asset, source_asset, table_assets
from pipeline_project.jobs.curation import make_jobs
from pipeline_project.jobs.schedules import nightly_pexels_collection, weekly_selection
from pipeline_project.jobs.sensors import reaper_sensor, release_sensors
from pipeline_project.jobs.stale import stale_sensor
from pipeline_project.jobs.watchers import watcher
from pipeline_project.jobs.watches import watches
from pipeline_project.report.bucket_copy import copy_to_bucket
from pipeline_project.report.publish import publish
from pipeline_project.resources.curation import curation_resource
from pipeline_project.resources.instance import instance_resource
from pipeline_project.resources.progress import LoggedProgress, ProgressSink
from pipeline_project.resources.publisher import Publish, Publisher
from pipeline_project.resources.selection_service import SelectionClient
from pipeline_project.resources.source import OpenPexels, PexelsAsk, Sources
from pipeline_project.resources.store import RunStore
from pipeline_project.resources.worker import WorkerClient, WorkerCommand
from pipeline_project.settings import Settings, load_settings
from pipeline_project.worker.homes import open_home

if TYPE_CHECKING:
    from dagster._core.pipes.context import PipesSession

    from pipeline_project.adapters.commands.ssm import SsmCommands
    from pipeline_project.adapters.instances.ec2 import Ec2Instance

DAGSTER_YAML = "dagster.yaml"
_AWS_INTERVAL_S = 2.0  # between looks at a command; SSM throttles who asks more often


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
    own = aws_resources(settings) if settings.on == "aws" else local_resources(settings)
    parts = {**own, "checks": settings.checks, **(resources or {})}
    jobs = make_jobs(parts, settings.curation())
    return dg.Definitions(
        assets=[source_asset(), table_assets(), batches_asset()],
        asset_checks=table_checks(),
        # For runs that begin at the assets; the jobs have bound theirs.
        resources={**parts, "curation": curation_resource(settings.curation())},
        executor=dg.in_process_executor,
        jobs=jobs,
        schedules=_schedules(jobs[0], settings),
        sensors=_sensors(settings, jobs[0]),
        loggers=dict(loggers) if loggers else None,
    )


def _schedules(job: dg.JobDefinition, settings: Settings) -> list[dg.ScheduleDefinition]:
    settled = settings.triggers
    makers: dict[tuple[str, str | None], Callable[[], dg.ScheduleDefinition]] = {
        ("schedule.cron", settings.schedule.cron): lambda: nightly_pexels_collection(
            job, settings.curation(), settings.schedule
        ),
        ("triggers.weekly_cron", settled.weekly_cron): lambda: weekly_selection(job, settled),
    }
    made = []
    for (name, cron), make in makers.items():
        try:
            made.append(make())
        except dg.DagsterInvalidDefinitionError as error:
            raise ConfigError(
                f"Reading {name}: {cron!r} is no cron line. It has five fields, minute hour day "
                "month weekday: `0 2 * * *` is every night at two."
            ) from error
    return made


def _sensors(settings: Settings, job: dg.JobDefinition) -> list[dg.SensorDefinition]:
    sensors = release_sensors(lambda: used_instance(settings))
    if settings.on == "aws":
        sensors.append(reaper_sensor(lambda: aws_instance(settings)))
    config = settings.curation()
    watched = watches(
        settings.triggers,
        settings.home_path / "triggers",
        lambda place: open_source(place, config.include, config.source_access),
        lambda: aws_session(settings),
    )
    sensors += [watcher(each, job, settings.triggers) for each in watched]
    return [*sensors, stale_sensor(settings.triggers)]


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
        "selection_service": _selection_service(settings, commands, objects, command_line),
        "lake": open_lake(settings),
        "publisher": make_publisher(settings, publish),
        "progress": LoggedProgress,
    }


def aws_resources(settings: Settings) -> dict[str, object]:
    """Make the resources of a run whose worker is on an EC2 instance.

    Raises:
        ConfigError: a setting that this needs is missing, or boto3 is.
    """
    from pipeline_project.resources.pipes_bucket import bucket_session
    from pipeline_project.resources.worker_program import InstanceWorker

    aws = settings.aws
    session = _aws_session(settings)
    instance = aws_instance(settings, session)
    home = open_home(aws.root, session)
    commands = _aws_commands(settings, session, home.store)
    command_line = InstanceWorker(home.store, aws.worker, aws.spot_notices)
    # Messages are looked for again and again; a bucket that does not answer must not hold a run
    # that has ended, and with it the instance.
    messages = S3ObjectStore(aws.root, session.hasty(), patience_s=0)

    @contextmanager
    def open_session(
        context: dg.OpExecutionContext, progress: ProgressSink
    ) -> "Iterator[PipesSession]":
        with bucket_session(messages, context, sink=progress, interval_s=0.9) as session:
            yield session

    return {
        "source": Sources(open_source, _open_pexels(settings)),
        "store": RunStore(
            home.store, settings.home_path, lambda: check_bucket(session, aws.root, write=True)
        ),
        "instance": instance_resource(instance, aws.lease_s, aws.max_cost_usd),
        "worker": WorkerClient(
            commands, command_line, interval_s=_AWS_INTERVAL_S, open_session=open_session
        ),
        "selection_service": _selection_service(
            settings,
            commands,
            home.store,
            command_line,
            launch=True,
            interval_s=_AWS_INTERVAL_S,
        ),
        "lake": home.lake,
        "publisher": make_publisher(settings, publish),
        "progress": LoggedProgress,
    }


def aws_instance(settings: Settings, session: AwsSession | None = None) -> "Ec2Instance":
    """The EC2 instance of the settings, with its lease book in the bucket.

    Args:
        settings: which instance, and which bucket.
        session: None makes one of the settings' access.

    Raises:
        ConfigError: a setting that this needs is missing, or boto3 is.
    """
    from pipeline_project.adapters.instances.ec2 import Ec2Instance

    aws = settings.aws
    if aws.bucket is None or aws.instance_id is None:
        needed = {"aws.bucket": aws.bucket, "aws.instance_id": aws.instance_id}
        missing = [name for name, value in needed.items() if value is None]
        variables = " and ".join(f"PIPELINE_{each.replace('.', '__').upper()}" for each in missing)
        raise ConfigError(
            f"Using AWS (on: aws): {' and '.join(missing)} not set. Write them into pipeline.yaml, "
            f"or set {variables}; the stack in ec2/ makes both and shows them as its outputs."
        )
    session = session or _aws_session(settings)
    home = open_home(aws.root, session)
    return Ec2Instance(
        session.client("ec2"),
        session.client("ssm"),
        home.store,
        _aws_commands(settings, session, home.store),
        aws.instance_id,
        ready_s=aws.ready_timeout_s,
        patience_s=aws.patience_s,
        usd_per_hour=aws.usd_per_hour,
    )


def used_instance(settings: Settings) -> Instances:
    """The machine that runs of these settings work on."""
    return aws_instance(settings) if settings.on == "aws" else local_instance(settings)


def _aws_session(settings: Settings) -> AwsSession:
    demand_boto3("Using AWS (on: aws)")
    return aws_session(settings)


def _aws_commands(settings: Settings, session: AwsSession, output: ObjectStore) -> "SsmCommands":
    from pipeline_project.adapters.commands.ssm import SsmCommands

    aws = settings.aws
    ssm = session.client("ssm")
    return SsmCommands(
        ssm, str(aws.instance_id), aws.document, output=output, patience_s=aws.patience_s
    )


def aws_session(settings: Settings) -> AwsSession:
    """The account of the settings; nothing is asked of it yet."""
    aws = settings.aws
    return AwsSession(
        AwsAccess(aws.region, aws.profile, aws.role_arn, aws.external_id, aws.endpoints)
    )


def make_publisher(settings: Settings, publish: Publish) -> Publisher:
    """What writes selections: folders of this machine, and copies of them in a bucket."""

    def copy(folder: Path, address: str) -> str:
        demand_boto3(f"Writing to {address}")
        return copy_to_bucket(folder, S3ObjectStore(address, aws_session(settings)))

    return Publisher(publish, copy=copy, folder=settings.home_path / "curated")


def demand_output_bucket(settings: Settings) -> None:
    """Look whether output can be written to its bucket, by writing there.

    Raises:
        ConfigError: it cannot; says why and what to do.
    """
    address = settings.output.dir
    demand_boto3(f"Writing to {address}")
    problems = check_bucket(aws_session(settings), address, write=True)
    if problems:
        raise ConfigError(f"Looking at {address}, the place for the result: {'; '.join(problems)}")


def local_commands(settings: Settings) -> LocalCommands:
    """What runs on this machine."""
    return LocalCommands(settings.home_path / "commands")


def local_instance(settings: Settings) -> LocalInstance:
    """This machine, with its lease book."""
    return LocalInstance(LocalObjectStore(settings.home_path / "store"), local_commands(settings))


def open_lake(settings: Settings) -> LanceLake:
    """The lake of this home; with `on: aws` the one in the bucket.

    Raises:
        ConfigError: `on: aws` without a bucket.
    """
    if settings.on == "aws":
        if settings.aws.bucket is None:
            raise ConfigError("Opening the lake on AWS (on: aws): aws.bucket is not set.")
        home = open_home(settings.aws.root, _aws_session(settings))
        return home.lake.on_branch(settings.branch)
    root = settings.home_path / "lake"
    return LanceLake(root.as_uri(), LocalObjectStore(root), branch=settings.branch)


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


def _selection_service(
    settings: Settings,
    commands: Commands,
    objects: ObjectStore,
    command_line: WorkerCommand,
    *,
    launch: bool = False,
    interval_s: float = 1.0,
) -> SelectionClient:
    """What `service: lightly` selects with: the Lightly service, without a token our own worker.

    `launch` says whether `commands` reach a box on which a Lightly Worker can be started.
    """
    recorder = EmbeddedSelectionService(commands, objects, command_line)
    if settings.lightly_token is None:
        return SelectionClient(recorder, interval_s)
    from pipeline_project.adapters.selection_service.lightly import LightlySelectionService
    from pipeline_project.adapters.selection_service.lightly_api import LightlyApi

    def open_store(address: str) -> ObjectStore:
        return open_home(address, _aws_session(settings)).store

    service = LightlySelectionService(
        LightlyApi(settings.lightly_token.get_secret_value()),
        objects,
        recorder,
        commands=commands if launch else None,
        open_store=open_store,
    )
    return SelectionClient(service, interval_s)


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
