"""Measures of labelled files, taken as `pipeline score` takes them and kept for the next time."""

import hashlib
import json
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cv2

from pipeline_project.adapters.media.images import OpenImage
from pipeline_project.adapters.media.reader import LocalMediaReader
from pipeline_project.core.quality import registry

FILES_PER_JOB = 64


def measure_files(paths: Sequence[Path], keep: Path) -> list[dict[str, float]]:
    """Return all measures that need no colour of each file, in order.

    Args:
        paths: image files.
        keep: folder for the results, which hold for these files and this version of the
            measures only.
    """
    kept = keep / f"measures-{_recipe(paths)[:12]}.json"
    if kept.is_file():
        return list(json.loads(kept.read_text("utf-8")))
    parts = [paths[start : start + FILES_PER_JOB] for start in range(0, len(paths), FILES_PER_JOB)]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        found = [measures for part in pool.map(_measure_part, parts) for measures in part]
    keep.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(found), "utf-8")
    return found


def _measure_part(paths: Sequence[Path]) -> list[dict[str, float]]:
    cv2.setNumThreads(1)
    reader = LocalMediaReader()
    found = []
    for path in paths:
        with reader.open(path) as media:
            if not isinstance(media, OpenImage):
                raise TypeError(f"Measuring {path}: it is no still image.")
            found.append(registry.measure_gray(media.gray()))
    return found


def _recipe(paths: Sequence[Path]) -> str:
    """Hash what decides the results: the files' names and the version of the measures."""
    names = [str(path) for path in paths]
    told = json.dumps([registry.QUALITY_VERSION, list(registry.MEASURES), names])
    return hashlib.sha256(told.encode("ascii")).hexdigest()
