"""Runs of the Lightly service, from the request in the store to what the worker is left to record.

The service is a local server that the real client talks to; the worker is a real process.
"""

import json
import re
import sys

import pytest

from pipeline_project.adapters.commands.local import LocalCommands
from pipeline_project.adapters.object_store.local import LocalObjectStore
from pipeline_project.adapters.selection_service.embedded import EmbeddedSelectionService
from pipeline_project.adapters.selection_service.lightly import LightlySelectionService
from pipeline_project.adapters.selection_service.lightly_api import LightlyApi
from pipeline_project.core.config import CurationConfig
from pipeline_project.core.records import MediaRef
from pipeline_project.errors import (
    ConfigError,
    PermanentError,
    RemoteFailed,
    RemoteTimedOut,
    TransientError,
)
from pipeline_project_tests.contracts.commands import wait_for
from pipeline_project_tests.contracts.selection_service import SelectionServiceContract
from pipeline_project_tests.stand_ins.http import Answer
from pipeline_project_tests.stand_ins.lightly import TOKEN, lightly

ROOT = "s3://bucket/pipeline"
KEY = "runs/r1/request.json"
ACCESS = {
    "region": "eu-central-1",
    "role_arn": "arn:aws:iam::123456789012:role/lightly",
    "external_id": "an-external-id",
    "poll_s": 0,
}
RESULT = {"run_id": "r1", "selection_id": "s1", "reused": False, "counts": {"picked": 7}}


class BucketAtHome(LocalObjectStore):
    """A folder that calls itself a bucket."""

    @property
    def root(self):
        return ROOT


@pytest.fixture
def cloud(monkeypatch):
    with lightly() as it:
        monkeypatch.setenv("LIGHTLY_SERVER_LOCATION", it.base)
        yield it


@pytest.fixture
def store(tmp_path):
    return BucketAtHome(tmp_path / "store")


@pytest.fixture
def commands(tmp_path):
    return LocalCommands(tmp_path / "commands", grace_s=1.0)


@pytest.fixture
def service(cloud, store, commands):
    """Its worker writes a result; `commands` also starts Lightly Workers."""
    code = f"open({str(store.path('runs/r1/result.json'))!r}, 'w').write({json.dumps(RESULT)!r})"
    recorder = EmbeddedSelectionService(commands, store, lambda key: [sys.executable, "-c", code])
    return LightlySelectionService(
        LightlyApi(TOKEN, sleep=lambda s: None),
        store,
        recorder,
        commands=None,
        sleep=lambda s: None,
    )


def config(**more):
    lightly_section = {**ACCESS, **more.pop("lightly", {})}
    return CurationConfig.model_validate({"service": "lightly", "lightly": lightly_section, **more})


def ask(store, names=("a.mp4", "b.mp4"), conf=None):
    request = {"run_id": "r1", "config": (conf or config()).model_dump(mode="json")}
    store.put(KEY, json.dumps(request).encode())
    lines = [json.dumps({"uri": f"{ROOT}/input/{name}"}) + "\n" for name in names]
    store.put("runs/r1/listing.jsonl", "".join(lines).encode())


def schedule(service, store, **more):
    ask(store, **more)
    return service.schedule(KEY, timeout_s=60, label="r1")


def end(service, scheduled):
    assert wait_for(lambda: service.poll(scheduled).ended)
    return service.poll(scheduled)


class TestLightlySelectionService(SelectionServiceContract):
    @pytest.fixture
    def service(self, cloud, store, service):
        self.cloud, self.store = cloud, store
        cloud.add_worker("one", state="IDLE")
        return service

    def schedule(self, service, fate):
        self.cloud.states = {
            "completes": ["OPEN", "SAMPLING", "COMPLETED"],
            "fails": ["SAMPLING", "CRASHED"],
            "runs": ["OPEN"],
        }[fate]
        return schedule(service, self.store)

    @pytest.fixture(autouse=True)
    def usable(self, monkeypatch):
        # The contract asks with a bare configuration, which Lightly cannot be used with.
        monkeypatch.setattr(LightlySelectionService, "check", lambda self, config: [])

    def test_a_running_selection_has_not_ended_until_it_is_cancelled(self, service):
        scheduled = self.schedule(service, "runs")
        assert service.poll(scheduled).state == "open"
        service.cancel(scheduled)
        assert service.poll(scheduled).state == "cancelled"


