"""What Dagster knows of the tables after a run: versions, what is stale and why, checks."""

import shutil

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest

from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.core.checks_config import ChecksConfig
from pipeline_project.jobs.asset_checks import table_checks
from pipeline_project.jobs.assets import batches_asset, source_asset, table_assets
from pipeline_project.jobs.curation import make_jobs
from pipeline_project.ops import table_checks as looking
from pipeline_project.ops import tables
from pipeline_project.resources.curation import curation_resource
from pipeline_project.resources.store import RunStore
from pipeline_project_tests.jobs.wiring import House

ASSETS = [each.name for each in tables.TABLE_ASSETS]


class Scene:
    """A house whose worker writes a row or two to the lake, and what Dagster knows of it."""

    def __init__(self, folder, instance):
        folder.mkdir()
        self.house = House(folder).add_media("a.mp4")
        self.instance = instance

    def definitions(self, **config):
        settings = self.house.config(dataset="lake", **config)
        resources = self.house.resources()
        return dg.Definitions(
            assets=[source_asset(), table_assets(), batches_asset()],
            asset_checks=table_checks(),
            resources={**resources, "curation": curation_resource(settings)},
            executor=dg.in_process_executor,
            jobs=make_jobs(resources, settings),
        )

    def run(self, job="curation_job", run_config=None):
        job_def = self.definitions().resolve_job_def(job)
        return job_def.execute_in_process(instance=self.instance, run_config=run_config)

    def make(self, *names):
        keys = [dg.AssetKey(name) for name in names]
        return dg.materialize(
            self.definitions().assets,
            resources=self.definitions().resources,
            instance=self.instance,
            selection=dg.AssetSelection.assets(*keys).without_checks(),
        )

    def observe(self):
        self.definitions().resolve_implicit_global_asset_job_def().execute_in_process(
            instance=self.instance, asset_selection=[dg.AssetKey("source")]
        )

    def stale(self):
        graph = self.definitions().resolve_asset_graph()
        context = LoadingContextForTest(self.instance)
        resolver = CachingStaleStatusResolver(self.instance, graph, context)
        return {
            name: [cause.reason for cause in resolver.get_stale_causes(dg.AssetKey(name))]
            for name in ASSETS
            if resolver.get_status(dg.AssetKey(name)).value == "STALE"
        }

    def versions(self):
        events = {
            name: self.instance.get_latest_materialization_event(dg.AssetKey(name))
            for name in ASSETS
        }
        return {
            name: event.asset_materialization.tags["dagster/data_version"]
            for name, event in events.items()
        }


