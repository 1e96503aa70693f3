"""`pipeline score`: sharp, blur or moiré, with probabilities and measures, per image."""

import os
import sys
from collections import Counter
from collections.abc import Callable, Sequence
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
from pipeline_project.cli.pictures import (
    in_order_by_chunks,
    list_pictures,
    read_for_measures,
)
from pipeline_project.errors import ConfigError, MediaError, PipelineError

Row = dict[str, Any]
# In every row, whatever the classifier looks at.
ALWAYS = ("laplacian_variance", "sobel_variance", "fft_high_frequency", "mean_luma", "sharpness")
# Images that a thread takes at once: they take about 2 ms each.
_CHUNK = 8
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
      pipeline score ~/photos --json | jq -r 'select(.label == "blur") | .path'
    """
    from pipeline_project.settings import load_settings

    settings = load_settings(config)
    listed = list_pictures(paths)
    threads = settings.limits.threads or os.cpu_count() or 1
    score_chunk, names = _scorer(
        classifier or settings.quality.classifier, settings.quality.min_side_px, _named(measures)
    )
    show = print_json if as_json else _table(names)
    # Rows on the terminal are progress enough, and a bar would run into them.
    progress = None if sys.stdout.isatty() else TerminalProgress()
    seen: Counter[str] = Counter()
    with (
        progress or nullcontext(),
        closing(in_order_by_chunks(score_chunk, listed, threads, chunk=_CHUNK)) as rows,
    ):
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


def _named(measures: str | None) -> set[str]:
    """Give the measures that are asked for by name.

    Raises:
        ConfigError: there is no such measure.
    """
    from pipeline_project.core.quality.registry import MEASURES

    if measures == "all":
        return set(MEASURES)
    named = {name.strip() for name in (measures or "").split(",")} - {""}
    if unknown := named - set(MEASURES):
        raise ConfigError(
            f"Reading --measures: there is no {', '.join(sorted(unknown))}. "
            f"There are {', '.join(MEASURES)}; or all."
        )
    return named


def _scorer(
    classifier_name: str, min_side_px: int, named: set[str]
) -> tuple[Callable[[Sequence[Path]], list[Row]], list[str]]:
    """Make what turns paths into rows, failures included, and name their measures."""
    import cv2

    from pipeline_project.adapters.media.reader import LocalMediaReader
    from pipeline_project.adapters.quality_model import load_classifier
    from pipeline_project.core.quality.registry import MEASURES, measure_picture

    # One thread per image; OpenCV's own threads would only get in the way.
    cv2.setNumThreads(1)
    reader, judge = LocalMediaReader(), load_classifier(classifier_name)
    looked_at = {feature.measure for feature in judge.features}
    names = [name for name in MEASURES if name in looked_at | named or name in ALWAYS]
    colour = any(MEASURES[name].colour for name in names)
    blank: Row = dict.fromkeys(("label", "p_sharp", "p_blur", "p_moire", *names))

    def score_chunk(paths: Sequence[Path]) -> list[Row]:
        rows: list[Row] = []
        measured: list[tuple[Row, Row]] = []
        for path in paths:
            row: Row = {"path": str(path), "ok": True, "error": None, **blank}
            try:
                picture = read_for_measures(reader, path, min_side_px, colour=colour)
                measured.append((row, measure_picture(picture, names)))
            except MediaError as error:
                row.update(ok=False, error=str(error))
            rows.append(row)
        verdicts = judge.classify_many([values for _, values in measured])
        for (row, values), verdict in zip(measured, verdicts, strict=True):
            row.update(
                values,
                label=verdict.label,
                p_sharp=verdict.p_sharp,
                p_blur=verdict.p_blur,
                p_moire=verdict.p_moire,
            )
        return rows

    return score_chunk, names


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