def test_a_run_is_scoped_to_its_own_media(service, store, cloud):
    schedule(service, store)
    scope = store.get("lightly/.lightly/relevant_filenames/r1.txt")
    assert scope == b"a.mp4\nb.mp4\n"
    (made,) = cloud.configs.values()
    assert made["docker"]["relevantFilenamesFile"] == ".lightly/relevant_filenames/r1.txt"
    (dataset,) = cloud.datasets
    assert cloud.datasources[dataset, "INPUT"]["fullPath"] == f"{ROOT}/input"
    assert cloud.datasources[dataset, "LIGHTLY"]["fullPath"] == f"{ROOT}/lightly"


def test_ten_percent_diverse_with_the_datapool_unless_told_otherwise(service, store, cloud):
    schedule(service, store)
    (made,) = cloud.configs.values()
    assert made["docker"]["useDatapool"] is True
    assert made["selection"]["proportionSamples"] == 0.1
    (strategy,) = made["selection"]["strategies"]
    assert (strategy["input"]["type"], strategy["strategy"]["type"]) == ("EMBEDDINGS", "DIVERSITY")


def test_what_is_written_out_goes_to_the_service_as_it_is(service, store, cloud):
    given = config(
        dataset="holidays",
        datapool={"enabled": False, "process_all": True},
        selection={
            "n_samples": 5,
            "strategies": [
                {
                    "input": {"type": "EMBEDDINGS"},
                    "strategy": {
                        "type": "DIVERSITY",
                        "stopping_condition_minimum_distance": 0.2,
                    },
                }
            ],
        },
        lightly={
            "worker_config": {"enable_training": False, "num_processes": 4},
            "lightly_config": {"loader": {"batch_size": 64}},
            "runs_on": ["gpu"],
        },
    )
    schedule(service, store, conf=given)
    (made,) = cloud.configs.values()
    assert made["selection"]["nSamples"] == 5
    assert (
        made["selection"]["strategies"][0]["strategy"]["stopping_condition_minimum_distance"] == 0.2
    )
    assert made["docker"]["numProcesses"] == 4
    assert made["docker"]["useDatapool"] is False
    assert made["docker"]["datasource"]["processAll"] is True
    assert made["lightly"]["loader"]["batchSize"] == 64
    assert [each["name"] for each in cloud.datasets.values()] == ["holidays"]
    assert [each["runs_on"] for each in cloud.scheduled.values()] == [["gpu"]]


def test_the_options_of_the_guide_are_translated_and_that_is_told(service, store, cloud):
    cloud.states = ["COMPLETED"]
    given = config(
        lightly={
            "docker_options": {
                "token": TOKEN,
                "enable_corruptness_check": True,
                "remove_exact_duplicates": True,
                "method": "coreset",
                "stopping_condition.n_samples": 0.1,
                "datapool.name": "pexels",
            }
        }
    )
    scheduled = schedule(service, store, conf=given)
    (made,) = cloud.configs.values()
    assert made["selection"]["proportionSamples"] == 0.1
    assert [each["name"] for each in cloud.datasets.values()] == ["pexels"]
    assert TOKEN not in json.dumps(made)
    end(service, scheduled)
    told = " ".join(json.loads(store.get("runs/r1/picks.json"))["messages"])
    for name in ("enable_corruptness_check", "n_samples", "datapool.name", "token was left out"):
        assert name in told
    assert TOKEN not in told


def test_the_picks_and_the_artifacts_lie_in_the_store_when_the_worker_records_them(
    service, store, cloud
):
    cloud.states = ["COMPLETED"]
    cloud.names = ["a-003-mp4.png", "b-100-mp4.png"]
    sequences = [
        {"video_name": "a.mp4", "frame_names": ["a-003-mp4.png"], "frame_timestamps_pts": [1536]}
    ]
    cloud.artifacts = {
        "report.pdf": b"%PDF",
        "sequence_information.json": json.dumps(sequences).encode(),
        "corruptness_check_information.json": b'{"corrupt_videos": {"c.mp4": "no frames"}}',
    }
    scheduled = schedule(service, store)
    assert end(service, scheduled).state == "completed"
    picks = json.loads(store.get("runs/r1/picks.json"))
    assert picks["names"] == ["a-003-mp4.png", "b-100-mp4.png"]
    assert picks["pts"] == {"a-003-mp4.png": 1536}
    assert picks["corrupt"] == {"c.mp4": "no frames"}
    assert (picks["kind"], picks["input"]) == ("Videos", f"{ROOT}/input")
    assert store.get("runs/r1/lightly/report.pdf") == b"%PDF"
    outcome = service.fetch(scheduled)
    assert (outcome.selection_id, outcome.picked) == ("s1", 7)


