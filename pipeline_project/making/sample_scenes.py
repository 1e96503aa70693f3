"""The script of the bundled sample: which clip shows what, and the truth that follows from it.

Stretches begin and end on half seconds, so that frames taken on the whole second lie well
within one. At most a quarter of any clip is spoiled or dark.
"""

from collections import defaultdict
from dataclasses import asdict, dataclass, field, replace

from pipeline_project.making.camera_moves import View
from pipeline_project.making.degrade import ScreenShot
from pipeline_project.sample import Stretch, TruthLabel

# Three photographs are gray in scikit-image; the sample gives them the colour of their subject.
TONES: dict[str, tuple[float, float, float]] = {
    "brick": (1.0, 0.74, 0.63),
    "grass": (0.84, 1.0, 0.62),
    "gravel": (1.0, 0.93, 0.80),
}


@dataclass(frozen=True, slots=True)
class Shot:
    """One uncut move of the camera over one photograph.

    Attributes:
        scene: name of the photograph; empty for a black picture.
        duration_s: how long it takes.
        start: where the camera looks first.
        end: where it looks last.
        blur_s: from and to when it shakes or is out of focus, in seconds of the shot.
        blur_px: length of the shake, or radius of the disc if `out_of_focus`.
        blur_deg: direction of the shake.
        out_of_focus: whether the blur is that of a lens.
        moire_s: from and to when the scene is filmed off a screen.
        screen: how the screen is filmed.
    """

    scene: str
    duration_s: float
    start: View = View(0, 0, 1)
    end: View = View(0, 0, 1)
    blur_s: tuple[float, float] = (0, 0)
    blur_px: float = 36
    blur_deg: float = 10
    out_of_focus: bool = False
    moire_s: tuple[float, float] = (0, 0)
    screen: ScreenShot = field(default_factory=lambda: ScreenShot(1.7, 0.3, 4.0, 2e-5, 1e-5))

    def label_at(self, moment_s: float) -> TruthLabel:
        """Say what is true at this time of the shot."""
        if not self.scene:
            return "dark"
        if self.blur_s[0] <= moment_s < self.blur_s[1]:
            return "blur"
        return "moire" if self.moire_s[0] <= moment_s < self.moire_s[1] else "sharp"

    def cuts(self) -> list[float]:
        """Moments at which the label changes, with beginning and end."""
        inner = {*self.blur_s, *self.moire_s} - {0}
        return sorted({0.0, *inner, self.duration_s})


_COFFEE_OPENING = Shot("coffee", 6.5, View(300, 175, 560), View(350, 215, 430))

CLIPS: dict[str, tuple[Shot, ...]] = {
    "coffee_table.mp4": (
        _COFFEE_OPENING,
        Shot("coffee", 9.5, View(350, 215, 430), View(280, 205, 540), blur_s=(0, 3), blur_deg=15),
        Shot("coffee", 4, View(280, 205, 540), View(225, 130, 400)),
    ),
    "astronaut.mp4": (
        Shot("astronaut", 16, View(256, 150, 500), View(225, 330, 410), moire_s=(10.5, 13.5)),
        Shot("astronaut", 6, View(225, 330, 410), View(310, 220, 370)),
    ),
    "cat.mp4": (
        Shot(
            "chelsea",
            14,
            View(222, 140, 436),
            View(235, 118, 390),
            blur_s=(4.5, 7.5),
            blur_px=7,
            out_of_focus=True,
        ),
        Shot("chelsea", 4, View(235, 118, 390), View(190, 185, 370)),
    ),
    "night_launch.mp4": (
        Shot("", 1.5),
        Shot(
            "rocket",
            14.5,
            View(320, 250, 610),
            View(330, 300, 470),
            moire_s=(8, 10),
            screen=ScreenShot(1.75, 0.28, -3.0, -2e-5, 2e-5),
        ),
        Shot("rocket", 6, View(330, 300, 470), View(225, 200, 400)),
    ),
    "deep_field.mp4": (
        Shot(
            "hubble_deep_field",
            14,
            View(380, 300, 560),
            View(640, 560, 560),
            blur_s=(8.5, 11.5),
            blur_px=9,
            out_of_focus=True,
        ),
        Shot("hubble_deep_field", 4, View(640, 560, 560), View(420, 640, 500)),
    ),
    "photographer.mp4": (
        Shot(
            "camera",
            14,
            View(260, 170, 500),
            View(290, 230, 420),
            moire_s=(3.5, 6.5),
            screen=ScreenShot(1.85, 0.32, 6.0, 3e-5, -2e-5),
        ),
        Shot("camera", 6, View(290, 230, 420), View(250, 350, 430)),
    ),
    "garden_walk.mp4": (
        Shot(
            "gravel",
            8.5,
            View(250, 160, 390),
            View(262, 340, 390),
            blur_s=(3.5, 5.5),
            blur_px=40,
            blur_deg=85,
        ),
        Shot(
            "brick",
            9.5,
            View(256, 170, 470),
            View(256, 330, 470),
            moire_s=(4, 6),
            screen=ScreenShot(1.75, 0.3, 2.0, 1e-5, 3e-5),
        ),
        Shot("brick", 4, View(256, 330, 470), View(220, 200, 400)),
    ),
    "second_visit.mp4": (
        _COFFEE_OPENING,
        Shot("grass", 7.5, View(256, 160, 450), View(270, 350, 450), blur_s=(3, 6), blur_deg=80),
    ),
}

# What each still shows; the first of each tuple is the scene.
STILLS: dict[str, tuple[str, View]] = {
    "portrait.jpg": ("astronaut", View(230, 145, 400)),
    "launch_pad.jpg": ("rocket", View(320, 240, 560)),
}
COPIES: dict[str, str] = {"portrait (1).jpg": "portrait.jpg"}


def truth() -> dict[str, object]:
    """Return what the files show, in the form of `truth.json`."""
    clips: dict[str, list[Stretch]] = {}
    seen_in: dict[str, set[str]] = defaultdict(set)
    for name, shots in CLIPS.items():
        found: list[Stretch] = []
        offset_s = 0.0
        for shot in shots:
            seen_in[shot.scene].add(name)
            cuts = shot.cuts()
            for start_s, end_s in zip(cuts, cuts[1:], strict=False):
                part = Stretch(
                    offset_s + start_s, offset_s + end_s, shot.label_at(start_s), shot.scene
                )
                found.append(part)
            offset_s += shot.duration_s
        clips[name] = found
    stills = {name: Stretch(0.0, 0.0, "sharp", scene) for name, (scene, _) in STILLS.items()}
    for copy, original in COPIES.items():
        stills[copy] = replace(stills[original])
    return {
        "clips": {name: [asdict(part) for part in parts] for name, parts in clips.items()},
        "stills": {name: asdict(part) for name, part in stills.items()},
        "same_bytes": COPIES,
        "repeated_scenes": {
            scene: sorted(names) for scene, names in seen_in.items() if scene and len(names) > 1
        },
    }
