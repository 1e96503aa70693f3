"""How fast the built-in model embeds, against onnxruntime alone on ready-made input.

    python benchmarks/embedding.py [FOLDER_OF_IMAGES] [--threads 2] [--images 256]

Without a folder, JPEGs of 1024 x 768 are made of the sample's frames. Rows, best of several
rounds each, alternating so that what else runs on the machine meets all alike:

- onnxruntime alone: `session.run` on input that is ready, for batches and threads in all common
  ways; the best of them is what the model class is held against;
- the model class: uint8 pictures of 224 px in, unit vectors out, as the worker calls it;
- the model class with shrinking: the same from whole pictures;
- `pipeline embed`: files in, one .npy out, decoding included, start of the program not.
"""

import argparse
import contextlib
import io
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from machine import machine

from pipeline_project.adapters.addresses import path_of
from pipeline_project.adapters.embedder.lite0 import Lite0Embedder
from pipeline_project.adapters.media.reader import LocalMediaReader
from pipeline_project.adapters.sources.folder import FolderSource
from pipeline_project.core.config import SamplingConfig
from pipeline_project.sample import sample_dir

BATCHES = (1, 2, 8, 32)
ROUNDS = 5
WEIGHTS = files("pipeline_project.adapters.embedder") / "efficientnet_lite0_fp16.onnx"


def frames(folder: Path, count: int) -> list[np.ndarray]:
    """Pictures of the files below a folder, repeated up to `count`."""
    reader, found = LocalMediaReader(), []
    for ref in FolderSource(folder).list():
        with reader.open(path_of(ref.uri)) as media:
            found += [each.pixels for each in media.frames(SamplingConfig())]
    return [found[n % len(found)] for n in range(count)]


def session(threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        WEIGHTS.read_bytes(), sess_options=options, providers=["CPUExecutionProvider"]
    )


def bare_loops(planes: np.ndarray, threads: int) -> dict[str, Callable[[], object]]:
    """onnxruntime alone: one call at a time with all threads, and calls side by side."""
    inside, single = session(threads), session(1)
    pool = ThreadPoolExecutor(threads)
    loops: dict[str, Callable[[], object]] = {}
    for size in BATCHES:
        parts = [planes[at : at + size] for at in range(0, len(planes), size)]
        loops[f"one call, {threads} threads inside, batch {size}"] = lambda parts=parts: [
            inside.run(None, {"x": part}) for part in parts
        ]
        loops[f"{threads} calls side by side, batch {size}"] = lambda parts=parts: list(
            pool.map(lambda part: single.run(None, {"x": part}), parts)
        )
    return loops


def measured(loops: dict[str, Callable[[], object]], count: int) -> dict[str, tuple[float, float]]:
    """Images per second of wall and of processor time, the best round of each."""
    best = {name: (0.0, 0.0) for name in loops}
    for round_ in range(ROUNDS + 1):
        for name, loop in loops.items():
            wall, cpu = time.perf_counter(), time.process_time()
            loop()
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            if round_:  # the first one warms up
                before = best[name]
                best[name] = (max(before[0], count / wall), max(before[1], count / cpu))
    return best


def embed_files(folder: Path, out: Path, threads: int) -> None:
    """What `pipeline embed` does, in this process."""
    from pipeline_project.cli.embed import embed_to
    from pipeline_project.cli.pictures import list_pictures
    from pipeline_project.settings import Settings

    os.environ["PIPELINE_LIMITS__THREADS"] = str(threads)
    with contextlib.redirect_stderr(io.StringIO()):
        embed_to(out, list_pictures([folder]), Settings(from_file={}))  # type: ignore[call-arg]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--images", type=int, default=256)
    given = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: given.threads])
    cv2.setNumThreads(1)
    embedder = Lite0Embedder(threads=given.threads)
    with tempfile.TemporaryDirectory() as name:
        folder = given.folder or sample_dir()
        pictures = [
            cv2.resize(each, (1024, 768)) if given.folder is None else each
            for each in frames(folder, given.images)
        ]
        jpegs = Path(name) / "jpegs"
        jpegs.mkdir()
        for number, each in enumerate(pictures):
            cv2.imwrite(str(jpegs / f"{number:05d}.jpg"), each[:, :, ::-1])
        small = [embedder.prepare(each) for each in pictures]
        planes = embedder.planes(small)
        loops = {
            **bare_loops(planes, given.threads),
            "model class": lambda: embedder.embed(small),
            "model class, shrinking included": lambda: embedder.embed(pictures),
            "pipeline embed, decoding included": lambda: embed_files(
                jpegs, Path(name) / "out.npy", given.threads
            ),
        }
        best = measured(loops, given.images)
    bare = max(wall for row, (wall, _) in best.items() if "batch" in row)
    print(f"{given.images} pictures, {given.threads} threads, best of {ROUNDS} rounds\n")
    print("| | images/s | images per CPU-s | of the best bare loop |\n|---|---|---|---|")
    for row, (wall, cpu) in best.items():
        print(f"| {row} | {wall:.0f} | {cpu:.0f} | {wall / bare:.0%} |")
    print(f"\n{machine('onnxruntime', 'opencv-python-headless', 'numpy')}")


if __name__ == "__main__":
    main()
