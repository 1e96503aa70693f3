"""`pipeline export`: picks as other tools take them."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline_project.cli.console import print_json, say, shown, write_line
from pipeline_project.cli.dataset_options import AsJson, Config, Dataset, Home


def export(
    selection: Annotated[
        str | None, typer.Argument(help="Id of a selection; without it the dataset's newest.")
    ] = None,
    to: Annotated[
        str,
        typer.Option(
            help="files, label-studio, cvat, coco, fiftyone, lightlystudio or lightly-tag."
        ),
    ] = "files",
    out: Annotated[Path | None, typer.Option(help="Folder to add to (default: export-TO).")] = None,
    url_prefix: Annotated[
        str | None,
        typer.Option(help="Where the pictures lie for the tool: s3://BUCKET/PREFIX or https://..."),
    ] = None,
    presign: Annotated[
        float | None, typer.Option(help="Sign addresses in S3, good for so many hours.")
    ] = None,
    images: Annotated[
        bool, typer.Option("--images/--no-images", help="Put the pictures into the folder, or not.")
    ] = True,
    tag: Annotated[str, typer.Option(help="Name of the Lightly tag.")] = "picked",
    dataset: Dataset = None,
    config: Config = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Add a selection's picks to a folder, in the form that another tool takes.

    Exporting again, or another selection, to the same folder adds only what is new; names and ids
    stay. Names lead back to frames, so that `pipeline labels import` can read what the tool makes.

    Examples:
      pipeline export --to coco
      pipeline export --to label-studio --url-prefix s3://team/picks --presign 48
      pipeline export 20261121-085715-1c0d1934 --to fiftyone --out cats
    """
    from pipeline_project.build import aws_session, open_lake
    from pipeline_project.cli.feedback_settings import feedback_settings, open_store
    from pipeline_project.exports.frames import newest_selection
    from pipeline_project.exports.run import export_selection

    settings = feedback_settings(config, dataset, home)
    lake = open_lake(settings)
    chosen = selection or newest_selection(lake, settings.dataset)
    folder = out or Path(f"export-{to}")
    added = export_selection(
        lake,
        open_store(settings),
        chosen,
        to=to,
        out=folder,
        url_prefix=url_prefix,
        presign_hours=presign,
        session=aws_session(settings),
        images=images,
        tag=tag,
    )
    say(f"{added.new} new frames of selection {chosen} in {shown(folder.absolute())}.")
    for note in added.notes:
        say(note)
    say(added.next)
    if as_json:
        print_json(
            {
                "selection_id": chosen,
                "to": to,
                "folder": str(folder.absolute()),
                "new": added.new,
                "file": str(added.file) if added.file else None,
                "notes": added.notes,
            }
        )
    elif added.file is not None:
        write_line(shown(added.file))