def test_an_artifact_that_cannot_be_had_costs_nothing_else(service, store, cloud):
    cloud.states = ["COMPLETED"]
    cloud.artifacts = {"report.pdf": b"%PDF", "log.txt": b"log"}
    cloud.faults = [("GET", "/artifacts/report.pdf", Answer(404))] * 9
    assert end(service, schedule(service, store)).state == "completed"
    picks = json.loads(store.get("runs/r1/picks.json"))
    assert any("report.pdf could not be had" in each for each in picks["messages"])
    assert "signature" not in json.dumps(picks)
    assert store.get("runs/r1/lightly/log.txt") == b"log"


def test_a_failed_run_cannot_be_fetched_and_tells_the_workers_words(service, store, cloud):
    cloud.states = ["FAILED"]
    cloud.message = "no space left on the GPU"
    scheduled = schedule(service, store)
    assert service.poll(scheduled).state == "failed"
    with pytest.raises(RemoteFailed, match="no space left on the GPU"):
        service.fetch(scheduled)


def test_the_service_is_asked_no_more_often_than_it_wants(cloud, store, commands):
    now = [0.0]
    cloud.states = ["SAMPLING"]
    service = LightlySelectionService(
        LightlyApi(TOKEN),
        store,
        EmbeddedSelectionService(commands, store, lambda key: []),
        clock=lambda: now[0],
    )
    scheduled = schedule(service, store, conf=config(lightly={"poll_s": 30.0}))
    before = len(cloud.server.asked)
    for _ in range(5):
        service.poll(scheduled)
    assert len(cloud.server.asked) == before + 1
    now[0] = 31.0
    service.poll(scheduled)
    assert len(cloud.server.asked) == before + 2


def test_another_process_can_follow_and_cancel(cloud, store, service, commands):
    cloud.states = ["OPEN"]
    scheduled = schedule(service, store)
    other = LightlySelectionService(
        LightlyApi(TOKEN), store, EmbeddedSelectionService(commands, store, lambda key: [])
    )
    assert other.poll(scheduled).state == "open"
    other.cancel_labelled("r1")
    assert service.poll(scheduled).state == "cancelled"


@pytest.mark.parametrize("state", ["SAMPLING", "COMPLETED"])
def test_a_run_that_is_executed_again_goes_on_with_what_was_scheduled(service, store, cloud, state):
    cloud.states = [state]
    first = schedule(service, store)
    again = service.schedule(KEY, timeout_s=60, label="r2")
    assert again == first
    assert len(cloud.scheduled) == 1


def test_what_is_gone_on_with_can_be_cancelled_by_its_new_label(service, store, cloud):
    cloud.states = ["OPEN"]
    schedule(service, store)
    again = service.schedule(KEY, timeout_s=60, label="r2")
    service.cancel_labelled("r2")
    assert service.poll(again).state == "cancelled"


@pytest.mark.parametrize(("status", "kind"), [(401, ConfigError), (503, TransientError)])
def test_a_cancel_that_fails_says_so_without_the_token(service, store, cloud, status, kind):
    schedule(service, store)
    cloud.faults = [("GET", "/docker/worker/schedule", Answer(status))] * 9
    with pytest.raises(kind, match=f"HTTP {status}") as caught:
        service.cancel_labelled("r1")
    assert TOKEN not in str(caught.value)


def test_a_run_that_failed_is_scheduled_anew_when_it_is_executed_again(service, store, cloud):
    cloud.states = ["CRASHED"]
    first = schedule(service, store)
    cloud.states = ["OPEN"]
    again = service.schedule(KEY, timeout_s=60, label="r2")
    assert again != first
    service.cancel_labelled("r2")
    assert service.poll(again).state == "cancelled"


