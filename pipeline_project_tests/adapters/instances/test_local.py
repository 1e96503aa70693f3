"""This machine as an instance."""

import pytest

from pipeline_project.adapters.commands.local import LocalCommands
from pipeline_project.adapters.instances.local import LocalInstance
from pipeline_project.adapters.object_store.local import LocalObjectStore
from pipeline_project_tests.contracts.commands import python
from pipeline_project_tests.contracts.instances import InstancesContract


@pytest.fixture
def commands(tmp_path):
    return LocalCommands(tmp_path / "commands", grace_s=0.5)


@pytest.fixture
def store(tmp_path):
    return LocalObjectStore(tmp_path / "store")


class TestLocalInstance(InstancesContract):
    @pytest.fixture
    def instances(self, store, commands, clock):
        return LocalInstance(store, commands, clock)


def test_stopping_ends_what_runs(store, commands):
    instance = LocalInstance(store, commands)
    command_id = commands.send(
        python("import time; time.sleep(60)"), env={}, timeout_s=60, label="run-1"
    )
    assert instance.status().commands == [(command_id, "run-1")]
    assert "Commands ended: 1" in instance.stop().message
    assert instance.status().commands == []
    assert commands.poll(command_id).state == "cancelled"


def test_a_damaged_lease_book_is_told_by_the_check(store, commands):
    store.put("leases/local.json", b"{")
    (problem,) = LocalInstance(store, commands).check()
    assert "leases/local.json" in problem
