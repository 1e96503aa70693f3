"""A selection followed to its end, over the embedded service and real processes."""

import logging
import sys

import pytest

from pipeline_project.adapters.commands.local import LocalCommands
from pipeline_project.adapters.object_store.local import LocalObjectStore
from pipeline_project.adapters.selection_service.embedded import EmbeddedSelectionService
from pipeline_project.adapters.waiting import Deadline
from pipeline_project.resources.progress import LoggedProgress
from pipeline_project.resources.selection_service import SelectionClient


class InterruptedAfterSending(LocalCommands):
    """Is interrupted when the command runs, before its id is handed back."""

    def send(self, argv, *, env, timeout_s, label):
        super().send(argv, env=env, timeout_s=timeout_s, label=label)
        raise KeyboardInterrupt


def test_an_interrupt_before_the_id_is_known_ends_the_selection_all_the_same(tmp_path):
    commands = InterruptedAfterSending(tmp_path / "commands", grace_s=1.0)
    store = LocalObjectStore(tmp_path / "store")
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
    other = LocalCommands(tmp_path / "commands", grace_s=1.0)
    others = other.send(sleeper, env={}, timeout_s=60, label="run-2")
    client = SelectionClient(EmbeddedSelectionService(commands, store, lambda _: sleeper))
    try:
        with pytest.raises(KeyboardInterrupt):
            client.run(
                request_key="runs/run-1/request.json",
                label="run-1",
                deadline=Deadline(60),
                progress=LoggedProgress(logging.getLogger("test")),
                keep=lambda: None,
            )
        assert commands.running() == [(others, "run-2")]
    finally:
        other.cancel(others)
