"""The launchpad's model is the configuration's model."""

import dagster as dg
import pytest

from pipeline_project.core.config import CurationConfig
from pipeline_project.resources.curation import CurationResource, curation_resource


def config(**fields):
    return CurationConfig.model_validate(fields)


def resolved(defaults, given):
    """Give the configuration that an op sees when the launchpad holds `given`."""
    seen = []

    @dg.op
    def look(curation: CurationResource):
        seen.append(curation.config())

    @dg.graph
    def graph():
        look()

    job = graph.to_job(
        name="look",
        resource_defs={"curation": curation_resource(defaults)},
        executor_def=dg.in_process_executor,
    )
    job.execute_in_process(run_config={"resources": {"curation": {"config": given}}})
    return seen[0]


def schema_fields(section=None):
    fields = curation_resource(config()).to_config_schema().as_field().config_type.fields
    return fields if section is None else fields[section].config_type.fields


@pytest.fixture
def rich():
    return config(
        source="here",
        include=["*.mp4"],
        sampling={"mode": "fps", "fps": 2.5},
        selection={"n_samples": 4, "strategies": [{"input": {"type": "EMBEDDINGS"}}]},
        limits={"threads": 3},
    )


def test_the_defaults_come_back_as_they_went_in(rich):
    assert curation_resource(rich).config() == rich
    assert resolved(rich, {}) == rich


def test_a_section_given_in_part_keeps_the_defaults_of_its_other_fields(rich):
    got = resolved(rich, {"sampling": {"mode": "every"}})
    assert got.sampling.mode == "every"
    assert got.sampling.fps == 2.5
    assert got.limits.threads == 3


def test_a_selection_config_passes_verbatim():
    selection = {"n_samples": 3, "strategies": [{"strategy": {"type": "WEIGHTS", "x": None}}]}
    assert resolved(config(), {"selection": selection}).selection == selection


def test_every_field_keeps_its_description():
    for name, field in schema_fields().items():
        assert field.description, name
    for name, field in schema_fields("quality").items():
        assert field.description, name


def test_a_typing_slip_is_refused():
    with pytest.raises(dg.DagsterInvalidConfigError, match="datset"):
        resolved(config(), {"datset": "x"})


def test_a_value_out_of_bounds_is_refused():
    with pytest.raises(Exception, match="curation") as caught:
        resolved(config(), {"sampling": {"every_s": -1.0}})
    assert "greater than 0" in str(caught.value.__cause__)