@pytest.mark.parametrize("key", ["request.json", "runs/r1/listing.jsonl", ""])
def test_what_is_no_request_is_refused(service, store, key):
    with pytest.raises(PermanentError):
        service.schedule(key, timeout_s=1, label="r1")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (
            {"lightly": {"role_arn": None, "external_id": None}},
            r"role_arn is not set; lightly\.ext",
        ),
        ({"lightly": {"input": "/data"}}, r"lightly\.input is /data, and Lightly reaches only"),
        ({"dataset": "ab"}, "'ab' is shorter than 3 characters"),
        ({"selection": {"n_samples": 0}}, "n_samples"),
        (
            {
                "selection": {
                    "strategies": [{"input": {"type": "RANDOM"}, "strategy": {"type": "BALANCE"}}]
                }
            },
            "BALANCE",
        ),
        ({"lightly": {"worker_config": {"use_datapol": True}}}, r"useDatapol|use_datapol"),
        ({"lightly": {"worker_config": {"num_processes": "many"}}}, "numProcesses"),
        ({"lightly": {"lightly_config": {"loader": {"batchsize": 1}}}}, "batchsize"),
        ({"lightly": {"worker_config": {"relevant_filenames_file": "x"}}}, "take it out"),
        ({"lightly": {"docker_options": {"method": "best"}}}, "allowed: coreset, random"),
        (
            {
                "selection": {"n_samples": 3},
                "lightly": {"docker_options": {"stopping_condition.n_samples": 4}},
            },
            "keep one",
        ),
    ],
)
def test_what_cannot_work_is_found_before_anything_is_asked_of_the_service(
    service, store, cloud, more, words
):
    (problem,) = service.check(config(**more))
    assert re.search(words, problem)
    with pytest.raises(ConfigError, match=words):
        schedule(service, store, conf=config(**more))
    assert cloud.server.asked == []


def test_a_wrong_token_is_found_before_anything_starts(cloud, store, commands):
    recorder = EmbeddedSelectionService(commands, store, lambda key: [])
    service = LightlySelectionService(LightlyApi("nobodystoken1"), store, recorder)
    (problem,) = service.check(config())
    assert "HTTP 401, the token is refused. Check LIGHTLY_TOKEN" in problem
    assert "nobodystoken1" not in problem


def test_a_service_that_does_not_answer_is_no_fault_of_the_configuration(service, cloud):
    cloud.faults = [("GET", "/docker/worker", Answer(503))]
    with pytest.raises(TransientError, match="HTTP 503"):
        service.check(config())


def test_a_good_configuration_has_no_problem(service):
    assert service.check(config()) == []


def test_videos_and_images_together_are_refused(service, store):
    with pytest.raises(ConfigError, match=r"both \(a\.mp4, b\.png\)"):
        schedule(service, store, names=["a.mp4", "b.png"])


def test_media_that_lightly_cannot_read_are_refused(service, store):
    ask(store)
    store.put("runs/r1/listing.jsonl", b'{"uri": "s3://bucket/other/a.mp4"}\n')
    with pytest.raises(ConfigError, match="does not lie below s3://bucket/pipeline/input"):
        service.schedule(KEY, timeout_s=60, label="r1")


def test_uploads_are_named_by_their_place_in_the_store(service, store, cloud):
    """One could not be read where it was, so it is nowhere in the store: the others are taken."""
    ask(store)
    there = {"uri": "file://laptop-1/a.mp4", "stored_uri": f"{ROOT}/input/0a.mp4"}
    lines = [json.dumps(row) + "\n" for row in (there, {"uri": "file://laptop-1/gone.mp4"})]
    store.put("runs/r1/listing.jsonl", "".join(lines).encode())
    service.schedule(KEY, timeout_s=60, label="r1")
    [scope] = [item.key for item in store.list("lightly") if item.key.endswith(".txt")]
    assert store.get(scope) == b"0a.mp4\n"


def test_a_run_of_which_no_file_could_be_uploaded_is_refused(service, store):
    ask(store)
    store.put("runs/r1/listing.jsonl", b'{"uri": "file://laptop-1/gone.mp4"}\n')
    with pytest.raises(PermanentError, match="none of its 1 files could be uploaded"):
        service.schedule(KEY, timeout_s=60, label="r1")


def launched(folder):
    return config(lightly={"launcher": str(folder / "run_lightly.sh")})


