"""Near-duplicates: where an embedding space's threshold belongs, and what finding them costs.

The threshold must call a copy of a picture (recompressed, resized, brightened) the same, and the
same scene at another moment another. Given videos, frames are compared with their own copies and
with later frames of their own video, and every video is thinned out at 1 frame per second as a run
does it: a scene must keep most of its moments. Without videos the bundled sample is used.

    python benchmarks/near_duplicates.py [FOLDER_OF_VIDEOS ...] [--frames 20000 100000]
    python benchmarks/near_duplicates.py FOLDER_OF_VIDEOS --model model.onnx

For another model than the built-in one, the line after the first table is the value to set as
embedding.duplicate_cosine: 93 % of frames a second apart stay below it, as with the built-in one.
"""

import argparse
import resource
import time
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
from machine import machine

from pipeline_project.adapters.addresses import path_of
from pipeline_project.adapters.embedder import open_embedder
from pipeline_project.adapters.media.reader import LocalMediaReader
from pipeline_project.adapters.sources.folder import FolderSource
from pipeline_project.core.config import BUILT_IN_MODEL, EmbeddingConfig, SamplingConfig
from pipeline_project.core.hashing import perceptual_hash, pixels_sha256
from pipeline_project.core.selection.near_duplicates import FrameFeatures, find_duplicates
from pipeline_project.errors import MediaError
from pipeline_project.sample import sample_dir

GAPS_S = (1, 2, 5)
APART_PERCENT = 93
DIM = 1280


def copies(pixels: np.ndarray) -> list[np.ndarray]:
    """The same picture, recompressed, half size, brighter, and all of it."""
    jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 40])[1]
    recompressed = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)
    small = cv2.resize(pixels, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    brighter = cv2.convertScaleAbs(pixels, alpha=1.15, beta=5)
    tiny = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 40])[1]
    return [recompressed, small, brighter, cv2.imdecode(tiny, cv2.IMREAD_COLOR)]


def threshold(folders: list[Path], model: str) -> None:
    """Print how alike copies and later moments are, and what is left of each video."""
    embedder, reader = open_embedder(EmbeddingConfig(model=model)), LocalMediaReader()
    minimum = embedder.space.duplicate_cosine
    of_copies, by_gap, left = [], {gap: [] for gap in GAPS_S}, []
    for folder in folders:
        for ref in FolderSource(folder).list():
            try:
                with reader.open(path_of(ref.uri)) as media:
                    if media.info.kind != "video":
                        continue
                    sampling = SamplingConfig(mode="every", every_s=1.0)
                    frames = [frame.pixels for frame in media.frames(sampling)]
            except MediaError as error:
                print(f"left out {ref.name}: {error}")
                continue
            vectors = np.concatenate([embedder.embed([each]) for each in frames])
            for gap in GAPS_S:
                by_gap[gap] += np.sum(vectors[:-gap] * vectors[gap:], axis=1).tolist()
            for pixels, vector in list(zip(frames, vectors, strict=True))[::10]:
                of_copies.append(embedder.embed(copies(pixels)) @ vector)
            left.append((ref.name, len(frames), grouped(frames, vectors, minimum)))
    columns = np.stack(of_copies).T
    names = ("JPEG q40", "half size", "brighter", "half + q40")
    print(f"{embedder.space.name}: duplicate from cosine {minimum} on\n")
    print("| pair | n | 5 % | median | 95 % | share called duplicate |\n|---|---|---|---|---|---|")
    rows = [*zip(names, columns, strict=True), *((f"{g} s later", v) for g, v in by_gap.items())]
    for name, values in rows:
        low, middle, high = np.percentile(values, [5, 50, 95])
        called = "" if minimum is None else f"{np.mean(np.asarray(values) >= minimum):.0%}"
        print(f"| {name} | {len(values)} | {low:.3f} | {middle:.3f} | {high:.3f} | {called} |")
    print(f"\nduplicate_cosine: {np.percentile(by_gap[GAPS_S[0]], APART_PERCENT):.3f}")
    print("\n| video | frames at 1 fps | kept | largest group | by |\n|---|---|---|---|---|")
    for name, count, duplicates in left:
        groups = Counter(leader for leader, _ in duplicates.values())
        kinds = Counter(kind for _, kind in duplicates.values())
        largest = 1 + max(groups.values(), default=0)
        by = ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items()))
        print(f"| {name} | {count} | {count - len(duplicates)} | {largest} | {by} |")


def grouped(frames: list[np.ndarray], vectors: np.ndarray, minimum: float | None) -> dict:
    """The duplicates among the frames of one video; all are equally sharp."""
    features = FrameFeatures(
        pixels_sha256=[pixels_sha256(each) for each in frames],
        phash=np.array([perceptual_hash(each) for each in frames], np.uint64),
        source=["video"] * len(frames),
        vectors=vectors,
        rank=np.zeros(len(frames)),
    )
    return find_duplicates(features, min_cosine=minimum)


def clip_like(count: int, chance: np.random.Generator) -> np.ndarray:
    """Clips of 100 frames that walk on 40 axes, all on one side of space as features are."""
    clips = -(-count // 100)
    common = np.abs(chance.standard_normal((1, DIM), np.float32))
    places = chance.standard_normal((clips, 200), np.float32)
    places = places @ chance.standard_normal((200, DIM), np.float32) / 14
    steps = chance.standard_normal((clips, 100, 40), np.float32).cumsum(axis=1)
    moves = 0.1 * steps.reshape(-1, 40) @ chance.standard_normal((40, DIM), np.float32)
    rows = np.maximum(0, np.repeat(np.maximum(0, common + places), 100, axis=0) + moves)
    rows += 0.05 * chance.standard_normal(rows.shape, np.float32)
    return rows[:count]


def speed(counts: list[int]) -> None:
    """Print what finding duplicates costs among frames of noise, and of clips."""
    print("\n| frames x 1280 | data | duplicates | CPU s | wall s | peak MB, vectors included |")
    print("|---|---|---|---|---|---|")
    for count in counts:
        for name in ("clips", "noise"):
            chance = np.random.default_rng(0)
            rows = clip_like(count, chance) if name == "clips" else None
            if rows is None:
                rows = chance.standard_normal((count, DIM), np.float32)
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
            features = FrameFeatures(
                pixels_sha256=[str(row) for row in range(count)],
                phash=chance.integers(0, 2**63, count).astype(np.uint64),
                source=[str(row // 100) for row in range(count)],
                vectors=rows,
                rank=chance.random(count),
            )
            cpu, wall = time.process_time(), time.perf_counter()
            found = find_duplicates(features, min_cosine=0.985)
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
            print(f"| {count} | {name} | {len(found)} | {cpu:.1f} | {wall:.1f} | {peak:.0f} |")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", type=Path, nargs="*")
    parser.add_argument("--frames", type=int, nargs="*", default=[])
    parser.add_argument("--model", default=BUILT_IN_MODEL, help="as embedding.model")
    options = parser.parse_args()
    threshold(options.folders or [sample_dir()], options.model)
    if options.frames:
        speed(options.frames)
    print("\n" + machine("numpy", "onnxruntime"))


if __name__ == "__main__":
    main()
