"""`pipeline embed`: one unit vector per image, into one NumPy file."""

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline_project.cli.console import TerminalProgress, print_json, printable, say, shown
from pipeline_project.cli.pictures import in_order, list_pictures, read_picture
from pipeline_project.errors import ConfigError, MediaError, PipelineError

if TYPE_CHECKING:
    from typing import BinaryIO

    import numpy as np
    import numpy.typing as npt

    from pipeline_project.adapters.embedder.base import ImageEmbedder
    from pipeline_project.core.records import Pixels
    from pipeline_project.settings import Settings


def embed(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH", help="Image files, or folders of them.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The .npy file to write.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object per row on stdout: index and path.")
    ] = False,
    config: Annotated[
        Path | None, typer.Option(help="Settings file (default: pipeline.yaml, if there).")
    ] = None,
) -> None:
    """Turn images into vectors: float32, one row of unit length per image, in order of path.

    Files that cannot be read are listed on stderr and get no row; --json tells which row is
    which file. The file appears whole or not at all.

    Examples:
      pipeline embed ~/photos --out vectors.npy
      pipeline embed ~/photos --out vectors.npy --json > rows.jsonl
    """
    from pipeline_project.settings import load_settings

    settings = load_settings(config)
    listed = list_pictures(paths)
    kept = embed_to(_checked(out), listed, settings)
    for index, path in enumerate(kept if as_json else []):
        print_json({"index": index, "path": str(path)})
    say(f"Wrote {len(kept)} vectors to {shown(out)}; {len(listed) - len(kept)} files left out.")


def _checked(out: Path) -> Path:
    """Give the file that `out` leads to, which moving a finished file there may replace."""
    target = out.expanduser().resolve()
    if not target.parent.is_dir():
        seen = "its folder does not exist"
    elif target.exists() and not target.is_file():
        seen = "it is there, and is no file"
    else:
        return target
    raise ConfigError(
        f"Writing vectors to {out}: {seen}. "
        "Give --out the name of a file in a folder that is there."
    )


def embed_to(out: Path, listed: Sequence[Path], settings: "Settings") -> list[Path]:
    """Embed batch by batch into the file; returns the paths that its rows stand for."""
    from pipeline_project.adapters.embedder import open_embedder
    from pipeline_project.adapters.media.reader import LocalMediaReader

    reader, embedder = LocalMediaReader(), open_embedder(settings.embedding)
    least_px = settings.quality.min_side_px

    def prepare(path: Path) -> "tuple[Path, Pixels | MediaError]":
        try:
            return path, embedder.prepare(read_picture(reader, path, least_px))
        except MediaError as error:
            return path, error

    kept: list[Path] = []
    threads = settings.limits.threads or os.cpu_count() or 1
    with (
        _whole_file(out) as file,
        TerminalProgress() as progress,
        closing(in_order(prepare, listed, threads)) as prepared,
    ):
        rows = _Rows(file, embedder.space.dim)
        batch: list[Pixels] = []
        for done, (path, picture) in enumerate(prepared, start=1):
            if isinstance(picture, MediaError):
                progress.say(f"left out: {printable(str(picture), keep='')}")
            else:
                kept.append(path)
                batch.append(picture)
            if batch and (len(batch) == settings.embedding.batch_size or done == len(listed)):
                _add(rows, embedder, batch, kept, progress)
                batch = []
            progress.update("embed", done, len(listed), "images", "")
        if not kept:
            raise PipelineError(
                f"No file could be embedded, of {len(listed)} tried; the lines above say why."
            )
        rows.finish()
    return kept


def _add(
    rows: "_Rows",
    embedder: "ImageEmbedder",
    batch: "list[Pixels]",
    kept: list[Path],
    progress: TerminalProgress,
) -> None:
    vectors = embedder.embed(batch)
    for path, vector in zip(kept[-len(batch) :], vectors, strict=True):
        if not vector.any():
            progress.say(
                f"warning: {shown(path)} gives the zero vector: nothing can be seen in it, and "
                "`pipeline select` refuses it."
            )
    rows.append(vectors)


class _Rows:
    """A NumPy file that grows by rows, so that memory does not grow with it."""

    def __init__(self, file: "BinaryIO", dim: int) -> None:
        self._file = file
        self._dim = dim
        self._count = 0
        self._write_header()

    def append(self, vectors: "npt.NDArray[np.float32]") -> None:
        self._file.write(vectors.astype("<f4", copy=False).tobytes())
        self._count += len(vectors)

    def finish(self) -> None:
        # NumPy pads its header so that the first axis can grow in place.
        self._file.seek(0)
        self._write_header()

    def _write_header(self) -> None:
        from numpy.lib.format import write_array_header_1_0

        shape = (self._count, self._dim)
        write_array_header_1_0(self._file, {"descr": "<f4", "fortran_order": False, "shape": shape})


@contextmanager
def _whole_file(out: Path) -> "Iterator[BinaryIO]":
    """Give a file that takes its name only when all went well."""
    part = out.with_name(f".{out.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(out)
    except OSError as error:
        raise PipelineError(
            f"Writing vectors to {out}: {error.strerror}. Free space, or give --out another "
            "folder, and run again."
        ) from error
    finally:
        part.unlink(missing_ok=True)
