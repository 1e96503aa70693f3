"""The wheel of the code that runs here, for a machine that must run exactly the same.

A run takes along the code it was started with, not what an index offers: the files of the
installed package, also of an editable install with changes that nobody has committed.
Source of the format: https://packaging.python.org/en/latest/specifications/binary-distribution-format/
"""

import base64
import hashlib
import zipfile
from collections.abc import Iterator
from importlib import metadata, resources
from pathlib import Path

from pipeline_project.errors import PermanentError

_DISTRIBUTION = "pipeline-project"
_PACKAGE = "pipeline_project"
# The earliest time that a zip archive can hold: the same code is the same bytes at any time.
_TIME = (1980, 1, 1, 0, 0, 0)
_LEFT_OUT = {"__pycache__"}


def build_wheel(folder: Path) -> tuple[Path, str]:
    """Write the installed package as a wheel into a folder.

    Args:
        folder: made if it is missing; an older wheel of the same version is replaced.

    Returns:
        The wheel, and the SHA-256 of its bytes in hex: equal for equal code.

    Raises:
        PermanentError: the package is not installed, or its files cannot be read.
    """
    # A clone has its build's leftovers beside the installation; that one alone has METADATA.
    known = metadata.distributions(name=_DISTRIBUTION)
    installed = next((each for each in known if each.read_text("METADATA")), None)
    about = installed.read_text("METADATA") if installed else None
    if installed is None or about is None:
        raise PermanentError(
            f"Packing {_DISTRIBUTION} for the instance: it is not installed, it only runs from its "
            "folder. Install it with `pip install -e .` in the clone."
        )
    version = installed.version
    info = f"{_PACKAGE}-{version}.dist-info"
    target = folder / f"{_PACKAGE}-{version}-py3-none-any.whl"
    record: list[str] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:

            def add(name: str, data: bytes) -> None:
                entry = zipfile.ZipInfo(name, _TIME)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o100644 << 16
                archive.writestr(entry, data)
                digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=")
                record.append(f"{name},sha256={digest.decode()},{len(data)}")

            for name, path in _files():
                add(name, path.read_bytes())
            add(f"{info}/METADATA", about.encode())
            add(
                f"{info}/WHEEL",
                b"Wheel-Version: 1.0\nGenerator: pipeline_project\n"
                b"Root-Is-Purelib: true\nTag: py3-none-any\n",
            )
            add(
                f"{info}/entry_points.txt", (installed.read_text("entry_points.txt") or "").encode()
            )
            lines = "\n".join([*record, f"{info}/RECORD,,", ""])
            archive.writestr(zipfile.ZipInfo(f"{info}/RECORD", _TIME), lines)
    except OSError as error:
        raise PermanentError(
            f"Packing {_DISTRIBUTION} as {target}: {error.strerror or error}."
        ) from error
    with target.open("rb") as written:
        return target, hashlib.file_digest(written, "sha256").hexdigest()


def _files() -> Iterator[tuple[str, Path]]:
    """Yield name in the wheel and path of each file of the package, ordered by name."""
    with resources.as_file(resources.files(_PACKAGE)) as root:
        for path in sorted(root.rglob("*")):
            parts = path.relative_to(root).parts
            if path.is_file() and not _LEFT_OUT.intersection(parts):
                yield "/".join((_PACKAGE, *parts)), path
