"""Dagster Pipes through a bucket: messages of a program on another machine, read as they come.

The program writes numbered objects with `dagster_pipes.PipesS3MessageWriter`; they lie below a
prefix of ours and are removed when the session ends, whichever way. What a killed reader leaves
behind is for a lifecycle rule on that prefix.
"""

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import cast

import dagster as dg
from dagster._core.pipes.context import PipesMessageHandler, PipesSession
from dagster._core.pipes.utils import PipesBlobStoreMessageReader
from dagster_pipes import PipesParams

from pipeline_project.adapters.addresses import bucket_and_key
from pipeline_project.adapters.object_store.base import ObjectStore
from pipeline_project.errors import PipelineError
from pipeline_project.resources.pipes import Splitter
from pipeline_project.resources.progress import ProgressSink

PREFIX = "pipes"


class BucketMessageReader(PipesBlobStoreMessageReader):
    """Reads numbered message objects below a prefix of the run's own.

    Args:
        objects: a store in a bucket; one that gives up within seconds, since a look is repeated
            anyway and the last one must not hold a run whose program has ended.
        run_id: part of the prefix, for people.
        interval_s: seconds between looks.
        sink: takes progress at once; None leaves it among the other messages.
    """

    def __init__(
        self,
        objects: ObjectStore,
        run_id: str,
        *,
        interval_s: float = 1.0,
        sink: ProgressSink | None = None,
    ) -> None:
        super().__init__(interval=interval_s)
        self._objects = objects
        self._sink = sink
        self._folder = f"{PREFIX}/{run_id}/{secrets.token_hex(8)}"
        self._ended = threading.Event()
        self._drained = False

    @property
    def expected_writer_count(self) -> int:
        """One program writes."""
        return 1

    def ended(self) -> None:
        """Tell that the program has ended: what is not there now never comes.

        Without this, a program that died without closing keeps the session, and with it the
        instance, for another ten seconds.
        """
        self._ended.set()

    @contextmanager
    def get_params(self) -> Iterator[PipesParams]:
        """Say where to write; what was written is removed on leaving."""
        bucket, key = bucket_and_key(f"{self._objects.root}/{self._folder}")
        try:
            yield {"bucket": bucket, "key_prefix": key}
        finally:
            with suppress(PipelineError):  # the lifecycle rule takes them; the run's end matters
                for stored in list(self._objects.list(self._folder)):
                    self._objects.delete(stored.key)

    @contextmanager
    def read_messages(self, handler: PipesMessageHandler) -> Iterator[PipesParams]:
        """Read until the program has closed its messages, or ended."""
        splitter = Splitter(handler, self._sink, lambda: self._drained)
        with super().read_messages(cast("PipesMessageHandler", splitter)) as params:
            yield params

    def messages_are_readable(self, params: PipesParams) -> bool:
        """Always: what is not there yet is looked for again."""
        return True

    def download_messages_chunk(self, index: int, params: PipesParams) -> str | None:
        """Give one object's lines; None while it is not there or cannot be read."""
        over = self._ended.is_set()  # before the look: what comes after it is still read
        key = f"{self._folder}/{index}.json"
        try:
            if self._objects.exists(key):
                return self._objects.get(key).decode("utf-8")
        except PipelineError:
            return None  # looked for again
        self._drained = over
        return None

    def no_messages_debug_text(self) -> str:
        """Say where messages were looked for."""
        return f"Looked for messages below {self._folder} in {self._objects.root}."


@contextmanager
def bucket_session(
    objects: ObjectStore,
    context: dg.OpExecutionContext | dg.AssetExecutionContext,
    *,
    sink: ProgressSink | None = None,
    extras: dict[str, object] | None = None,
    interval_s: float = 1.0,
) -> Iterator[PipesSession]:
    """Open a Pipes session whose context travels by environment and whose messages by bucket."""
    reader = BucketMessageReader(objects, context.run.run_id, interval_s=interval_s, sink=sink)
    with dg.open_pipes_session(
        context=context,
        context_injector=dg.PipesEnvContextInjector(),
        message_reader=reader,
        extras=extras,
    ) as session:
        try:
            yield session
        finally:
            reader.ended()
