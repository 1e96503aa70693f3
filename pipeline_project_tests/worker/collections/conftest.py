import pytest

from pipeline_project_tests.worker.collections.house import House


@pytest.fixture
def house(tmp_path, monkeypatch) -> House:
    monkeypatch.setenv("NOTES", str(tmp_path / "notes"))  # the processes inherit it
    return House(tmp_path)
