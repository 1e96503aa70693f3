"""Makes the images of the collections example: frames of the bundled clips, sharp and not.

python -m pipeline_project.making.example_images
"""

import cv2

from pipeline_project.adapters.media.reader import LocalMediaReader
from pipeline_project.core.config import SamplingConfig
from pipeline_project.examples.image_quality.files import IMAGES, example_dir
from pipeline_project.sample import sample_dir

# Name of the image, clip, and seconds; what is to be seen there stands in the sample's truth.
FRAMES = (
    ("cat_sharp", "cat.mp4", 2.0),
    ("cat_blur", "cat.mp4", 6.0),
    ("wall_sharp", "garden_walk.mp4", 10.0),
    ("wall_moire", "garden_walk.mp4", 13.5),
    ("coffee_blur", "coffee_table.mp4", 8.0),
    ("camera_sharp", "photographer.mp4", 10.0),
    ("camera_moire", "photographer.mp4", 5.0),
)
_EVERY_S = 0.5
_QUALITY = 90


def main() -> None:
    """Write every image anew."""
    folder = example_dir() / IMAGES
    folder.mkdir(exist_ok=True)
    for name, clip, at_s in FRAMES:
        with LocalMediaReader().open(sample_dir() / clip) as media:
            frames = media.frames(SamplingConfig(mode="every", every_s=_EVERY_S))
            frame = next(each for each in frames if abs(each.timestamp_s - at_s) < _EVERY_S / 2)
        pixels = cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(folder / f"{name}.jpg"), pixels, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])


if __name__ == "__main__":
    main()