@pytest.fixture
def scene(tmp_path):
    return Scene(tmp_path / "house", dg.DagsterInstance.ephemeral())


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A scene after its first run, and that run; to be looked at, and not run again."""
    made = Scene(tmp_path_factory.mktemp("lineage") / "house", dg.DagsterInstance.ephemeral())
    return made, made.run()


def materialized(result):
    return {
        event.event_specific_data.materialization.asset_key.to_user_string(): event
        for event in result.all_events
        if event.event_type_value == "ASSET_MATERIALIZATION"
    }


def test_a_run_records_every_table_with_rows_commit_run_and_versions(ran):
    scene, result = ran
    events = materialized(result)
    assert set(events) == {*ASSETS, "ingest_batches"}
    media = events["media"].event_specific_data.materialization
    assert media.metadata["rows added"].value == 1
    assert media.metadata["commit"].value
    assert media.metadata["run"].value == result.run_id
    assert media.tags["dagster/data_version"] == "media@2"
    assert media.tags["dagster/code_version"] == f"probe {tables.VERSIONS['probe']}"
    assert scene.stale() == {}


def test_a_run_of_the_twin_job_records_them_too(scene):
    assert set(materialized(scene.run("aws_example_job"))) == {*ASSETS, "ingest_batches"}
    assert scene.stale() == {}


def test_only_what_a_run_changes_gets_another_data_version(scene):
    scene.run()
    before = scene.versions()
    assert set(materialized(scene.run())) == set(ASSETS)  # nothing came: no batch
    assert scene.versions() == before
    scene.house.add_media("b.mp4")
    scene.run()
    after = scene.versions()
    assert {name for name in ASSETS if after[name] != before[name]} == {"media", "frames"}
    assert len(scene.instance.get_dynamic_partitions("ingest_batches")) == 1  # one a day


def test_new_files_make_media_stale_until_the_tables_are_made_from_the_assets_page(scene):
    scene.run()
    scene.observe()
    assert scene.stale() == {}
    scene.house.add_media("b.mp4")
    scene.observe()
    assert scene.stale() == {"media": ["has a new dependency data version"]}
    assert set(materialized(scene.make(*ASSETS))) == {*ASSETS, "ingest_batches"}
    assert scene.stale() == {}
    assert scene.house.leases() == []


def test_new_code_makes_its_own_table_stale_and_no_other(scene, monkeypatch):
    scene.run()
    monkeypatch.setattr(tables, "VERSIONS", {**tables.VERSIONS, "embed": "next"})
    assert scene.stale() == {"embeddings": ["has a new code version"]}
    scene.run()
    assert scene.stale() == {}


def test_a_run_on_another_source_says_nothing_of_the_usual_one(scene, tmp_path):
    scene.run()
    other = tmp_path / "other"
    shutil.copytree(scene.house.media, other)
    (other / "c.mp4").write_bytes(b"not looked at here")
    config = {"resources": {"curation": {"config": {"source": str(other)}}}}
    events = scene.run(run_config=config).all_events
    assert not [each for each in events if each.event_type_value == "ASSET_OBSERVATION"]
    assert scene.stale() == {}


def test_checks_that_fail_are_told_and_stop_nothing(ran):
    _, result = ran
    told = {
        event.event_specific_data.check_name: event.event_specific_data
        for event in result.all_events
        if event.event_type_value == "ASSET_CHECK_EVALUATION"
    }
    assert set(told) == {each.name for each in looking.CHECKS}
    # The tiny worker says that it picked 3, and writes no selection.
    assert not told["picked_rows"].passed
    assert "0 of 3" in told["picked_rows"].description
    assert told["share_of_rejects"].passed


def test_a_check_sees_a_row_that_is_missing(ran):
    scene, result = ran
    lake = scene.house.lake
    store = RunStore(scene.house.objects, scene.house.home)

    def look():
        return looking.Looked(lake, looking.latest_run(lake, store), ChecksConfig())

    run = look()
    assert run.result.run_id == result.run_id
    assert run.rows("frames").passed
    writer = lake.begin(run_id=result.run_id)
    ledger = lake.read(TABLES["datums"]).to_pylist()[-1]
    writer.append(TABLES["datums"], [{**ledger, "rows": 7}])
    writer.commit("a ledger that promises more than there is")
    assert not look().rows("frames").passed


def test_new_code_starts_one_run_of_all_tables_where_that_is_wished(scene, monkeypatch):
    def tick(cursor=None):
        return dg.evaluate_automation_conditions(
            scene.definitions(), instance=scene.instance, cursor=cursor
        )

    scene.run()
    first = tick()
    assert first.total_requested == 0
    monkeypatch.setattr(tables, "VERSIONS", {**tables.VERSIONS, "embed": "next"})
    second = tick(first.cursor)
    assert second.get_num_requested(dg.AssetKey("embeddings")) == 1
    assert second.get_num_requested(dg.AssetKey("selections")) == 1  # all tables or none
    assert tick(second.cursor).total_requested == 0


def test_a_changed_source_starts_one_run_where_that_is_wished(scene):
    def tick(cursor=None):
        return dg.evaluate_automation_conditions(
            scene.definitions(), instance=scene.instance, cursor=cursor
        )

    scene.run()
    first = tick()
    scene.house.add_media("b.mp4")
    scene.observe()
    second = tick(first.cursor)
    assert second.get_num_requested(dg.AssetKey("media")) == 1
    scene.run()  # of its own: the change is seen to
    assert tick(second.cursor).total_requested == 0
