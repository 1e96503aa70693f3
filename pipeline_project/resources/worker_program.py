"""Our worker's command line on the instance, with the code of this very run.

The package as it is installed here goes to the bucket as a wheel under its content hash; the
instance's launcher installs exactly that one. Two runs of the same code upload it once.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from pipeline_project.adapters.object_store.base import ObjectStore
from pipeline_project.adapters.wheel import build_wheel


class InstanceWorker:
    """Gives the worker's whole command line for a request key.

    Args:
        objects: the home in a bucket, which the instance reads.
        launcher: the program on the instance that installs the wheel and starts the worker.
        spot_notices: the instance's metadata address; empty does not watch for spot notices.
    """

    def __init__(self, objects: ObjectStore, launcher: str, spot_notices: str) -> None:
        self._objects = objects
        self._launcher = launcher
        self._spot_notices = spot_notices
        self._wheel: str | None = None

    def __call__(self, request_key: str) -> Sequence[str]:
        """Upload the wheel if it is not there yet, and say how to start the worker."""
        watch = ["--spot-notices", self._spot_notices] if self._spot_notices else []
        return [
            *("env", f"PIPELINE_WHEEL={self._uploaded()}"),
            *(self._launcher, "--end-with-stdin", "--root", self._objects.root),
            *(*watch, "--request", request_key),
        ]

    def _uploaded(self) -> str:
        if self._wheel is None:
            with tempfile.TemporaryDirectory(prefix="wheel-") as folder:
                wheel, sha256 = build_wheel(Path(folder))
                key = f"wheels/{sha256}/{wheel.name}"
                self._objects.put_file(key, wheel)
            self._wheel = f"{self._objects.root}/{key}"
        return self._wheel
