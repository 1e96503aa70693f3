"""One tool over a list of image files, in a process of its own; prints a line of JSON.

    python quality_tools.py TOOL LIST_OF_FILES

Run by `quality.py`, some of them by another Python that has the peers installed. So nothing of
the project is imported before it is known to be wanted. Imports and a first image come before
the clock starts: what is timed is work, not start-up.
"""

import contextlib
import io
import json
import os
import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing import Pool
from pathlib import Path

WORKERS = 2


def decode_only(paths):
    """The limit: the fastest decoder known, to gray, and nothing else."""
    import simplejpeg

    def decode(path):
        simplejpeg.decode_jpeg(Path(path).read_bytes(), "GRAY")

    def run(paths):
        with ThreadPoolExecutor(WORKERS) as pool:
            for _ in pool.map(decode, paths, chunksize=8):
                pass

    return run


def talk_one(path):
    import cv2
    import numpy as np

    cv2.setNumThreads(1)
    gray = cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2GRAY)
    laplacian = cv2.Laplacian(gray, cv2.CV_64F).var()
    across, down = cv2.Sobel(gray, cv2.CV_64F, 1, 0), cv2.Sobel(gray, cv2.CV_64F, 0, 1)
    sobel = np.sqrt(across * across + down * down).var()
    spectrum = np.fft.fftshift(np.fft.fft2(gray))
    row, column = (side // 2 for side in gray.shape)
    spectrum[max(row - 60, 0) : row + 60, max(column - 60, 0) : column + 60] = 0
    residual = np.abs(np.fft.ifft2(np.fft.ifftshift(spectrum)))
    return laplacian, sobel, float(np.mean(20 * np.log(residual + 1e-12)))


def talk(paths):
    """The three measures as usually written, in two processes."""
    pool = Pool(WORKERS)
    pool.map(talk_one, paths[:4])

    def run(paths):
        pool.map(talk_one, paths, chunksize=8)
        pool.close()
        pool.join()

    return run


def _cleanvision(checks):
    def tool(paths):
        from cleanvision import Imagelab

        def run(paths):
            with contextlib.redirect_stdout(io.StringIO()):
                Imagelab(filepaths=list(paths)).find_issues(checks, n_jobs=WORKERS, verbose=False)

        return run

    return tool


def imagededup(paths):
    """Perceptual hashes of the files: decode-bound work of a well-known package."""
    import torch

    # It imports torchvision, which its hashes do not use and which will not load where its
    # compiled half is for another build of torch: these two it then expects to be declared.
    declared = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        with contextlib.suppress(RuntimeError):
            declared.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    from imagededup.methods import PHash

    def run(paths):
        hasher = PHash(verbose=False)
        with ThreadPoolExecutor(WORKERS) as pool:
            for _ in pool.map(lambda path: hasher.encode_image(image_file=path), paths):
                pass

    run.declared = declared  # it holds as long as somebody holds it
    return run


class Ours:
    """Scores some images at a time; each process makes its own."""

    def __init__(self, which):
        import cv2

        from pipeline_project.adapters.media.reader import LocalMediaReader
        from pipeline_project.core.quality.classifier import classifier
        from pipeline_project.core.quality.registry import MEASURES

        cv2.setNumThreads(1)
        self.judge, self._reader = classifier("default"), LocalMediaReader()
        self.names = {
            "default": sorted({feature.measure for feature in self.judge.features}),
            "gray": [name for name in MEASURES if not MEASURES[name].colour],
            "all": list(MEASURES),
        }[which]
        self._colour = any(MEASURES[name].colour for name in self.names)

    def __call__(self, paths):
        from pipeline_project.cli.pictures import read_for_measures
        from pipeline_project.core.quality.registry import measure_picture

        pictures = (read_for_measures(self._reader, each, 3, colour=self._colour) for each in paths)
        return self.judge.classify_many([measure_picture(each, self.names) for each in pictures])


def _ours(which):
    def tool(paths):
        from pipeline_project.cli.processes import in_order_by_processes

        own = Ours(which)
        own([Path(path) for path in paths[:4]])

        def run(paths):
            every = [Path(path) for path in paths]
            for _ in in_order_by_processes(partial(Ours, which), every, WORKERS, chunk=8):
                pass

        run.note = f"{own.judge.name}: {', '.join(own.names)}" if which == "default" else ""
        return run

    return tool


def score_command(paths):
    """`pipeline score --json`, in this process, into nothing."""
    os.environ["PIPELINE_LIMITS__THREADS"] = str(WORKERS)
    from pipeline_project.cli import main

    def run(paths):
        sink, words = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(sink), contextlib.redirect_stderr(words):
            code = main(["score", *paths, "--json"])
        if code or sink.getvalue().count("\n") != len(paths):
            raise SystemExit(words.getvalue())

    run(paths[:4])
    return run


TOOLS = {
    "decode": decode_only,
    "ours": _ours("default"),
    "ours-gray": _ours("gray"),
    "ours-all": _ours("all"),
    "score": score_command,
    "talk": talk,
    "cleanvision": _cleanvision(None),
    "cleanvision-blurry": _cleanvision({"blurry": {}}),
    "imagededup": imagededup,
}


def _cpu_s():
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def main():
    name, listing = sys.argv[1:]
    paths = Path(listing).read_text().splitlines()
    run = TOOLS[name](paths)
    cpu_s, started = _cpu_s(), time.perf_counter()
    run(paths)
    wall_s = time.perf_counter() - started
    facts = {"wall_s": wall_s, "cpu_s": _cpu_s() - cpu_s, "note": getattr(run, "note", "")}
    print("\n" + json.dumps(facts), flush=True)


if __name__ == "__main__":
    main()
