"""`pipeline labels import`: what a labelling tool made of the picks comes back."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline_project.cli.console import print_json, say, shown, write_line
from pipeline_project.cli.dataset_options import AsJson, Config, Dataset, Home
from pipeline_project.cli.help import help_of

labels_app = typer.Typer(
    help="Labels that come back from a labelling tool.", no_args_is_help=True, rich_markup_mode=None
)
_CLASSES_SHOWN = 12


def import_(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="COCO JSON, or a Label Studio JSON export.")
    ],
    dataset: Dataset = None,
    config: Config = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Import labels, tied to frames by the ids and names that `pipeline export` wrote.

    A labelled frame is never picked again, and new picks stay away from it. Importing a file
    again stores only what has changed; a frame's new labels replace its old ones. An image without
    annotations counts as not labelled yet (COCO), a submitted task without any as empty (Label
    Studio). Where one that is labelled cannot be told to be a frame, nothing is imported.

    Examples:
      pipeline labels import instances.json
      pipeline labels import project-1.json --dataset cats
    """
    from pipeline_project.build import open_lake
    from pipeline_project.cli.feedback_settings import feedback_settings, new_run_id
    from pipeline_project.feedback.labels import import_labels

    settings = feedback_settings(config, dataset, home)
    done = import_labels(open_lake(settings), file, settings.dataset, run_id=new_run_id("labels"))
    several = list(done.classes.items())
    classes = ", ".join(f"{name} {count}" for name, count in several[:_CLASSES_SHOWN])
    more = f" and {len(several) - _CLASSES_SHOWN} more" if len(several) > _CLASSES_SHOWN else ""
    say(
        f"{done.frames} of {done.pictures} pictures of {shown(file)} are labelled"
        f"{f' ({classes}{more})' if classes else ''}; {done.changed} are new or changed, for "
        f"dataset {settings.dataset}."
    )
    if done.changed:
        say("From the next `pipeline curate` on they are never picked again.")
    if as_json:
        print_json(
            {
                "dataset": settings.dataset,
                "tool": done.tool,
                "pictures": done.pictures,
                "frames": done.frames,
                "classes": done.classes,
                "changed": done.changed,
                "commit_id": done.commit_id,
            }
        )
    elif done.commit_id:
        write_line(done.commit_id)


labels_app.command("import", help=help_of(import_), short_help="Import COCO or Label Studio JSON.")(
    import_
)
