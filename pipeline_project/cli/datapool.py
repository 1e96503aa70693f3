"""`pipeline datapool`: what earlier selections of a dataset mean for the next one; changes it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline_project.cli.console import print_json, printable, say, write_line
from pipeline_project.cli.dataset_options import AsJson, Config, Dataset, Home
from pipeline_project.cli.help import help_of
from pipeline_project.errors import ConfigError

if TYPE_CHECKING:
    from pipeline_project.adapters.lake.base import Lake
    from pipeline_project.worker.pool_history import PastSelection, PoolHistory

datapool_app = typer.Typer(
    help="What earlier selections of a dataset mean for the next one; changes it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def show(
    dataset: Annotated[
        str | None, typer.Option(help="Name of the dataset (default: all of them).")
    ] = None,
    picks: Annotated[bool, typer.Option("--picks", help="Also list every pick.")] = False,
    as_json: AsJson = False,
    config: Config = None,
    home: Home = None,
) -> None:
    """Show each dataset's selections, and how many picks the next one stays away from.

    What was taken back is marked as such.

    Examples:
      pipeline datapool show
      pipeline datapool show --dataset cats --picks
    """
    from pipeline_project.worker.pool_history import datasets, read_history

    lake, _ = _open(config, home, dataset)
    names = [dataset] if dataset is not None else datasets(lake)
    if not names:
        say("Nothing was selected yet: `pipeline curate` makes the first selection.")
    for name in names:
        history = read_history(lake, name)
        if as_json:
            print_json(_facts(history, picks=picks))
        else:
            _show(history, picks=picks)


def remove(
    dataset: Dataset = None,
    frame: Annotated[
        list[str] | None, typer.Option(help="Forget this pick; may be given several times.")
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(
            help="Forget this file's picks and that it was looked at: its path below the source, "
            "address or hash; may be given several times."
        ),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Forget all of the dataset's past.")
    ] = False,
    config: Config = None,
    home: Home = None,
) -> None:
    """Forget part of a dataset's past: what is forgotten may be picked again.

    Selections and their frames stay as they are, and `pipeline datapool rebuild` brings all of it
    back. The next run selects anew also where files and settings are the same.

    Examples:
      pipeline datapool remove --source holiday/clip.mp4
      pipeline datapool remove --dataset cats --all
    """
    from pipeline_project.worker.pool_history import forget

    if everything == bool(frame or source):
        raise ConfigError(
            "Removing from a datapool: give --frame or --source, or --all for everything."
        )
    lake, name = _open(config, home, dataset)
    picks, files = forget(
        lake, name, frames=frame or (), sources=source or (), everything=everything
    )
    say(
        f"Dataset {name}: {picks} picks no longer count, {files} files no longer count as looked "
        "at. `pipeline datapool rebuild` undoes it."
    )


def rebuild(dataset: Dataset = None, config: Config = None, home: Home = None) -> None:
    """Bring back everything that was removed: the past is what the selections say.

    Examples:
      pipeline datapool rebuild --dataset cats
    """
    from pipeline_project.worker import pool_history

    lake, name = _open(config, home, dataset)
    picks, files = pool_history.rebuild(lake, name)
    say(f"Dataset {name}: {picks} picks and {files} looked-at files count again.")


datapool_app.command(help=help_of(show), short_help="Each dataset's selections and picks.")(show)
datapool_app.command(help=help_of(remove), short_help="Forget a part of the past, or all.")(remove)
datapool_app.command(help=help_of(rebuild), short_help="Bring back what was removed.")(rebuild)


def _open(config: Path | None, home: Path | None, dataset: str | None) -> "tuple[Lake, str]":
    """The lake, and the dataset that is meant."""
    from pipeline_project.build import open_lake
    from pipeline_project.cli.feedback_settings import feedback_settings

    settings = feedback_settings(config, dataset, home)
    return open_lake(settings), settings.dataset


def _facts(history: "PoolHistory", *, picks: bool) -> dict[str, object]:
    facts: dict[str, object] = {
        "dataset": history.dataset,
        "picks": len(history.picks),
        "files": len(history.files),
        "selections": [
            {
                "selection_id": each.made.selection_id,
                "created_at": each.made.created_at.isoformat(),
                "space": each.made.space,
                "picked": each.picked,
                "counting": each.counting,
                "rejected": each.rejected,
                "removed": each.removed,
                "kept": each.kept,
                "accepted": each.accepted,
                "rescued": each.rescued,
                "added": each.added,
                "made_anew_as": each.anew or None,
            }
            for each in history.selections
        ],
        "rejected": history.rejected,
        "edits": [
            {"kind": each.kind, "value": each.value, "created_at": each.created_at.isoformat()}
            for each in history.edits
        ],
    }
    if picks:
        facts["frames"] = [
            {"frame_id": each.frame_id, "selection_id": each.selection_id, "file": each.file}
            for each in history.picks
        ]
    return facts


def _became(selection: "PastSelection") -> str:
    """What has become of a selection's picks, and where they are from."""
    origins = {
        "taken over from the one before the review": selection.kept,
        "accepted": selection.accepted,
        "rescued": selection.rescued,
        "in free places": selection.added,
    }
    told = [f"{count} {words}" for words, count in origins.items() if count]
    fates = {"rejected": selection.rejected, "removed": selection.removed}
    gone = [f"{count} {words}" for words, count in fates.items() if count]
    text = f"{selection.picked} picked"
    text += f" ({', '.join(told)})" if told else ""
    text += f", {selection.counting} count now: {', '.join(gone)}" if gone else ""
    return text + (f"; made anew after a review as {selection.anew}" if selection.anew else "")


def _show(history: "PoolHistory", *, picks: bool) -> None:
    write_line(
        printable(
            f"dataset {history.dataset}: {len(history.picks)} picks that new ones stay away from, "
            f"{len(history.files)} files looked at"
        )
    )
    for each in history.selections:
        made = f"{each.made.created_at:%Y-%m-%d %H:%M:%S} UTC"
        write_line(f"  selection {each.made.selection_id}  {made}  {_became(each)}")
    for edit in history.edits:
        what = {"frame": "frame", "source": "file", "all": "everything", "rebuild": "rebuilt"}
        when = f"{edit.created_at:%Y-%m-%d %H:%M:%S} UTC"
        about = history.names.get(edit.value, edit.value)
        words = ["" if edit.kind == "rebuild" else "removed", what[edit.kind], about, when]
        write_line(printable("  " + " ".join(word for word in words if word)))
    if picks:
        for pick in history.picks:
            write_line(printable(f"  pick {pick.frame_id}  {pick.file}"))
