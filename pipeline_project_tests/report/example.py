"""A report's data as a real run would give it, with real photographs and hostile names."""

from functools import lru_cache

import cv2
import numpy as np
from skimage import data as photographs

from pipeline_project.report.data import (
    DuplicateGroup,
    EmbeddingMap,
    Exclusion,
    FrameCard,
    Histogram,
    Pick,
    Reject,
    ReportData,
    StageRow,
)

SCENES = ("astronaut", "chelsea", "coffee", "rocket", "retina", "hubble_deep_field", "brick")
NASTY_NAMES = (
    "<script>alert(1)</script>.mp4",
    '"><img src=x onerror=alert(1)>.mp4',
    "</script><script>document.title='owned'</script>.mov",
    'it\'s a "quote" & <b>bold</b> {{ 7*7 }} $$x$$ @name.mp4',
    "two\nlines\tand a tab.mp4",
    "Übung 東京 \u202egpj.exe.mp4",
    "broken \udcff byte.mp4",
    "javascript:alert(1)",
)
WIDTH_PX, HEIGHT_PX = 240, 160


@lru_cache(maxsize=len(SCENES))
def _photograph(name: str) -> np.ndarray:
    pixels = np.atleast_3d(getattr(photographs, name)())
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels[:, :, :3]


@lru_cache(maxsize=512)
def _thumbnail(scene: int, step: int, treatment: str = "") -> bytes:
    name = SCENES[scene % len(SCENES)]
    pixels = _photograph(name)
    height, width = pixels.shape[:2]
    crop_width = int(min(width, height * 1.5) * (0.62 + 0.06 * (step % 4)))
    crop_height = int(crop_width / 1.5)
    left = int((width - crop_width) * ((step * 0.37) % 1))
    top = int((height - crop_height) * ((step * 0.61) % 1))
    crop = pixels[top : top + crop_height, left : left + crop_width]
    small = cv2.resize(crop, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_AREA)
    if treatment == "blur":
        small = cv2.blur(small, (19, 3))
    if treatment == "moire":
        rows, columns = np.mgrid[:HEIGHT_PX, :WIDTH_PX]
        waves = np.sin(rows * 1.9) * np.sin(columns * 2.05 + rows * 0.11)
        small = np.clip(small + 46 * waves[:, :, None], 0, 255).astype(np.uint8)
    if treatment == "dark":
        small = (small * 0.04).astype(np.uint8)
    encoded, jpeg = cv2.imencode(
        ".jpg", np.ascontiguousarray(small[:, :, ::-1]), [cv2.IMWRITE_JPEG_QUALITY, 80]
    )
    if not encoded:
        raise RuntimeError(f"could not encode the thumbnail of {name}")
    return jpeg.tobytes()


def card(index: int, treatment: str = "", name: str | None = None) -> FrameCard:
    """A frame of the scene `index` turns to, sharp unless treated."""
    scene, step = index % len(SCENES), index // len(SCENES)
    label = {"": "sharp", "dark": "sharp"}.get(treatment, treatment)
    sure = 0.86 + 0.1399 * ((index * 0.618) % 1)
    rest = (1 - sure) / 2
    probabilities = {key: rest for key in ("sharp", "blur", "moire")} | {label: sure}
    return FrameCard(
        frame_id=f"{scene:064x}:{step}",
        name=name or f"camera-{scene + 1}/{SCENES[scene]}.mp4",
        timestamp_s=None if scene == 5 else 1.0 * step + 0.04 * scene + 61 * (scene == 3),
        thumbnail_jpeg=_thumbnail(scene, step % 16, treatment),
        label=label,
        probabilities=probabilities,
        measures={
            "laplacian_variance": 900.0 + 83.7 * index,
            "sobel_variance": 3120.5,
            "fft_high_frequency": 4.21,
        },
        width_px=1920,
        height_px=1080,
    )


