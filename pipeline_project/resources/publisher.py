"""Publishing: writes what people look at, the output folder and its report."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from pipeline_project.adapters.addresses import is_bucket, place_of
from pipeline_project.adapters.lake.base import Lake
from pipeline_project.adapters.object_store.base import ObjectStore
from pipeline_project.core.config import CurationConfig
from pipeline_project.errors import ConfigError
from pipeline_project.worker.request import WorkerResult


class Published(Protocol):
    """What was written."""

    @property
    def folder(self) -> Path:
        """The selection's own folder."""
        ...

    @property
    def picked(self) -> int:
        """Frames in it."""
        ...

    @property
    def files(self) -> list[str]:
        """Names of the files in it."""
        ...

    @property
    def report(self) -> Path:
        """The page to open."""
        ...

    @property
    def already_there(self) -> bool:
        """Whether an earlier run wrote this very selection, so that nothing was written."""
        ...

    @property
    def previews(self) -> list[bytes]:
        """JPEG thumbnails of the first picks."""
        ...


class Publish(Protocol):
    """Writes a selection's folder, whole or not at all."""

    def __call__(
        self,
        *,
        lake: Lake,
        store: ObjectStore,
        result: WorkerResult,
        config: CurationConfig,
        out_dir: Path,
        run_url: str | None,
    ) -> Published:
        """Write the folder of `result` below `out_dir`; `run_url` is shown where it is known."""
        ...


class Publisher:
    """Holds the function that publishes, and knows where a run's page is."""

    def __init__(
        self,
        publish: Publish,
        run_url: Callable[[str], str] | None = None,
        *,
        copy: Callable[[Path, str], str] | None = None,
        folder: Path = Path("curated"),
    ) -> None:
        """Hold what publishes.

        Args:
            publish: writes a selection's folder.
            run_url: gives the address of a run's page, where one is known.
            copy: copies such a folder below an address in a bucket; returns the copy's address.
            folder: where the folders go whose output is meant for a bucket.
        """
        self._publish = publish
        self._run_url = run_url
        self._copy = copy
        self._folder = folder

    def publish(
        self, *, lake: Lake, store: ObjectStore, result: WorkerResult, config: CurationConfig
    ) -> Published:
        """Write the selection's folder below the configured output folder.

        Where that is a bucket, the folder is written on this machine; `copy` brings it there.
        """
        out_dir = config.output.dir
        return self._publish(
            lake=lake,
            store=store,
            result=result,
            config=config,
            out_dir=self._folder if is_bucket(out_dir) else place_of(out_dir),
            run_url=self._run_url(result.run_id) if self._run_url else None,
        )

    def copy(self, published: Published, config: CurationConfig) -> str | None:
        """Copy what was published to the configured bucket; None where none is configured.

        Raises:
            ConfigError: the bucket cannot be used.
            PipelineError: it cannot be written now; the folder on this machine is complete.
        """
        if not is_bucket(config.output.dir):
            return None
        if self._copy is None:
            raise ConfigError(
                f"Copying {published.folder} to {config.output.dir}: buckets are not set up here."
            )
        return self._copy(published.folder, config.output.dir)
