"""`pipeline select`: the selection engine alone, on vectors from anywhere."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline_project.cli.console import print_json, say, write_line
from pipeline_project.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_MAGIC = b"\x93NUMPY"


def select(
    vectors: Annotated[
        Path, typer.Argument(metavar="VECTORS.npy", help="Shape (rows, dimensions), floats.")
    ],
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="SELECTION.json",
            help="A Lightly selection_config, JSON or YAML (default: the 10 % most diverse, "
            "at least 1, at most 500).",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object per picked row on stdout.")
    ] = False,
) -> None:
    """Pick rows one by one, each as different as possible from those picked before.

    Prints index, rank and distance of each: the row's number from 0, the order of picking from
    1, and the L2 distance to the nearest row picked before, 0 to 2 as all rows are taken at unit
    length; the first pick has none. SELECTION.json is a Lightly selection_config; the short form
    {"n_samples": 10} picks the 10 most diverse.

    Examples:
      pipeline select vectors.npy
      pipeline select vectors.npy --config selection.json --json
    """
    from pipeline_project.core.selection.config import parse_selection_config

    wanted = parse_selection_config(read_config(config) if config is not None else {})
    rows = read_vectors(vectors)

    from pipeline_project.core.selection.engine import select as pick

    picked = pick(rows, wanted)
    if not as_json:
        write_line(f"{'index':>8}  {'rank':>6}  {'distance':>8}")
    for row in picked:
        if as_json:
            print_json({"index": row.index, "rank": row.rank, "distance": row.distance})
        else:
            distance = "-" if row.distance is None else f"{row.distance:.4f}"
            write_line(f"{row.index:>8}  {row.rank:>6}  {distance:>8}")
    say(f"{len(picked)} of {len(rows)} rows picked.")


def read_config(path: Path) -> dict[str, Any]:
    """Read a selection configuration, JSON or YAML.

    Raises:
        ConfigError: it cannot be read, is neither, or is no mapping of names to values.
    """
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
        try:
            content = json.loads(text)
        except ValueError:
            if path.suffix.lower() == ".json":
                raise
            content = yaml.safe_load(text)
    except OSError as error:
        raise ConfigError(
            f"Reading the selection configuration {path}: {error.strerror}. Check the path."
        ) from error
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        kind = "JSON" if path.suffix.lower() == ".json" else "JSON or YAML"
        seen = " ".join(str(error).split())
        raise ConfigError(
            f"Reading the selection configuration {path}: not valid {kind}: {seen}"
        ) from error
    if not isinstance(content, dict):
        raise ConfigError(
            f"Reading the selection configuration {path}: expected names and values such as "
            f'{{"n_samples": 10}}, seen {type(content).__name__}.'
        )
    return content


def read_vectors(path: Path) -> "npt.NDArray[np.floating]":
    """Read a NumPy file; pickled objects in it are never loaded.

    Raises:
        ConfigError: it cannot be read, or is no array of plain numbers.
    """
    import numpy as np

    try:
        with path.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise ConfigError(
                    f"Reading vectors from {path}: it is no .npy file. `pipeline embed` and "
                    "numpy.save write such files."
                )
            file.seek(0)
            return np.asarray(np.load(file, allow_pickle=False))
    except OSError as error:
        raise ConfigError(
            f"Reading vectors from {path}: {error.strerror or error}. Check the path."
        ) from error
    except (ValueError, EOFError, MemoryError) as error:
        seen = " ".join(str(error).split())
        raise ConfigError(
            f"Reading vectors from {path}: {seen}. Expected a whole .npy file of floating point "
            "numbers; write it again."
        ) from error
