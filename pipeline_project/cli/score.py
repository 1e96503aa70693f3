"""`pipeline score`: sharp, blur or moiré, with probabilities and measures, per image."""

import os
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline_project.cli.console import (
    TerminalProgress,
    print_json,
    printable,
    say,
    shown,
    write_line,
)
from pipeline_project.cli.pictures import in_order, list_pictures, read_picture
from pipeline_project.errors import MediaError, PipelineError

Row = dict[str, Any]
_COLOURS = {"sharp": "green", "blur": "yellow", "moire": "magenta", "failed": "red"}


def score(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH", help="Image files, or folders of them.")
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object per image on stdout.")
    ] = False,
    config: Annotated[
        Path | None, typer.Option(help="Settings file (default: pipeline.yaml, if there).")
    ] = None,
) -> None:
    """Say of each image whether it is sharp, blurred or moiré-ridden, and how probably.

    One line per image, in order of path. A file that cannot be scored gets a line that says why,
    and the others go on; exit code 1 means that none could be scored. For videos there is
    `pipeline curate`.

    Examples:
      pipeline score photo.jpg
      pipeline score ~/photos
      pipeline score ~/photos --json | jq -r 'select(.label == "blur") | .path'
    """
    from pipeline_project.settings import load_settings

    settings = load_settings(config)
    listed = list_pictures(paths)
    threads = settings.limits.threads or os.cpu_count() or 1
    score_one = _scorer(settings.quality.classifier, settings.quality.min_side_px)
    show = print_json if as_json else _table()
    # Rows on the terminal are progress enough, and a bar would run into them.
    progress = None if sys.stdout.isatty() else TerminalProgress()
    seen: Counter[str] = Counter()
    with progress or nullcontext(), closing(in_order(score_one, listed, threads)) as rows:
        for done, row in enumerate(rows, start=1):
            seen[row["label"] or "failed"] += 1
            show(row)
            if progress:
                progress.update("score", done, len(listed), "images", "")
    say(f"{len(listed)} tried: {', '.join(f'{n} {what}' for what, n in sorted(seen.items()))}.")
    if seen["failed"] == len(listed):
        raise PipelineError(
            f"No file could be scored, of {len(listed)} tried; the lines above say why for each."
        )


def _scorer(classifier_name: str, min_side_px: int) -> Callable[[Path], Row]:
    """Make what turns one path into one row, its failure included."""
    from pipeline_project.adapters.media.reader import LocalMediaReader
    from pipeline_project.core.quality.classifier import classifier
    from pipeline_project.core.quality.registry import MEASURES, measure_frame

    reader, judge = LocalMediaReader(), classifier(classifier_name)

    def score_one(path: Path) -> Row:
        names = ("label", "p_sharp", "p_blur", "p_moire", *MEASURES)
        row: Row = {"path": str(path), "ok": True, "error": None, **dict.fromkeys(names)}
        try:
            measures = measure_frame(read_picture(reader, path, min_side_px))
        except MediaError as error:
            return {**row, "ok": False, "error": str(error)}
        verdict = judge.classify(measures)
        return {
            **row,
            "label": verdict.label,
            "p_sharp": verdict.p_sharp,
            "p_blur": verdict.p_blur,
            "p_moire": verdict.p_moire,
            **measures,
        }

    return score_one


def _table() -> Callable[[Row], None]:
    """Make what shows rows as aligned text, coloured on a terminal; the path comes last."""
    from pipeline_project.core.quality.registry import MEASURES

    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    # A long name takes two lines of the heading.
    heads = [("", "p"), *(name.split("_", 1) for name in MEASURES)]
    widths = [max(8, len(above), len(below)) for above, below in heads]

    def cells(values: list[str]) -> str:
        return "".join(f"  {value:>{width}}" for value, width in zip(values, widths, strict=True))

    def show(row: Row) -> None:
        label = row["label"] or "failed"
        if row["ok"]:
            numbers = [f"{row[f'p_{label}']:.3f}", *(f"{row[name]:.1f}" for name in MEASURES)]
            rest = f"{cells(numbers)}  {shown(Path(row['path']))}"
        else:
            rest = f"  {printable(row['error'], keep='')}"
        word = f"{label:<6}"
        write_line((typer.style(word, fg=_COLOURS[label]) if coloured else word) + rest)

    write_line(f"{'':<6}{cells([above for above, _ in heads])}")
    write_line(f"{'label':<6}{cells([below for _, below in heads])}  path")
    return show
