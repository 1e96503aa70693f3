"""`pipeline select`: the selection engine alone, on vectors from anywhere."""

import csv
import io
import json
import time
from collections.abc import Collection
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline_project.cli.console import TerminalProgress, print_json, say, write_line
from pipeline_project.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_MAGIC = b"\x93NUMPY"
_PATIENCE_S = 2.0  # shorter work shows no progress
_ENDED = {
    "n_samples": "that is what was asked for",
    "minimum_distance": "no other is far enough from those",
    "minimum_typicality": "no other is typical enough",
    "max_sum": "their sum has reached its bound",
    "pool_empty": "there are no more",
    "constraints": "no other keeps to the constraints",
}


class Engine(Enum):
    """Which engine picks."""

    own = "own"
    mundig = "mundig"


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
    metadata: Annotated[
        Path | None,
        typer.Option(
            metavar="TABLE.csv",
            help="One line per row of VECTORS, in its order, below a line of names: what "
            "strategies on METADATA look at.",
        ),
    ] = None,
    query: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TAG=QUERY.npy",
            help="What SIMILARITY with this tag_name compares with: shape (rows, dimensions), as "
            "VECTORS; once per tag.",
        ),
    ] = None,
    engine: Annotated[
        Engine, typer.Option(help="own, or Lightly's library mundig to compare with.")
    ] = Engine.own,
    seed: Annotated[
        int, typer.Option(min=0, help="For RANDOM inputs without a random_seed of their own.")
    ] = 0,
    memory_mb: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Most memory for vectors. Where they need more, DIVERSITY is picked in two "
            "levels: nearly as good, and it says how far off at most (default: no bound).",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object per picked row on stdout.")
    ] = False,
) -> None:
    """Pick rows one by one, by default each as different as possible from those before.

    Prints index, rank and distance of each: the row's number from 0, the order of picking from
    1, and the L2 distance to the nearest row picked before, 0 to 2 as all rows are taken at unit
    length; the first pick has none. SELECTION.json is a Lightly selection_config; the short form
    {"n_samples": 10} picks the 10 most diverse.

    Examples:
      pipeline select vectors.npy
      pipeline select vectors.npy --config selection.json --json
      pipeline select vectors.npy --config balance.yaml --metadata weather.csv
      pipeline select vectors.npy --config alike.yaml --query nights=night_vectors.npy
    """
    import numpy as np

    from pipeline_project.core.selection.config import parse_selection_config

    wanted = parse_selection_config(read_config(config) if config is not None else {})
    for message in wanted.translated:
        say(message)
    if wanted.lightly_path_regex is not None:
        say("lightly_path_regex is not looked at: rows have no paths; --metadata gives its keys.")
    rows = read_vectors(vectors)
    columns = read_columns(metadata, len(np.atleast_1d(rows))) if metadata is not None else {}
    if metadata is None and (keys := sorted(wanted.needs().metadata)):
        raise ConfigError(
            f"Selecting by METADATA {keys[0]!r}: nobody gave its values. Add --metadata TABLE.csv."
        )
    queries = read_queries(query or [], wanted.needs().queries)

    from pipeline_project.core.selection.engine import run_selection
    from pipeline_project.core.selection.pool import SelectionPool

    with TerminalProgress() as progress:
        started = time.monotonic()

        def show(done: int, total: int) -> None:
            if time.monotonic() - started > _PATIENCE_S:
                progress.update("select", done, total, "rows", "")

        result = run_selection(
            SelectionPool(embeddings=rows, metadata=columns, queries=queries),
            wanted,
            engine=engine.value,
            seed=seed,
            memory_mb=memory_mb,
            progress=show,
        )
    if not as_json:
        write_line(f"{'index':>8}  {'rank':>6}  {'distance':>8}")
    for row in result.picks:
        if as_json:
            print_json({"index": row.index, "rank": row.rank, "distance": row.distance})
        else:
            distance = "-" if row.distance is None else f"{row.distance:.4f}"
            write_line(f"{row.index:>8}  {row.rank:>6}  {distance:>8}")
    for each in result.thresholds:
        say(f"{each.rule}: {len(each.removed)} of {len(rows)} rows left out.")
    if not result.exact:
        bound = result.coverage_bound
        far = "" if bound is None else f"; no row is farther than {bound:.3f} from a pick"
        say(f"Picked in two levels, as the vectors need more than {memory_mb} MB{far}.")
    say(f"{len(result.picks)} of {len(rows)} rows picked; {_ENDED[result.stopped_by]}.")