def picks(count: int) -> list[Pick]:
    """Picks of every scene in turn; every seventh is by a named photographer."""
    return [
        Pick(
            card=card(rank * 3 + rank // 7),
            rank=rank,
            reason="farthest from every frame picked before (distance 0.41)",
            file_name=f"{rank:04d} {SCENES[rank % len(SCENES)]} #1?_{rank}.5s.jpg",
            attribution={
                "author": "Ada Example",
                "author_url": "https://www.pexels.com/@ada",
                "license": "Pexels License",
                "url": "https://www.pexels.com/video/1234/",
            }
            if rank % 7 == 3
            else {},
        )
        for rank in range(1, count + 1)
    ]


def exclusions() -> list[Exclusion]:
    """Blurred, moiré-ridden and near-black frames."""
    out = [
        Exclusion(card(index, "blur"), "blur", "p_blur", 0.81 + index * 0.009, 0.8)
        for index in range(17)
    ]
    out += [
        Exclusion(card(index, "moire"), "moire", "p_moire", 0.84 + index * 0.02, 0.8)
        for index in range(5)
    ]
    out += [
        Exclusion(card(index, "dark"), "near_black", "mean_luma", 2.4 + index, 8.0)
        for index in range(3)
    ]
    return out


def embedding_map(frames: int, picked: int) -> EmbeddingMap:
    """Clusters, one a scene, every outcome among them."""
    random = np.random.default_rng(7)
    scene = np.arange(frames) % len(SCENES)
    angle = 2 * np.pi * scene / len(SCENES)
    x = 6 * np.cos(angle) + random.normal(0, 0.9, frames) + 0.03 * np.arange(frames) % 2
    y = 4 * np.sin(angle) * (1 + 0.2 * (scene % 2)) + random.normal(0, 0.75, frames)
    outcome = np.array(
        random.choice(
            ["candidate", "excluded", "duplicate", "pool"], frames, p=[0.7, 0.13, 0.12, 0.05]
        ),
        dtype=object,
    )
    outcome[:: max(frames // picked, 1)][:picked] = "picked"
    cards = [card(index) for index in range(frames)]
    return EmbeddingMap(
        x=x,
        y=y,
        outcome=outcome.tolist(),
        name=[
            NASTY_NAMES[i % 40] if i % 40 < len(NASTY_NAMES) else c.name
            for i, c in enumerate(cards)
        ],
        timestamp_s=np.array([np.nan if c.timestamp_s is None else c.timestamp_s for c in cards]),
        thumbnail_jpeg=[b"" if i % 29 == 5 else c.thumbnail_jpeg for i, c in enumerate(cards)],
        total=1184,
        method="principal components of 1,280 numbers, holding 41 % of the variance",
    )


def histograms() -> list[Histogram]:
    """The three measures of the talk and one probability, as they fall in practice."""
    random = np.random.default_rng(3)

    def values(low: float, high: float, spread: float) -> dict[str, np.ndarray]:
        return {
            "picked": random.lognormal(high, spread, 24),
            "candidate": random.lognormal(high, spread * 1.1, 800),
            "duplicate": random.lognormal(high, spread, 120),
            "excluded": random.lognormal(low, spread * 0.9, 190),
        }

    sharpness = values(4.2, 6.9, 0.7)
    sharpness["excluded"][:3] = 0.0
    sharp = {name: 1 - np.exp(-part / 300) for name, part in values(4.0, 6.6, 0.5).items()}
    frequency = {name: 2 + 0.35 * np.log(part) for name, part in values(4.4, 6.8, 0.6).items()}
    return [
        Histogram("laplacian_variance", "", "sharper", sharpness, True, 80.0),
        Histogram("sobel_variance", "", "sharper", values(6.3, 8.2, 0.5), True),
        Histogram("fft_high_frequency", "log magnitude", "more detail", frequency),
        Histogram("p_sharp", "", "better", sharp),
        Histogram("mean_luma", "of 255", "", values(4.5, 4.6, 0.4), False, 8.0),
    ]


def example(picked: int = 24, frames: int = 420, nasty: bool = True) -> ReportData:
    """A full page: 1,184 frames of 14 files, of which some are damaged, duplicate or bad."""
    chosen = picks(picked)
    if nasty:
        hostile = [
            Pick(
                card(pick.rank * 3, name=name),
                pick.rank,
                f"because {name}",
                name,
                {"author": name, "author_url": "javascript:alert(1)"},
            )
            for pick, name in zip(chosen[-len(NASTY_NAMES) :], NASTY_NAMES, strict=False)
        ]
        chosen = chosen[: len(chosen) - len(hostile)] + hostile
    rejects = [
        Reject(
            "clips/page.mp4",
            "file:///footage/clips/page.mp4",
            "probe",
            "MediaUnknown",
            "Opened clips/page.mp4 as media and saw an HTML page; save the video itself.",
            damaged=False,
        ),
        Reject(
            "phone/cut short.mov",
            "file:///footage/phone/cut%20short.mov",
            "sample",
            "MediaTruncated",
            "Decoded 212 of 900 declared frames; the 8 sampled are used.",
            damaged=True,
        ),
        Reject(
            "empty.mp4",
            "file:///footage/empty.mp4",
            "probe",
            "MediaEmpty",
            "The file has 0 bytes.",
            damaged=False,
        ),
    ]
    if nasty:
        rejects += [
            Reject(
                name, f"file:///footage/{name}", "probe", "MediaCorrupt", f"In {name}: bad", False
            )
            for name in NASTY_NAMES[:4]
        ]
    return ReportData(
        selection_id="sel-2025-06-03-7f3a91c2",
        dataset="street-cameras",
        source="/data/footage/june <week 1>",
        created_at="2025-06-03T14:21:07+00:00",
        run_id="b6c0c2f8-6a0e-4a39-9a51-8d1f8f6f7c11",
        headline=f"{picked} of 1,184 frames picked from 14 files",
        counts={
            "files": 14, "video_s": 4387.0, "frames": 1184, "excluded": 190, "duplicates": 146,
            "picked": picked,
        },
        picks=chosen[::-1],
        exclusions=exclusions(),
        exclusions_total=190,
        exclusions_by_judgement={"blur": 142, "moire": 37, "near_black": 11},
        duplicates=[
            DuplicateGroup("near", card(2), [card(2 + 7 * i) for i in range(1, 12)], 14),
            DuplicateGroup("exact", card(1), [card(1)], 2),
            DuplicateGroup("near", card(3), [card(3 + 7 * i) for i in range(1, 6)], 6),
            DuplicateGroup("near", card(5), [card(5 + 7 * i) for i in range(1, 4)], 4),
        ],
        duplicates_total=31,
        rejects=rejects,
        stages=[
            StageRow("probe", "v1", 14, 0, 3, 0.8),
            StageRow("sample", "v2", 1184, 0, 0, 61.4),
            StageRow("score", "v1", 1004, 180, 0, 22.7),
            StageRow("embed", "lite0-onnx-v1", 994, 0, 0, 118.2),
            StageRow("deduplicate", "v1", 1184, 0, 0, 0.4),
            StageRow("select", "mundig", 1, 0, 0, 0.2),
        ],
        embedding_map=embedding_map(frames, picked),
        histograms=histograms(),
        warnings=[
            "4 of 14 files could not be read in full; they are listed below.",
            "In camera-4/rocket.mp4 more than 30 % of the frames look blurred, so they were "
            "weighted down instead of dropped.",
        ],
        versions={"pipeline-project": "0.1.0", "python": "3.11.2", "onnxruntime": "1.23.1",
                  "lightly-mundig": "0.1.16", "av": "16.0.1"},
        settings_yaml="source: /data/footage/june <week 1>\nsampling:\n  mode: every\n"
        "  every_s: 1.0\nquality:\n  action: drop\n  min_probability: 0.8\nselection: {}\n",
        duration_s=203.7,
        ids={
            "commit": "c-000000000042",
            "run page": "http://localhost:3000/runs/b6c0c2f8",
            "code": "javascript:alert(1)",
        },
    )  # fmt: skip


def nothing() -> ReportData:
    """A run that found no frame at all."""
    return ReportData(
        selection_id="sel-empty", dataset="default", source="empty-folder", created_at="",
        run_id="r-1", headline="Nothing to pick: no media file was found", counts={}, picks=[],
        exclusions=[], exclusions_total=0, duplicates=[], duplicates_total=0, rejects=[], stages=[],
        embedding_map=None, histograms=[], warnings=[], versions={}, settings_yaml="",
        duration_s=0.0,
    )  # fmt: skip
