"""The photographs that the sample and the classifier are made from, with their licences.

All lie inside the scikit-image wheel. The licence is what `skimage.data` documents:

===================  =========================================  ==============================
photograph           of                                         licence
===================  =========================================  ==============================
astronaut            Eileen Collins, by NASA                    public domain
brick                a brick wall, by CC0Textures               CC0
camera               a man with a camera, by Lav Varshney       CC0
chelsea              a cat, by Stefan van der Walt              CC0
coffee               a cup of coffee, by Rachel Michetti        CC0
grass                grass, by linolafett                       CC0
gravel               gravel, by CC0Textures                     CC0
hubble_deep_field    galaxies, by NASA                          public domain
retina               a human retina, by Mikael Häggström        CC0
rocket               Falcon 9 with DSCOVR, by SpaceX            public domain
===================  =========================================  ==============================
"""

import importlib.util
from pathlib import Path

import cv2
import numpy as np

from pipeline_project.core.records import Pixels
from pipeline_project.errors import ConfigError

FILES: dict[str, str] = {
    "astronaut": "astronaut.png",
    "brick": "brick.png",
    "camera": "camera.png",
    "chelsea": "chelsea.png",
    "coffee": "coffee.png",
    "grass": "grass.png",
    "gravel": "gravel.png",
    "hubble_deep_field": "hubble_deep_field.jpg",
    "retina": "retina.jpg",
    "rocket": "rocket.jpg",
}


def photograph(name: str) -> Pixels:
    """Return one photograph at its full size, RGB; gray ones with three equal channels.

    Raises:
        ConfigError: scikit-image is not installed, or is a version without this photograph.
    """
    path = _folder() / FILES[name]
    stored = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if stored is None:
        raise ConfigError(
            f"Reading photograph {path}: there is no such image. "
            "Install the development extra: pip install -e '.[dev]'."
        )
    return np.asarray(cv2.cvtColor(stored, cv2.COLOR_BGR2RGB), np.uint8)


def _folder() -> Path:
    # Found without importing scikit-image, which would take a second and pull in scipy.
    found = importlib.util.find_spec("skimage")
    if found is None or found.origin is None:
        raise ConfigError(
            "Looking for the photographs of scikit-image: it is not installed. "
            "Install the development extra: pip install -e '.[dev]'."
        )
    return Path(found.origin).parent / "data"