def read_queries(
    given: list[str], wanted: Collection[str]
) -> "dict[str, npt.NDArray[np.floating]]":
    """Read the vectors that SIMILARITY compares with, by tag.

    Raises:
        ConfigError: no TAG=FILE, a tag that is not in the configuration or given twice, one that
            has no vectors, or a file that cannot be read.
    """
    known = ", ".join(sorted(wanted)) or "none"
    found = {}
    for each in given:
        tag, equals, path = each.partition("=")
        if not equals or not path or tag in found or tag not in wanted:
            raise ConfigError(
                f"Reading --query {each}: expected TAG=QUERY.npy, each tag once; tags of "
                f"SIMILARITY in the configuration: {known}."
            )
        found[tag] = read_vectors(Path(path))
    missing = sorted(set(wanted) - set(found))
    if missing:
        raise ConfigError(
            f"Selecting by SIMILARITY to {missing[0]!r}: nobody gave its vectors. Add --query "
            f"{missing[0]}=QUERY.npy."
        )
    return found


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
        # Mapped, not read: a file may be larger than memory.
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except OSError as error:
        raise ConfigError(
            f"Reading vectors from {path}: {error.strerror or error}. Check the path."
        ) from error
    except (ValueError, EOFError, MemoryError) as error:
        seen = " ".join(str(error).split()).rstrip(".")
        raise ConfigError(
            f"Reading vectors from {path}: {seen}. Expected a whole .npy file of floating point "
            "numbers; write it again."
        ) from error


def read_columns(path: Path, rows: int) -> "dict[str, npt.NDArray[Any]]":
    """Read a table with names in its first line; columns of numbers are numbers.

    An empty place is a missing value; a blank line is none.

    Raises:
        ConfigError: it cannot be read, or its lines do not fit its names or are not so many.
    """
    import numpy as np

    from pipeline_project.core.metadata.spreadsheet import separator_of, text_of, without_hint

    try:
        text = without_hint(text_of(path.read_bytes()))
        if "\0" in text:
            raise csv.Error("it holds bytes that no text has")
        cells = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=separator_of(text))
        names, *lines = list(cells) or [[]]
    except OSError as error:
        raise ConfigError(
            f"Reading metadata from {path}: {error.strerror}. Check the path."
        ) from error
    except csv.Error as error:
        raise ConfigError(f"Reading metadata from {path}: {error}. Save it as CSV.") from error
    if not names or len(set(names)) < len(names):
        raise ConfigError(
            f"Reading metadata from {path}: the first line must name each column, once; seen "
            f"{names!r}."
        )
    lines = [line for line in lines if line]
    for number, line in enumerate(lines, start=2):
        if len(line) != len(names):
            raise ConfigError(
                f"Reading metadata from {path}: line {number} has {len(line)} values, the first "
                f"line has {len(names)} names."
            )
    if len(lines) != rows:
        raise ConfigError(
            f"Reading metadata from {path}: it has {len(lines)} lines below that of names, for "
            f'{rows} rows. Write one line per row, in their order; "" where there is no value.'
        )
    columns: dict[str, npt.NDArray[Any]] = {}
    for place, name in enumerate(names):
        words = [line[place].strip() for line in lines]
        try:
            columns[name] = np.asarray([float(word) if word else np.nan for word in words])
        except ValueError:
            columns[name] = np.asarray(words, object)
    return columns
