"""`pipeline review`: decisions that people made on picks come back."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline_project.cli.console import print_json, say, shown, write_line
from pipeline_project.cli.dataset_options import AsJson, Config, Dataset, Home


def review(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="An edited selection.csv or candidates.csv."),
    ],
    by: Annotated[str, typer.Option(help="Who decided; kept with the decisions.")] = "",
    dataset: Dataset = None,
    config: Config = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Import what you decided about frames: accept, reject or rescue in the column `decision`.

    Edit selection.csv (what was picked) or candidates.csv (every frame that was looked at) of a
    result in any spreadsheet and give it back. A rejected frame is never picked again, nor is one
    that looks the same; an accepted or rescued one is picked whatever its measures say. An empty
    cell decides nothing. The next `pipeline curate` of the same files and settings keeps the other
    picks and fills the places of rejected ones. Of several decisions on a frame the newest counts;
    all are kept. Where a row is wrong, nothing is imported.

    Examples:
      pipeline review curated/20261121-085715-1c0d1934/selection.csv
      pipeline review candidates.csv --by anna --dataset cats
    """
    from pipeline_project.build import open_lake
    from pipeline_project.cli.feedback_settings import feedback_settings, new_run_id
    from pipeline_project.feedback.decisions import import_decisions

    settings = feedback_settings(config, dataset, home)
    done = import_decisions(
        open_lake(settings), file, settings.dataset, run_id=new_run_id("review"), by=by
    )
    words = ", ".join(f"{count} {word}" for word, count in sorted(done.counts.items()))
    say(
        f"{done.rows} rows of {shown(file)}: {words or 'no decisions'}; {done.changed} are new or "
        f"changed, for dataset {settings.dataset}."
    )
    if done.changed:
        say("They hold from the next `pipeline curate` on.")
    if as_json:
        print_json(
            {
                "dataset": settings.dataset,
                "rows": done.rows,
                "counts": done.counts,
                "changed": done.changed,
                "commit_id": done.commit_id,
            }
        )
    elif done.commit_id:
        write_line(done.commit_id)
