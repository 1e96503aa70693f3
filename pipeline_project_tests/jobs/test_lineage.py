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
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        yield Scene(tmp_path / "house", instance)


def materialized(result):
    return {
        event.event_specific_data.materialization.asset_key.to_user_string(): event
        for event in result.all_events
        if event.event_type_value == "ASSET_MATERIALIZATION"
    }


@pytest.mark.parametrize("job", ["curation_job", "aws_example_job"])
def test_a_run_records_every_table_with_rows_commit_run_and_versions(scene, job):
    result = scene.run(job)
    events = materialized(result)
    assert set(events) == {*ASSETS, "ingest_batches"}
    media = events["media"].event_specific_data.materialization
    assert media.metadata["rows added"].value == 1
    assert media.metadata["commit"].value == scene.house.lake.resolve("main").commit_id
    assert media.metadata["run"].value == result.run_id
    assert media.tags["dagster/data_version"] == "media@2"
    assert media.tags["dagster/code_version"] == "probe 1"
    assert scene.stale() == {}


def test_a_run_that_adds_nothing_leaves_every_data_version_as_it_was(scene):
    scene.run()
    before = scene.versions()
    assert set(materialized(scene.run())) == set(ASSETS)  # and no batch
    assert scene.versions() == before
    scene.house.add_media("b.mp4")
    scene.run()
    after = scene.versions()
    assert {name for name in ASSETS if after[name] != before[name]} == {"media", "frames"}


def test_new_files_make_what_is_made_from_them_stale_until_the_next_run(scene):
    scene.run()
    scene.observe()
    assert scene.stale() == {}
    scene.house.add_media("b.mp4")
    scene.observe()
    assert scene.stale() == {"media": ["has a new dependency data version"]}
    scene.run()
    assert scene.stale() == {}


def test_new_code_makes_its_own_table_stale_and_no_other(scene, monkeypatch):
    scene.run()
    monkeypatch.setattr(tables, "VERSIONS", {**tables.VERSIONS, "embed": "next"})
    assert scene.stale() == {"embeddings": ["has a new code version"]}
    scene.run()
    assert scene.stale() == {}


def test_tables_made_from_the_assets_page_are_as_those_of_a_run(scene):
    scene.run()
    scene.house.add_media("b.mp4")
    scene.observe()
    result = scene.make(*ASSETS)
    assert set(materialized(result)) == {*ASSETS, "ingest_batches"}
    assert scene.stale() == {}
    assert scene.house.leases() == []


def test_a_run_on_another_source_says_nothing_of_the_usual_one(scene, tmp_path):
    scene.run()
    other = tmp_path / "other"
    shutil.copytree(scene.house.media, other)
    (other / "c.mp4").write_bytes(b"not looked at here")
    config = {"resources": {"curation": {"config": {"source": str(other)}}}}
    events = scene.run(run_config=config).all_events
    assert not [each for each in events if each.event_type_value == "ASSET_OBSERVATION"]
    assert scene.stale() == {}


def test_two_runs_of_one_day_are_one_ingest_batch(scene):
    scene.run()
    scene.house.add_media("b.mp4")
    scene.run()
    assert len(scene.instance.get_dynamic_partitions("ingest_batches")) == 1


def test_checks_that_fail_are_told_and_stop_nothing(scene, monkeypatch):
    result = scene.run()
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


def test_a_check_sees_a_row_that_is_missing(scene):
    result = scene.run()
    lake = scene.house.lake
    store = RunStore(scene.house.objects, scene.house.home)
    run = looking.Looked(lake, looking.latest_run(lake, store), ChecksConfig())
    assert run.result.run_id == result.run_id
    assert run.rows("frames").passed
    writer = lake.begin(run_id=result.run_id)
    ledger = lake.read(TABLES["datums"]).to_pylist()[-1]
    writer.append(TABLES["datums"], [{**ledger, "rows": 7}])
    writer.commit("a ledger that promises more than there is")
    assert not run.rows("frames").passed
