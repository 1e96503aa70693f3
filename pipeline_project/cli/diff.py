"""`pipeline diff A B`: what changed between two revisions."""

from dataclasses import asdict
from typing import Annotated

import typer

from pipeline_project.cli.console import print_json, printable, say, write_line
from pipeline_project.cli.version_options import REV_HELP, AsJson, Config, Home, opened

_SHOWN = 20


def diff(
    older: Annotated[str, typer.Argument(metavar="A", help=REV_HELP)],
    newer: Annotated[str, typer.Argument(metavar="B", help="The revision to compare it with.")],
    as_json: AsJson = False,
    config: Config = None,
    home: Home = None,
) -> None:
    """Tell what B sees and A does not, and the other way round: rows, sources, selections.

    Examples:
      pipeline diff main~1 main
      pipeline diff v1 v2 --json
    """
    from pipeline_project.versions.history import commit_at, difference

    lake, _ = opened(config, home)
    found = difference(lake, commit_at(lake, older), commit_at(lake, newer))
    if as_json:
        print_json(asdict(found))
        return
    if not found.tables:
        say(f"{older} and {newer} see the same rows.")
    for table in found.tables:
        again = f" ~{table.rewritten}" if table.rewritten else ""
        write_line(f"table {table.table}: +{table.added} -{table.removed}{again} rows")
    for sign, sources in (
        ("+", found.sources_added),
        ("~", found.sources_changed),
        ("-", found.sources_removed),
    ):
        for uri in sources[:_SHOWN]:
            write_line(printable(f"source {sign} {uri}", keep=""))
        if len(sources) > _SHOWN:
            write_line(f"source {sign} and {len(sources) - _SHOWN} more (--json lists all)")
    for sign, selections in (("+", found.selections_added), ("-", found.selections_removed)):
        for each in selections:
            about = f"{each['picked']} picked, dataset {each['dataset']}"
            write_line(printable(f"selection {sign} {each['selection_id']}: {about}", keep=""))
