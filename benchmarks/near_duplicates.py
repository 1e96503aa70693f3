"""Where an embedding space's duplicate threshold belongs.

Compares frames with their own copies (recompressed, resized, brightened), which should count as
duplicates, and with other moments of the same video, which should not.

    python benchmarks/near_duplicates.py FOLDER_OF_VIDEOS
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from pipeline_project.adapters.embedder.lite0 import Lite0Embedder
from pipeline_project.adapters.media.reader import LocalMediaReader
from pipeline_project.adapters.sources.folder import FolderSource
from pipeline_project.core.config import SamplingConfig

GAPS_S = (1, 2, 5)


def copies(pixels: np.ndarray) -> list[np.ndarray]:
    """The same picture, recompressed, half size, brighter, and all of it."""
    jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 40])[1]
    recompressed = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)
    small = cv2.resize(pixels, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    brighter = cv2.convertScaleAbs(pixels, alpha=1.15, beta=5)
    tiny = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 40])[1]
    return [recompressed, small, brighter, cv2.imdecode(tiny, cv2.IMREAD_COLOR)]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    embedder, reader = Lite0Embedder(), LocalMediaReader()
    of_copies, by_gap = [], {gap: [] for gap in GAPS_S}
    for ref in FolderSource(parser.parse_args().folder).list():
        with reader.open(Path(ref.uri.removeprefix("file://"))) as media:
            frames = [f.pixels for f in media.frames(SamplingConfig(mode="every", every_s=1.0))]
        vectors = embedder.embed(frames)
        for gap in GAPS_S:
            by_gap[gap] += np.sum(vectors[:-gap] * vectors[gap:], axis=1).tolist()
        for pixels, vector in list(zip(frames, vectors, strict=True))[::10]:
            of_copies.append(embedder.embed(copies(pixels)) @ vector)
    columns = np.stack(of_copies).T
    names = ("JPEG q40", "half size", "brighter", "half + q40")
    print(f"{embedder.space.name}: duplicate from cosine {embedder.space.duplicate_cosine} on\n")
    print("| pair | n | 5 % | median | 95 % | share called duplicate |\n|---|---|---|---|---|---|")
    rows = [*zip(names, columns, strict=True), *((f"{g} s later", v) for g, v in by_gap.items())]
    for name, values in rows:
        low, middle, high = np.percentile(values, [5, 50, 95])
        called = np.mean(np.asarray(values) >= embedder.space.duplicate_cosine)
        print(f"| {name} | {len(values)} | {low:.3f} | {middle:.3f} | {high:.3f} | {called:.0%} |")


if __name__ == "__main__":
    main()
