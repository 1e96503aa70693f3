from pathlib import Path

from pipeline_project.adapters.embedder.lite0 import Lite0Embedder
from pipeline_project.cli.checks import MODEL_SHA256


def checks(answer) -> dict[str, dict]:
    return {row["check"]: row for row in answer.rows}


def test_a_sound_installation_passes_and_dagster_finds_its_home(pipeline, tmp_path):
    answer = pipeline("doctor", "--json")
    assert answer.code == 0, answer.out
    found = checks(answer)
    assert {row["status"] for row in found.values()} == {"ok", "info"}
    assert {"home", "dagster", "embedding model", "video", "tables"} <= set(found)
    assert not any(row["fix"] for row in found.values())
    assert (tmp_path / ".pipeline" / "dagster" / "dagster.yaml").is_file()


def test_a_failed_check_is_exit_1_with_its_fix_and_the_others_go_on(pipeline, tmp_path):
    (tmp_path / "home").write_text("a file where the folder should be")
    answer = pipeline("doctor", "--home", "home")
    assert answer.code == 1
    lines = answer.out.splitlines()
    home = next(number for number, line in enumerate(lines) if line.startswith("fail  home: "))
    assert lines[home + 1].startswith("      fix: ")
    assert any(line.startswith("ok    video: ") for line in lines)


def test_settings_that_are_wrong_are_named(pipeline):
    Path("pipeline.yaml").write_text("selection: {n_samples: 0}")
    found = checks(answer := pipeline("doctor", "--json"))
    assert answer.code == 1
    assert found["settings"]["status"] == "fail"
    assert "n_samples" in found["settings"]["detail"]
    Path("pipeline.yaml").write_text("qualty: {}")
    found = checks(pipeline("doctor", "--json"))
    assert "qualty" in found["settings"]["detail"]
    assert found["tables"]["status"] == "ok"


def test_a_key_is_seen_but_never_shown(pipeline, monkeypatch):
    monkeypatch.setenv("PEXELS_API_KEY", "s3cret-key")
    answer = pipeline("doctor", "--json")
    assert "is set" in checks(answer)["pexels"]["detail"]
    assert "s3cret-key" not in answer.out + answer.err


def test_the_expected_hash_is_that_of_the_shipped_model():
    assert Lite0Embedder().space.weights_sha256 == MODEL_SHA256


def test_a_configured_model_that_is_not_there_is_found(pipeline, monkeypatch):
    monkeypatch.setenv("PIPELINE_EMBEDDING__MODEL", "gone.onnx")
    answer = pipeline("doctor", "--json")
    [found] = [row for row in answer.rows if row["check"] == "configured model"]
    assert answer.code == 1
    assert found["status"] == "fail" and "no file is at" in found["detail"]
