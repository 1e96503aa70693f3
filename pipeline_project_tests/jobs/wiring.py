"""The jobs over real local adapters and the tiny worker program."""

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg

from pipeline_project.adapters.commands.local import LocalCommands
from pipeline_project.adapters.instances.local import LocalInstance
from pipeline_project.adapters.lake.lance import LanceLake
from pipeline_project.adapters.object_store.local import LocalObjectStore
from pipeline_project.adapters.selection_service.embedded import EmbeddedSelectionService
from pipeline_project.adapters.sources import open_source
from pipeline_project.core.checks_config import ChecksConfig
from pipeline_project.core.config import CurationConfig
from pipeline_project.jobs.curation import make_jobs
from pipeline_project.resources.instance import instance_resource
from pipeline_project.resources.progress import LoggedProgress
from pipeline_project.resources.publisher import Publisher
from pipeline_project.resources.selection_service import SelectionClient
from pipeline_project.resources.source import Sources
from pipeline_project.resources.store import RunStore
from pipeline_project.resources.worker import WorkerClient

WORKER = Path(__file__).with_name("fake_worker.py")
JPEG = b"\xff\xd8 a small picture"


@dataclass(frozen=True)
class Published:
    folder: Path
    picked: int
    files: list[str]
    report: Path
    already_there: bool = False
    previews: list[bytes] = field(default_factory=lambda: [JPEG] * 3)


def publish(*, lake, store, result, config, out_dir, run_url):
    folder = out_dir / result.selection_id
    folder.mkdir(parents=True, exist_ok=True)
    report = folder / "report.html"
    report.write_text(f"{lake} {run_url}")
    return Published(folder, int(result.counts["picked"]), [report.name], report)


@dataclass(frozen=True)
class House:
    """Everything below one folder, as a test sees it."""

    home: Path

    @property
    def objects(self):
        return LocalObjectStore(self.home / "store")

    @property
    def commands(self):
        return LocalCommands(self.home / "commands", grace_s=1.0)

    @property
    def instance(self):
        return LocalInstance(self.objects, self.commands)

    @property
    def lake(self):
        root = self.home / "lake"
        return LanceLake(root.as_uri(), LocalObjectStore(root))

    @property
    def media(self):
        return self.home / "media"

    def add_media(self, *names):
        self.media.mkdir(exist_ok=True)
        for name in names:
            (self.media / name).write_bytes(b"not looked at here")
        return self

    def config(self, **more):
        return CurationConfig.model_validate(
            {"source": str(self.media), "output": {"dir": str(self.home / "out")}, **more}
        )

    def argv(self, request_key):
        root = str(self.home / "store")
        return [sys.executable, str(WORKER), root, request_key, "--end-with-stdin"]

    def resources(self, **overrides):
        commands, objects = self.commands, self.objects
        service = EmbeddedSelectionService(commands, objects, self.argv)
        return {
            "source": Sources(open_source),
            "store": RunStore(objects, self.home),
            "instance": instance_resource(LocalInstance(objects, commands), lease_s=60),
            "worker": WorkerClient(commands, self.argv, interval_s=0.05),
            "selection_service": SelectionClient(service, interval_s=0.05),
            "lake": self.lake,
            "checks": ChecksConfig(),
            "publisher": Publisher(publish, run_url=lambda run_id: f"http://here/runs/{run_id}"),
            "progress": LoggedProgress,
            **overrides,
        }

    def definitions(self, config, **overrides):
        return dg.Definitions(jobs=make_jobs(self.resources(**overrides), config))

    def leases(self):
        return [lease.run_id for lease in self.instance.status().leases]


@dg.definitions
def defs():
    """Give the definitions for `dagster job execute`, with the home from the environment."""
    house = House(Path(os.environ["HOUSE"]))
    return house.definitions(house.config(dataset=os.environ["BEHAVIOUR"]))


if __name__ == "__main__":
    outcome = defs().resolve_job_def(sys.argv[1]).execute_in_process(raise_on_error=False)
    sys.exit(0 if outcome.success else 1)
