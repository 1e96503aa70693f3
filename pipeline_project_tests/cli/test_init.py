from pathlib import Path

import yaml

from pipeline_project.settings import Settings, load_settings


def test_the_file_loads_back_to_the_defaults(pipeline):
    defaults = load_settings()
    assert pipeline("init").code == 0
    assert load_settings(Path("pipeline.yaml")) == defaults


def test_every_setting_stands_in_it_but_no_secret(pipeline):
    pipeline("init")
    content = yaml.safe_load(Path("pipeline.yaml").read_text())
    assert "pexels_api_key" not in content
    named = {name for name, field in Settings.model_fields.items() if not field.validation_alias}
    assert set(content) == named
    for name, value in load_settings().curation().model_dump().items():
        assert content[name] == value


def test_every_setting_is_explained(pipeline):
    pipeline("init")
    text = Path("pipeline.yaml").read_text()
    plain = " ".join(text.replace("#", " ").split())
    for field in load_settings().curation().sampling.__class__.model_fields.values():
        assert " ".join((field.description or "").split()) in plain
    assert "PEXELS_API_KEY" in text
    lines = text.splitlines()
    settings = [number for number, line in enumerate(lines) if line and "#" not in line]
    assert settings and all(lines[number - 1].lstrip().startswith("#") for number in settings)
    assert max(map(len, lines)) <= 100


def test_a_changed_line_takes_effect(pipeline):
    pipeline("init")
    path = Path("pipeline.yaml")
    path.write_text(path.read_text().replace("every_s: 1.0", "every_s: 0.25"))
    assert load_settings().sampling.every_s == 0.25


def test_a_file_that_is_there_stays_unless_forced(pipeline):
    Path("pipeline.yaml").write_text("dataset: mine\n")
    answer = pipeline("init")
    assert answer.code == 2
    assert "--force" in answer.err
    assert Path("pipeline.yaml").read_text() == "dataset: mine\n"
    assert pipeline("init", "--force").code == 0
    assert load_settings().dataset == "default"
    assert [path.name for path in Path().iterdir()] == ["pipeline.yaml"]
