"""The bed as a fixture: `from pipeline_project_tests.aws_bed.fixtures import aws_bed`."""

from collections.abc import Iterator

import pytest

from pipeline_project_tests.aws_bed.bed import AwsBed


@pytest.fixture
def aws_bed(tmp_path, monkeypatch) -> Iterator[AwsBed]:
    """A bed with one stopped instance; this process's own AWS clients talk to it."""
    with AwsBed(tmp_path / "aws") as bed:
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        for name, value in bed.environment().items():
            monkeypatch.setenv(name, value)
        yield bed
