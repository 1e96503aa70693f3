"""The graph as people see it, and the files that Dagster reads."""

from pathlib import Path

import dagster as dg
import pytest
import yaml

import pipeline_project
from pipeline_project.definitions import defs
from pipeline_project.jobs.curation import curation

ROOT = Path(pipeline_project.__file__).parents[1]

EDGES = {
    ("download_random_video_from_pexels", "start_instance"),
    ("collect_media", "start_instance"),
    ("start_instance", "upload_video_to_s3"),
    ("start_instance", "run_lightly_onprem"),
    ("upload_video_to_s3", "run_worker"),
    ("upload_video_to_s3", "schedule_lightly_run"),
    ("run_lightly_onprem", "schedule_lightly_run"),
    ("run_worker", "shutdown_instance"),
    ("schedule_lightly_run", "shutdown_instance"),
    ("shutdown_instance", "record_lineage"),
    ("shutdown_instance", "publish_selection"),
}


def test_the_graph_is_the_one_in_the_readme():
    structure = curation.dependency_structure
    edges = {
        (upstream.node_name, node)
        for node in curation.node_dict
        for outputs in structure.input_to_upstream_outputs_for_node(node).values()
        for upstream in outputs
    }
    assert edges == EDGES


def test_every_op_says_what_it_does():
    for node in curation.nodes:
        assert len(node.definition.description) > 60, node.name


def test_the_definitions_load_and_hold_both_jobs(tmp_path, monkeypatch):
    monkeypatch.setenv("PIPELINE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    loaded = defs()
    dg.Definitions.validate_loadable(loaded)
    assert {job.name for job in loaded.jobs} == {"curation_job", "aws_example_job"}


@pytest.mark.parametrize(
    ("job", "service"), [("curation_job", "worker"), ("aws_example_job", "lightly")]
)
def test_each_job_says_who_selects(tmp_path, monkeypatch, job, service):
    monkeypatch.setenv("PIPELINE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert defs().resolve_job_def(job).tags["pipeline_project/service"] == service


def test_dagster_accepts_the_shipped_settings_and_sends_no_telemetry(tmp_path):
    shipped = yaml.safe_load((ROOT / "pipeline_project" / "dagster.yaml").read_text())
    with dg.instance_for_test(temp_dir=str(tmp_path), overrides=shipped) as instance:
        assert not instance.telemetry_enabled
        assert instance.run_monitoring_enabled


def test_the_workspace_names_the_definitions():
    workspace = yaml.safe_load((ROOT / "workspace.yaml").read_text())
    (location,) = workspace["load_from"]
    assert location["python_module"]["module_name"] == "pipeline_project.definitions"
