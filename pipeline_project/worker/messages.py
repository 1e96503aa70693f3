"""Where the worker's Pipes messages go: a file on this machine, or objects in a bucket."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dagster_pipes import (
    PipesDefaultMessageWriter,
    PipesMessageWriter,
    PipesMessageWriterChannel,
    PipesParams,
    PipesS3MessageWriter,
)

from pipeline_project.adapters.aws_session import AwsSession

INTERVAL_S = 1.0


class WorkerMessageWriter(PipesMessageWriter[Any]):
    """Writes to wherever the run that started this worker reads."""

    @contextmanager
    def open(self, params: PipesParams) -> Iterator[PipesMessageWriterChannel]:
        """Open the channel that the parameters name; a `bucket` among them means S3."""
        writer: PipesMessageWriter[Any] = PipesDefaultMessageWriter()
        if "bucket" in params:
            writer = PipesS3MessageWriter(AwsSession().client("s3"), interval=INTERVAL_S)
        with writer.open(params) as channel:
            yield channel
