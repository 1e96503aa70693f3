"""A pipeline's YAML as Dagster sees it: assets, their lineage, versions, and errors with a line."""

import sys
import textwrap
from pathlib import Path

import dagster as dg
import pytest

from pipeline_project.components import CollectionPipeline
from pipeline_project.components.collection_pipeline import pipeline_defs
from pipeline_project.errors import ConfigError
from pipeline_project.examples.image_quality.files import write_example

NAME = "image_quality"


@pytest.fixture
def example(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIPELINE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PIPELINE_LIMITS__THREADS", "1")
    write_example(tmp_path / "quality")
    return tmp_path / "quality" / "defs.yaml"


def nodes(defs: dg.Definitions):
    return defs.resolve_asset_graph()


def key(name: str) -> dg.AssetKey:
    return dg.AssetKey([NAME, name])


def test_every_source_and_step_is_an_asset_that_hangs_on_what_it_reads(example):
    graph = nodes(pipeline_defs([example]))
    read = {each.path[-1]: {up.path[-1] for up in graph.get(each).parent_keys}
            for each in graph.get_all_asset_keys()}  # fmt: skip
    assert read == {
        "images": set(),
        "vol": {"images"},
        "sob": {"images"},
        "fft": {"images"},
        "features": {"vol", "sob", "fft"},
        "cls": {"features"},
    }


def test_a_run_materializes_the_steps_and_a_second_one_finds_nothing_to_do(example):
    (steps,) = [
        each
        for each in pipeline_defs([example]).assets or ()
        if isinstance(each, dg.AssetsDefinition)
    ]
    with dg.instance_for_test() as instance:
        for expected in (("new", 7), ("skipped", 7)):
            assert dg.materialize([steps], instance=instance).success
            event = instance.get_latest_materialization_event(key("cls"))
            metadata = event.asset_materialization.metadata
            assert metadata[expected[0]].value == expected[1]
        assert metadata["commit"].value == "nothing changed"


def test_changed_code_changes_the_code_version_of_its_step_alone(example):
    def versions() -> dict[str, str | None]:
        graph = nodes(pipeline_defs([example]))
        return {each.path[-1]: graph.get(each).code_version for each in graph.get_all_asset_keys()}

    before = versions()
    example.write_text(example.read_text().replace("classify: talk", "classify: default"))
    after = versions()
    assert {name for name in before if before[name] != after[name]} == {"cls"}


def test_what_is_wrong_is_told_with_file_and_line(example):
    example.write_text(example.read_text().replace("collection: features", "collection: feature"))
    with pytest.raises(
        ConfigError, match=r"defs.yaml:\d+: there is no collection .* mean features"
    ):
        pipeline_defs([example])


def test_two_pipelines_of_one_name_are_refused(example, tmp_path):
    write_example(tmp_path / "again")
    with pytest.raises(ConfigError, match="a pipeline called image_quality already"):
        pipeline_defs([example, tmp_path / "again"])


@pytest.fixture
def project(example, monkeypatch) -> Path:
    """A Dagster project of a user, with the pipeline in its `defs` folder."""
    root = example.parent.parent / "project"
    defs = root / "users_project" / "defs"
    defs.mkdir(parents=True)
    (root / "pyproject.toml").write_text(
        '[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "users_project"\n'
    )
    for folder in (defs.parent, defs):
        (folder / "__init__.py").write_text("")
    example.parent.rename(defs / "quality")
    monkeypatch.syspath_prepend(str(root))
    yield defs
    for name in [each for each in sys.modules if each.startswith("users_project")]:
        del sys.modules[name]


def load(defs: Path) -> dg.Definitions:
    return dg.load_from_defs_folder(path_within_project=defs)


def test_a_defs_folder_of_dagster_loads_it_by_its_type(project):
    assert key("cls") in nodes(load(project)).get_all_asset_keys()


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("glob: \"/*.jpg\"", "globe: \"/*.jpg\"", "globe"),
        ("collection: features", "collection: feature", "there is no collection or step 'feature'"),
    ],
)  # fmt: skip
def test_dagster_shows_the_line_of_what_is_wrong(project, before, after, said):
    file = project / "quality" / "defs.yaml"
    text = file.read_text()
    line = text[: text.index(before)].count("\n") + 1
    file.write_text(text.replace(before, after, 1))
    with pytest.raises(Exception) as caught:
        nodes(load(project))
    shown = []
    error: BaseException | None = caught.value
    while error is not None:
        shown.append(str(error))
        error = error.__cause__ or error.__context__
    everything = "\n".join(shown)
    assert said in everything
    assert f"defs.yaml:{line}" in everything, textwrap.shorten(everything, 2000)


def test_the_schema_names_every_key_for_editors():
    schema = CollectionPipeline.get_model_cls().model_json_schema()
    assert {"join_on", "outer_join", "group_by", "glob"} <= set(
        schema["$defs"]["InputSection"]["properties"]
    )
