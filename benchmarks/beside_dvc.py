"""dvc beside us, for `incremental.py`: a folder of 10,000 pictures, of which one changes.

dvc keeps a folder by the hashes of its files, and runs a stage again as a whole where one of them
changed; its stage here takes one measure, ours all of them, embeddings and a selection.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np


def beside_dvc(dvc: str, folder: Path, part: Callable[..., dict]) -> None:
    """10,000 pictures, one changed: dvc add, status and repro, and our whole run."""
    place = (folder / "beside-dvc").absolute()
    media = place / "media"
    media.mkdir(parents=True)
    dvc = str(Path(dvc).absolute())
    environ = {**os.environ, "DVC_NO_ANALYTICS": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    part("add_pictures", str(place), 10_000)
    print("\n| 10,000 pictures of 320x240 px | wall s | processed |\n|---|---|---|")

    def shell(*command: str) -> float:
        started = time.perf_counter()
        subprocess.run(command, cwd=place, env=environ, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - started

    def change(number: int) -> None:
        path = sorted(media.rglob("*.jpg"))[number]
        cv2.imwrite(
            str(path), np.random.default_rng(number).integers(0, 256, (240, 320, 3), np.uint8)
        )

    shell("git", "init", "-q")
    shell(dvc, "init", "-q")
    # What a stage of dvc is given is the folder; what it does is to measure each picture.
    (place / "measure.py").write_text(
        "import cv2, json, pathlib\n"
        "paths = sorted(pathlib.Path('media').rglob('*.jpg'))\n"
        "sharp = {str(p): cv2.Laplacian(cv2.imread(str(p), 0), cv2.CV_64F).var() for p in paths}\n"
        "pathlib.Path('sharp.json').write_text(json.dumps(sharp))\n"
    )
    (place / "dvc.yaml").write_text(
        f"stages:\n  measure:\n    cmd: {sys.executable} measure.py\n"
        "    deps: [measure.py, media]\n    outs: [sharp.json]\n"
    )
    print(f"| dvc add, at first | {shell(dvc, 'add', '-q', 'media'):.1f} | 10,000 |", flush=True)
    print(f"| dvc repro, at first | {shell(dvc, 'repro', '-q'):.1f} | 10,000 |")
    print(f"| dvc repro, nothing changed | {shell(dvc, 'repro', '-q'):.1f} | 0 |")
    change(0)
    print(f"| dvc status, one changed | {shell(dvc, 'status'):.1f} | 0 |")
    print(f"| dvc add, one changed | {shell(dvc, 'add', '-q', 'media'):.1f} | 1 |")
    print(f"| dvc repro (Laplacian only), one changed | {shell(dvc, 'repro', '-q'):.1f} | 10,000 |")
    for what, number in (
        ("at first (all measures, embeddings)", None),
        ("nothing changed", None),
        ("one changed", 1),
    ):
        if number is not None:
            change(number)
        done = part("run_worker", str(place))
        print(f"| pipeline, {what} | {done['wall_s']:.1f} | {done['decoded']:,.0f} |", flush=True)
