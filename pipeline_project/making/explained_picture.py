"""Makes `images/explain.png`: what `pipeline score --explain` draws of a moiré-ridden photograph.

    python -m pipeline_project.making.explained_picture

The photograph is the cat of scikit-image (CC0), photographed off a screen by the simulator.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import cv2

from pipeline_project.making.photographs import photograph
from pipeline_project.making.simulator.examples import examples

TARGET = Path(__file__).parents[2] / "images" / "explain.png"
_SEED, _WANTED = 35, ("moire", "medium")


def main() -> None:
    """Write the picture into the checkout."""
    made = examples(photograph("chelsea"), _SEED, 1)
    spoiled = next((each for each in made if (each.label, each.strength) == _WANTED), None)
    if spoiled is None:
        raise SystemExit("The simulator made no visible moiré of the photograph; change the seed.")
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "off_a_screen.png"
        cv2.imwrite(str(image), cv2.cvtColor(spoiled.pixels, cv2.COLOR_RGB2BGR))
        command = [sys.executable, "-m", "pipeline_project.cli", "score", str(image)]
        subprocess.run([*command, "--explain", "--explain-dir", folder], check=True)
        TARGET.write_bytes((Path(folder) / f"{image.name}.png").read_bytes())


if __name__ == "__main__":
    main()
