"""A video in a bucket, picked by the Lightly service, recorded by the real worker.

The bucket is a real S3 server, the client is Lightly's own, the worker is the real program; only
the service behind the client is a local stand-in.
"""

import sys

import pytest

from pipeline_project.adapters.commands.local import LocalCommands
from pipeline_project.adapters.selection_service.embedded import EmbeddedSelectionService
from pipeline_project.adapters.selection_service.lightly import LightlySelectionService
from pipeline_project.adapters.selection_service.lightly_api import LightlyApi
from pipeline_project.adapters.waiting import Deadline
from pipeline_project.core.config import CurationConfig
from pipeline_project.core.records import MediaRef
from pipeline_project.report.publish import publish
from pipeline_project.resources.selection_service import SelectionClient
from pipeline_project.resources.store import RunStore
from pipeline_project.worker.homes import open_home
from pipeline_project.worker.request import WorkerRequest, WorkerResult, request_key
from pipeline_project_tests.adapters.selection_service.test_lightly import ACCESS
from pipeline_project_tests.seaweed import bucket, seaweed  # noqa: F401
from pipeline_project_tests.stand_ins.lightly import TOKEN, lightly
from pipeline_project_tests.worker.test_record_picks import numbered, shown_number


class Progress:
    def __init__(self):
        self.said = []

    def update(self, stage, done, total, unit, message):
        self.said.append(message)


@pytest.fixture
def cloud(monkeypatch):
    with lightly() as it:
        monkeypatch.setenv("LIGHTLY_SERVER_LOCATION", it.base)
        yield it


def test_what_lightly_picks_of_an_uploaded_video_ends_in_the_lake_and_the_report(
    seaweed,  # noqa: F811
    bucket,  # noqa: F811
    cloud,
    tmp_path,
):
    root = f"s3://{bucket}/pipeline"
    home = open_home(root, seaweed.session())
    store = RunStore(home.store, tmp_path)
    uri, etag = store.add_media(numbered(tmp_path / "a.mp4"), ".mp4")
    credit = {"author": "Ada", "credit": "Video by Ada on Pexels", "provider": "Pexels"}
    ref = MediaRef(uri, "pexels-7.mp4", "pexels:id:7", 1, etag, credit)
    config = CurationConfig.model_validate(
        {"service": "lightly", "lightly": ACCESS, "output": {"dir": str(tmp_path / "out")}}
    )
    store.write_listing("r1", [ref])
    store.write_request(WorkerRequest(run_id="r1", config=config, source="pexels:id:7"))
    stem = uri.rpartition("/")[2].removesuffix(".mp4")
    wanted = [31, 4]
    cloud.states = ["OPEN", "SAMPLING", "COMPLETED"]
    cloud.names = [f"{stem}-{number:02d}-mp4.png" for number in wanted]
    cloud.artifacts = {"report.pdf": b"%PDF", "log.txt": b"log"}

    def worker(key):
        return [sys.executable, "-m", "pipeline_project.worker", "--root", root, "--request", key]

    commands = LocalCommands(tmp_path / "commands")
    recorder = EmbeddedSelectionService(commands, home.store, worker, env=seaweed.environment)
    client = SelectionClient(
        LightlySelectionService(LightlyApi(TOKEN), home.store, recorder), interval_s=0.1
    )
    client.demand_usable(config)
    progress = Progress()
    outcome = client.run(
        request_key=request_key("r1"),
        label="r1",
        deadline=Deadline(200),
        progress=progress,
        keep=lambda: None,
    )
    assert outcome.picked == 2
    assert any("SAMPLING" in each for each in progress.said)
    result = WorkerResult.model_validate(outcome.facts)
    published = publish(
        lake=home.lake, store=home.store, result=result, config=config, out_dir=tmp_path / "out"
    )
    frames = sorted((published.folder / "frames").iterdir())
    assert [shown_number(path.read_bytes()) for path in frames] == wanted
    assert "Video by Ada on Pexels" in (published.folder / "selection.csv").read_text()
    assert home.store.get("runs/r1/lightly/report.pdf") == b"%PDF"
    text = "".join(
        path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file()
    )
    assert TOKEN not in text
