"""The bed as a fixture: `from pipeline_project_tests.aws_bed.fixtures import aws_bed`."""

import os
from collections.abc import Iterator

import pytest

from pipeline_project_tests.aws_bed.bed import AwsBed


@pytest.fixture
def aws_bed(tmp_path, monkeypatch) -> Iterator[AwsBed]:
    """A bed with one stopped instance; this process's own AWS clients talk to it."""
    for name in [*os.environ]:
        if name.startswith("AWS_"):  # whose account, and which servers: nothing but the bed's
            monkeypatch.delenv(name)
    with AwsBed(tmp_path / "aws") as bed:
        for name, value in bed.environment().items():
            monkeypatch.setenv(name, value)
        yield bed
    for each in bed.faults.trouble:  # shown with a test that failed
        print("the bed answered", each)
