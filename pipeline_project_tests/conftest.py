"""Fixtures that tests in several rooms use."""

import os
import sys
from collections.abc import Iterator

import pytest

from pipeline_project_tests.seaweed import bucket, seaweed, seaweed_server

__all__ = ["bucket", "own_dagster_instance", "own_variables", "seaweed", "seaweed_server"]

_OURS = ("AWS_", "DAGSTER_", "LIGHTLY_", "PEXELS_", "PIPELINE_")


@pytest.fixture(autouse=True)
def own_variables() -> Iterator[None]:
    """Put back what a test set, in whichever order its fixtures undo their own patches.

    One that was left would send the next test of this process to a server that is gone.
    """
    before = _variables()
    yield
    after = _variables()
    for name in after.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)


def _variables() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(_OURS)}


@pytest.fixture(autouse=True)
def own_dagster_instance() -> Iterator[None]:
    """An instance of Dagster that a test left entered ends with it: later ones would ask it."""
    name = "dagster._core.storage.defs_state.base"
    before = sys.modules[name]._current_storage.get() if name in sys.modules else None
    yield
    if name in sys.modules and sys.modules[name]._current_storage.get() is not before:
        sys.modules[name]._current_storage.set(before)
