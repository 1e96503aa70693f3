"""`pipeline score`: sharp, blur or moiré, with probabilities and measures, per image."""

import os
import sys
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import closing, nullcontext
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from pipeline_project.cli.console import (
    TerminalProgress,
    print_json,
    printable,
    say,
    shown,
    write_line,
)
from pipeline_project.cli.explain import DEFAULT_FOLDER, Explainer, without_own, words
from pipeline_project.cli.pictures import in_order_by_chunks, list_pictures
from pipeline_project.cli.scorer import Row, Scorer, named_measures
from pipeline_project.errors import PipelineError

# Of fewer, threads have done as many before another process has started: even at about 150.
_FEW = 200
_COLOURS = {"sharp": "green", "blur": "yellow", "moire": "magenta", "failed": "red"}


def score(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH", help="Image files, or folders of them.")
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object per image on stdout.")
    ] = False,
    measures: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="More measures, with commas between: all, or names as in the README.",
        ),
    ] = None,
    classifier: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="default, talk, or the path of a model (default: quality.classifier).",
        ),
    ] = None,
    device: Annotated[
        Literal["auto", "cpu", "cuda"] | None,
        typer.Option(help="Where measures are taken (default: quality.device)."),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say which measures spoke, and draw it.")
    ] = False,
    explain_dir: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help=f"Explain, with the pictures in here (default: {DEFAULT_FOLDER}).",
        ),
    ] = None,
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
      pipeline score ~/photos --measures noise_sigma,entropy
      pipeline score photo.jpg --explain
      pipeline score ~/photos --json | jq -r 'select(.label == "blur") | .path'
    """
    from pipeline_project.adapters.measuring.opening import open_measurer
    from pipeline_project.adapters.quality_model import load_classifier
    from pipeline_project.settings import load_settings

    settings = load_settings(config)
    wanted = named_measures(measures)
    judge = load_classifier(classifier or settings.quality.classifier)
    listed, explainer = list_pictures(paths), None
    if explain or explain_dir:
        folder = explain_dir or DEFAULT_FOLDER
        listed = without_own(listed, paths, folder)
        explainer = Explainer(folder, listed, judge)
    threads = settings.limits.threads or os.cpu_count() or 1
    measurer = open_measurer(device or settings.quality.device)
    make = partial(Scorer, judge, wanted, settings.quality.min_side_px, measurer)
    scorer = make(explainer)

    def scored() -> Generator[Row, None, None]:
        if explainer or measurer.gather_px or threads == 1 or len(listed) <= _FEW:
            return in_order_by_chunks(scorer, listed, threads, chunk=scorer.chunk)
        from pipeline_project.cli.processes import in_order_by_processes

        return in_order_by_processes(make, listed, threads, chunk=scorer.chunk)

    show = print_json if as_json else _table(scorer.names)
    # Rows on the terminal are progress enough, and a bar would run into them.
    progress = None if sys.stdout.isatty() else TerminalProgress()
    seen: Counter[str] = Counter()
    with (
        progress or nullcontext(),
        closing(scored()) as rows,
    ):
        for done, row in enumerate(rows, start=1):
            seen[row["label"] or "failed"] += 1
            show(row)
            if row["ok"] and explainer and not as_json:
                write_line("\n".join(f"        {line}" for line in words(row)))
            if progress:
                progress.update("score", done, len(listed), "images", "")
    say(f"{len(listed)} tried: {', '.join(f'{n} {what}' for what, n in sorted(seen.items()))}.")
    if seen["failed"] == len(listed):
        raise PipelineError(
            f"No file could be scored, of {len(listed)} tried; the lines above say why for each."
        )


def _table(names: list[str]) -> Callable[[Row], None]:
    """Make what shows rows as aligned text, coloured on a terminal; the path comes last."""
    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    # A long name takes two lines of the heading.
    heads = [("", "p"), *(_split(name) for name in names)]
    widths = [max(8, len(above), len(below)) for above, below in heads]

    def cells(values: list[str]) -> str:
        return "".join(f"  {value:>{width}}" for value, width in zip(values, widths, strict=True))

    def show(row: Row) -> None:
        label = row["label"] or "failed"
        if row["ok"]:
            numbers = [f"{row[f'p_{label}']:.3f}", *(f"{row[name]:.4g}" for name in names)]
            rest = f"{cells(numbers)}  {shown(Path(row['path']))}"
        else:
            rest = f"  {printable(row['error'], keep='')}"
        word = f"{label:<6}"
        write_line((typer.style(word, fg=_COLOURS[label]) if coloured else word) + rest)

    write_line(f"{'':<6}{cells([above for above, _ in heads])}")
    write_line(f"{'label':<6}{cells([below for _, below in heads])}  path")
    return show


def _split(name: str) -> tuple[str, str]:
    above, _, below = name.rpartition("_")
    return above, below