class TestWorkers:
    """Lightly Workers that a run starts; their launcher is a program of this test."""

    @pytest.fixture
    def start(self, cloud, store, commands, tmp_path):
        def start(code):
            launcher = tmp_path / "run_lightly.sh"
            launcher.write_text(f"#!{sys.executable}\n{code}\n")
            launcher.chmod(0o755)
            recorder = EmbeddedSelectionService(commands, store, lambda key: [])
            return LightlySelectionService(
                LightlyApi(TOKEN, sleep=lambda s: None),
                store,
                recorder,
                commands=commands,
                sleep=lambda s: cloud_step(cloud),
            )

        def cloud_step(cloud):
            if store.path("up").exists():
                for each in cloud.workers.values():
                    each["state"] = "IDLE"

        return start

    def test_an_idle_worker_is_taken_as_it_is(self, start, cloud, commands):
        cloud.add_worker("there", labels=["gpu"], state="IDLE")
        service = start("raise SystemExit('not wanted')")
        note = service.ensure_worker(config(lightly={"runs_on": ["gpu"]}), timeout_s=30, label="r1")
        assert note == "Lightly Worker 'there' is idle."
        assert commands.running() == []

    def test_else_one_is_started_and_waited_for_and_ends_with_the_selection(
        self, start, cloud, commands, store, tmp_path
    ):
        cloud.add_worker("of others", labels=[], state="BUSY")
        store.put("x", b"")
        seen = tmp_path / "seen.json"
        service = start(
            "import json, os, pathlib, time\n"
            "seen = {k: v for k, v in os.environ.items() if k.startswith('LIGHTLY')}\n"
            f"pathlib.Path({str(seen)!r}).write_text(json.dumps(seen))\n"
            f"pathlib.Path({str(store.path('up'))!r}).touch()\n"
            "time.sleep(60)"
        )
        note = service.ensure_worker(launched(tmp_path), timeout_s=30, label="r1")
        assert note == "Lightly Worker 'pipeline-project' was started and is idle."
        (ours,) = [w for w in cloud.workers.values() if w["name"] == "pipeline-project"]
        words = json.loads(seen.read_text())
        assert words["LIGHTLY_WORKER_ID"] == ours["id"]
        assert words["LIGHTLY_TOKEN_PARAMETER"] == "/pipeline_project/lightly_token"
        assert words["LIGHTLY_SHM_SIZE"] == "1024m"
        assert TOKEN not in words.values()
        assert [label for _, label in commands.running()] == ["r1-lightly-worker"]
        schedule(service, store)
        (made,) = cloud.configs.values()
        assert made["docker"]["shutdownWhenJobFinished"] is True
        service.cancel_labelled("r1")
        assert wait_for(lambda: commands.running() == [])

    def test_a_worker_that_ends_at_once_is_told_with_its_last_words(self, start, tmp_path):
        service = start("import sys; sys.exit('no docker here')")
        with pytest.raises(RemoteFailed, match="ended before the worker was idle.*no docker here"):
            service.ensure_worker(launched(tmp_path), timeout_s=30, label="r1")

    def test_a_worker_that_never_comes_ends_the_wait(self, start, tmp_path):
        service = start("import time; time.sleep(60)")
        try:
            with pytest.raises(
                RemoteTimedOut, match="Lightly Worker 'pipeline-project' to be idle"
            ):
                service.ensure_worker(launched(tmp_path), timeout_s=0.5, label="r1")
        finally:
            service.cancel_labelled("r1")

    def test_without_a_box_one_must_be_there(self, service, tmp_path):
        with pytest.raises(RemoteTimedOut, match="none is started by a run on this machine"):
            service.ensure_worker(launched(tmp_path), timeout_s=0.2, label="r1")


def test_media_that_lightly_cannot_read_are_told_while_they_are_listed(service):
    config = CurationConfig(service="lightly", lightly={**ACCESS, "input": "s3://theirs/raw"})
    refs = [
        MediaRef(f"s3://theirs/{name}", name, "there", 1, "") for name in ("raw/a.mp4", "other.mp4")
    ]
    listing = service.fitting(config, iter(refs))
    assert next(listing) == refs[0]
    with pytest.raises(ConfigError, match=r"s3://theirs/other\.mp4 does not lie below"):
        next(listing)


def test_uploads_that_lightly_could_not_read_are_told_before_anything_starts(service):
    config = CurationConfig(
        source="pexels:cats", service="lightly", lightly={**ACCESS, "input": "s3://theirs/raw"}
    )
    (problem,) = service.check(config)
    assert "does not lie below s3://theirs/raw" in problem and "lightly.input" in problem
