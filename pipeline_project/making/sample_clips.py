"""Render the bundled sample: `python -m pipeline_project.making.sample_clips`.

Writes `sample/clips/` and `sample/truth.json` in a few minutes, after the script in
`sample_scenes.py`. The photographs and their licences are listed in `photographs.py`; all are
CC0 or in the public domain. Rendered again, the files differ at most in a last rounding of OpenCV
and in what another version of x264 writes; the truth is the same.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from pipeline_project.core.records import Pixels
from pipeline_project.making.camera_moves import between, see
from pipeline_project.making.degrade import defocus, motion_blur, photograph_screen, tone
from pipeline_project.making.h264 import FRAMES_PER_S, write_video
from pipeline_project.making.photographs import photograph
from pipeline_project.making.sample_scenes import CLIPS, COPIES, STILLS, TONES, Shot, truth
from pipeline_project.sample import sample_dir, truth_file

SEED = 7
WIDTH_PX, HEIGHT_PX = 640, 360
JPEG_QUALITY = 90


def main() -> None:
    """Render every file and write the truth beside them."""
    cv2.setNumThreads(1)
    folder = sample_dir()
    folder.mkdir(exist_ok=True)
    for number, (name, shots) in enumerate(CLIPS.items()):
        write_video(folder / name, frames(shots, np.random.default_rng([SEED, number])))
        print(f"{name}: {(folder / name).stat().st_size / 1e6:.2f} MB")
    for name, (scene, view) in STILLS.items():
        _write_jpeg(folder / name, see(scene_photo(scene), view, WIDTH_PX, HEIGHT_PX))
    for copy, original in COPIES.items():
        shutil.copyfile(folder / original, folder / copy)
    truth_file().write_text(json.dumps(truth(), indent=2) + "\n", "utf-8")
    print(f"all: {sum(file.stat().st_size for file in folder.iterdir()) / 1e6:.2f} MB")


def frames(shots: tuple[Shot, ...], rng: np.random.Generator) -> Iterator[Pixels]:
    """Render one clip, frame by frame."""
    for shot in shots:
        photo = scene_photo(shot.scene) if shot.scene else None
        count = round(shot.duration_s * FRAMES_PER_S)
        for number in range(count):
            if photo is None:
                yield rng.integers(0, 5, (HEIGHT_PX, WIDTH_PX, 1), np.uint8).repeat(3, axis=2)
                continue
            even = number / (count - 1)
            # Starts and ends slowly, as a hand or a slider does.
            eased = even * even * (3 - 2 * even)
            view = between(shot.start, shot.end, eased)
            sharp = see(photo, view, WIDTH_PX, HEIGHT_PX)
            yield _spoil(sharp, shot, number / FRAMES_PER_S, rng)


def scene_photo(scene: str) -> Pixels:
    """Return the photograph of a scene, toned if it is one of the gray ones."""
    photo = photograph(scene)
    return tone(photo, TONES[scene]) if scene in TONES else photo


def _spoil(sharp: Pixels, shot: Shot, moment_s: float, rng: np.random.Generator) -> Pixels:
    label = shot.label_at(moment_s)
    if label == "blur" and shot.out_of_focus:
        return defocus(sharp, shot.blur_px)
    if label == "blur":
        return motion_blur(sharp, shot.blur_px, shot.blur_deg)
    if label == "moire":
        # The hand that films the screen drifts, and the bands wander with it.
        since_s = moment_s - shot.moire_s[0]
        drifting = replace(
            shot.screen,
            rotation_deg=shot.screen.rotation_deg + 0.15 * since_s,
            shift_px=0.6 * since_s,
        )
        return photograph_screen(sharp, drifting, rng)
    return sharp


def _write_jpeg(path: Path, pixels: Pixels) -> None:
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
    path.write_bytes(encoded.tobytes())


if __name__ == "__main__":
    main()
