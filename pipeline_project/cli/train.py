"""`pipeline train`: a quality classifier of one's own, from labelled folders."""

import json
import os
from base64 import b64encode
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline_project.cli.console import TerminalProgress, printable, say, shown, write_line
from pipeline_project.cli.labelled import LabelledPath, check_enough, list_labelled
from pipeline_project.cli.pictures import in_order, read_for_measures, read_picture
from pipeline_project.errors import ConfigError, MediaError, PipelineError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from pipeline_project.core.quality.evaluation import Evaluation
    from pipeline_project.report.training import Wrong

MOST_WORST = 24
THUMBNAIL_PX = 320


def train(
    labelled: Annotated[
        Path,
        typer.Argument(metavar="LABELLED_DIR", help="Folder with sharp/, blur/ and moire/ in it."),
    ],
    out: Annotated[Path, typer.Option(help="The model to write, a JSON file.")],
    groups: Annotated[
        Path | None,
        typer.Option(help="CSV with the columns path and scene, paths below LABELLED_DIR."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="Settings file (default: pipeline.yaml, if there).")
    ] = None,
) -> None:
    """Fit a quality classifier to your own images: sharp, blurred, moiré-ridden.

    Prints how good it is on scenes it was not fitted to, and writes the model and, beside it, a
    page with confusion, ROC, reliability and the worst examples. A scene is a folder below the
    label's, or a file's name up to `__`; images of one scene are never on both sides of a split.
    Files that cannot be read are listed and left out. To use the model, give its path as
    `quality.classifier` in pipeline.yaml.

    Examples:
      pipeline train ~/labelled --out my-camera.json
      pipeline train ~/labelled --out my-camera.json --groups scenes.csv
    """
    from pipeline_project.core.quality.evaluation import evaluate
    from pipeline_project.core.quality.training import FOLDS, Labelled, cross_validate, fit
    from pipeline_project.report.training import training_page
    from pipeline_project.settings import load_settings

    settings = load_settings(config)
    target = _writable(out)
    listed = list_labelled(labelled, groups)
    threads = settings.limits.threads or os.cpu_count() or 1
    measured, left_out = _measured(listed, settings.quality.min_side_px, threads)
    used = [each for each, _ in measured]
    check_enough(used)
    found = [Labelled(measures, each.label, each.scene) for each, measures in measured]
    scenes = len({each.scene for each in used})
    say(f"fitting to {len(used)} images of {scenes} scenes ...")
    probabilities = cross_validate(found)
    figures = evaluate([each.label for each in used], probabilities)
    model = json.dumps(fit(found, target.stem), indent=2) + "\n"
    page = training_page(
        name=target.stem,
        figures=figures,
        scenes=scenes,
        folds=min(FOLDS, scenes),
        true=[each.label for each in used],
        probabilities=probabilities,
        worst=_worst(used, probabilities, labelled.expanduser()),
        left_out=left_out,
    )
    beside = target.with_suffix(".html")
    try:
        beside.write_text(page, "utf-8", errors="backslashreplace")
        target.write_text(model, "utf-8")
    except OSError as error:
        raise PipelineError(
            f"Writing the model {shown(target)} and its page: {error.strerror}. "
            "Free some space or give --out another place, and run again."
        ) from error
    write_line(summary(figures))
    say(f"Wrote {shown(target)}, and {shown(beside)} with pictures.")


def summary(figures: "Evaluation") -> str:
    """Write the figures of a cross-validation as a table for people."""
    from pipeline_project.core.records import LABELS

    heads = ("precision", "recall", "auc", *(f"as {label}" for label in LABELS))
    lines = [
        f"accuracy {figures.accuracy:.3f}, calibration error {figures.calibration_error:.3f}, "
        f"{figures.count} images, by scene",
        f"{'label':<6}{'images':>8}" + "".join(f"{head:>11}" for head in heads),
    ]
    for place, label in enumerate(LABELS):
        each = figures.labels[label]
        shares = "".join(f"{value:>11.3f}" for value in (each.precision, each.recall, each.auc))
        counts = "".join(f"{count:>11}" for count in figures.confusion[place].tolist())
        lines.append(f"{label:<6}{each.count:>8}{shares}{counts}")
    return "\n".join(lines)


def _writable(out: Path) -> Path:
    """Look, before the work, whether the model can be written.

    Raises:
        ConfigError: it cannot.
    """
    target = out.expanduser().absolute()
    if target.suffix != ".json":
        seen = "its name does not end in .json"
    elif not target.parent.is_dir():
        seen = "its folder does not exist"
    elif target.exists() and not target.is_file():
        seen = "it is there, and is no file"
    else:
        return target
    raise ConfigError(
        f"Writing the model to {shown(out)}: {seen}. "
        "Give --out a name such as my-camera.json in a folder that is there."
    )


def _measured(
    listed: Sequence[LabelledPath], min_side_px: int, threads: int
) -> tuple[list[tuple[LabelledPath, dict[str, float]]], list[str]]:
    """Measure every image; those that cannot be read are said and left out."""
    import cv2

    from pipeline_project.adapters.media.reader import LocalMediaReader
    from pipeline_project.core.quality.registry import measure_picture
    from pipeline_project.core.quality.training import FEATURES

    cv2.setNumThreads(1)
    reader = LocalMediaReader()
    names = {feature.measure for feature in FEATURES}

    def measure(path: Path) -> dict[str, float] | MediaError:
        try:
            picture = read_for_measures(reader, path, min_side_px, colour=False)
        except MediaError as error:
            return error
        return measure_picture(picture, names)

    measured: list[tuple[LabelledPath, dict[str, float]]] = []
    left_out: list[str] = []
    with (
        TerminalProgress() as progress,
        closing(in_order(measure, [each.path for each in listed], threads)) as results,
    ):
        for done, (each, result) in enumerate(zip(listed, results, strict=True), start=1):
            if isinstance(result, MediaError):
                left_out.append(printable(str(result), keep=""))
                progress.say(f"left out: {left_out[-1]}")
            else:
                measured.append((each, result))
            progress.update("measure", done, len(listed), "images", "")
    return measured, left_out


def _worst(
    used: Sequence[LabelledPath], probabilities: "npt.NDArray[np.float64]", folder: Path
) -> "list[Wrong]":
    """Give the images that were wrong and most sure of it, with small pictures."""
    from pipeline_project.core.records import LABELS
    from pipeline_project.report.training import Wrong

    given = probabilities.argmax(axis=1)
    wrong = [place for place, each in enumerate(used) if LABELS[given[place]] != each.label]
    wrong.sort(key=lambda place: -probabilities[place].max())
    return [
        Wrong(
            path=printable(used[place].path.relative_to(folder).as_posix()),
            true=used[place].label,
            given=LABELS[given[place]],
            probability=float(probabilities[place].max()),
            picture=_thumbnail(used[place].path),
        )
        for place in wrong[:MOST_WORST]
    ]


def _thumbnail(path: Path) -> str:
    """Cut the middle out at its own pixels, as shrinking would hide what is wrong."""
    import cv2

    from pipeline_project.adapters.media.reader import LocalMediaReader

    pixels = read_picture(LocalMediaReader(), path, 1)
    top, left = (max(0, (side - THUMBNAIL_PX) // 2) for side in pixels.shape[:2])
    cut = pixels[top : top + THUMBNAIL_PX, left : left + THUMBNAIL_PX, ::-1]
    coded = cv2.imencode(".jpg", cut, [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
    return b64encode(coded.tobytes()).decode("ascii")
