"""`pipeline show`: one revision, and any table as it was then."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline_project.cli.console import print_json, printable, say, shown, write_line
from pipeline_project.cli.version_options import REV_HELP, AsJson, Config, Home, opened
from pipeline_project.errors import ConfigError, PipelineError

if TYPE_CHECKING:
    import pyarrow as pa

_FORMATS = (".parquet", ".csv", ".jsonl")


def show(
    rev: Annotated[str | None, typer.Argument(metavar="[REV]", help=REV_HELP)] = None,
    table: Annotated[
        str | None, typer.Option("--table", help="Write this table as the revision sees it.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Where to: a .parquet, .csv or .jsonl file.")
    ] = None,
    as_json: AsJson = False,
    config: Config = None,
    home: Home = None,
) -> None:
    """Show a commit: parent, run, code, settings, rows added, and how many rows it sees.

    Also what became of files and of their stages in its run: new, changed, removed, failed,
    recovered, skip.

    With --table and --out, write that table's rows as they were at that commit.

    Examples:
      pipeline show
      pipeline show v1 --table frames --out frames.parquet
    """
    from pipeline_project.cli.log import words_of
    from pipeline_project.versions.history import commit_at, facts, rows_at, table_named
    from pipeline_project.worker.states import states_of_run

    if (table is None) != (out is None):
        raise ConfigError("Showing a table: give both --table NAME and --out FILE, or neither.")
    if out is not None and out.suffix not in _FORMATS:
        raise ConfigError(f"Writing {shown(out)}: its name must end in {', '.join(_FORMATS)}.")
    if out is not None and out.exists():
        raise ConfigError(f"Writing {shown(out)}: it exists already. Name another file.")
    lake, _ = opened(config, home)
    commit = commit_at(lake, rev)
    if table is not None and out is not None:
        rows = lake.read(table_named(lake, table), rev=commit.commit_id)
        _write(rows, out)
        say(f"{rows.num_rows} rows of {table} at {commit.commit_id} are in {shown(out)}.")
        if as_json:
            at = {"commit_id": commit.commit_id, "table": table}
            print_json({**at, "rows": rows.num_rows, "path": str(out.absolute())})
        return
    facts_of_it = {**facts(commit), "rows": rows_at(lake, commit)}
    states = states_of_run(lake, commit.run_id, commit.commit_id)
    settings = lake.settings(commit)
    if as_json:
        told = json.loads(settings) if settings else None
        print_json({**facts_of_it, "states": states, "settings": told})
        return
    for name, value in facts_of_it.items():
        words = (
            ", ".join(f"{key} {count}" for key, count in value.items())
            if isinstance(value, dict)
            else value
        )
        write_line(printable(f"{name:15} {words if words not in (None, '') else '-'}", keep=""))
    for stage, counts in states.items():
        write_line(printable(f"{'states':15} {stage}: {words_of(counts)}", keep=""))


def _write(rows: "pa.Table", out: Path) -> None:
    import pyarrow.csv
    import pyarrow.parquet

    try:
        if out.suffix == ".parquet":
            pyarrow.parquet.write_table(rows, out)
        elif out.suffix == ".csv":
            _check_plain(rows)
            pyarrow.csv.write_csv(rows, out)
        else:
            with out.open("x", encoding="ascii") as file:
                for batch in rows.to_batches(max_chunksize=1_000):
                    for row in batch.to_pylist():
                        file.write(json.dumps(row, default=_as_text) + "\n")
    except OSError as error:
        raise PipelineError(f"Writing {shown(out)}: {error}. Name another file.") from error


def _check_plain(rows: "pa.Table") -> None:
    import pyarrow as pa

    odd = [
        field.name
        for field in rows.schema
        if pa.types.is_nested(field.type) or pa.types.is_binary(field.type)
    ]
    if odd:
        raise ConfigError(
            f"Writing CSV: {', '.join(odd)} cannot stand in one. Name a .parquet or .jsonl file."
        )


def _as_text(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
