"""Fixtures that tests in several rooms use."""

import os
from collections.abc import Iterator

import pytest

from pipeline_project_tests.seaweed import bucket, seaweed, seaweed_server

__all__ = ["bucket", "own_variables", "seaweed", "seaweed_server"]

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
