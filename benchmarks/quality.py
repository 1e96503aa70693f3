"""How fast pictures are scored: ours, the usual loop, cleanvision, imagededup, decoding alone.

    apt-get download opencv-doc plasma-workspace-wallpapers
    for package in *.deb; do dpkg -x $package PACKAGES; done
    python -m venv peers && peers/bin/pip install cleanvision imagededup simplejpeg
    python benchmarks/quality.py --packages PACKAGES --peers peers/bin/python

The pictures are those of `pipeline_project/making/corpus.json` that are there: of scikit-image,
scikit-learn and the unpacked Debian packages, from a quarter of a megapixel up. Two sets are made
of them as JPEGs of quality 90: `capped`, at most a megapixel, with crops and other qualities
until there are at least 1,200 files; and `native`, a third as many, each picture at its own size
with crops of it. Our own processes start within the time that is measured. Last, one picture
of 108 megapixels, as JPEG and as PNG, for the memory it takes.

Every tool runs in a process of its own on the same files, which were read once before, so the
disk counts for none. Peak memory is that of the tool and its children together, sampled every
20 ms.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import cv2
import numpy as np
from machine import machine

from pipeline_project.making import corpus

HERE = Path(__file__).parent
MEGAPIXEL = 1_000_000
# Smaller ones are thumbnails beside what cameras give.
LEAST_PX = 250_000
# As many as the largest sensors of phones have.
HUGE_PX = (12_000, 9_000)
PEERS = {"cleanvision", "cleanvision-blurry", "imagededup"}
WORDS = {
    "decode": "decode only (simplejpeg, gray, 2 threads)",
    "ours": "ours, the default classifier's measures and its label",
    "score": "`pipeline score --json`, after start-up",
    "ours-gray": "ours, all gray measures",
    "ours-all": "ours, all measures",
    "talk": "the usual loop (OpenCV, numpy FFT), 2 processes",
    "cleanvision": "cleanvision, all checks",
    "cleanvision-blurry": "cleanvision, blurry only",
    "imagededup": "imagededup, pHash",
}


def photographs(packages: Path) -> list[corpus.Source]:
    found = [each for each in corpus.sources() if each.kind == "photograph"]
    gone = {each.name for each in corpus.missing(found, packages)}
    return [each for each in found if each.name not in gone]


def make_sets(folder: Path, packages: Path, least: int) -> dict[str, list[str]]:
    """Write both sets; the same packages give the same files."""
    rng = np.random.default_rng(0)
    sets: dict[str, list[str]] = {"capped": [], "native": []}
    sources = [
        source
        for source in photographs(packages)
        if math.prod(corpus.read(source, packages).shape[:2]) >= LEAST_PX
    ]
    if not sources:
        raise SystemExit("There is none of the photographs. See the head of this file.")
    for name in sets:
        (folder / name).mkdir()
    rounds = -(-least // len(sources))
    for number, source in enumerate(sources):
        pixels = corpus.read(source, packages)
        for turn in range(rounds):
            part, quality = pixels, 90
            if turn:
                height, width = (round(side * rng.uniform(0.85, 1)) for side in pixels.shape[:2])
                top = int(rng.integers(pixels.shape[0] - height + 1))
                left = int(rng.integers(pixels.shape[1] - width + 1))
                part = pixels[top : top + height, left : left + width]
                quality = int(rng.integers(80, 96))
            name = f"{number:04}_{turn}.jpg"
            sets["capped"].append(_write(folder / "capped" / name, _capped(part), quality))
            if turn % 3 == 0:
                sets["native"].append(_write(folder / "native" / name, part, quality))
    return sets


def _capped(pixels: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[:2]
    scale = (MEGAPIXEL / (height * width)) ** 0.5
    if scale >= 1:
        return pixels
    sides = (int(width * scale), int(height * scale))
    return cv2.resize(pixels, sides, interpolation=cv2.INTER_AREA)


def _write(path: Path, pixels: np.ndarray, quality: int) -> str:
    bgr = np.ascontiguousarray(pixels[:, :, ::-1])
    path.write_bytes(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes())
    return str(path)


def megapixels(paths: list[str]) -> float:
    shapes = (cv2.imread(path, cv2.IMREAD_GRAYSCALE).shape for path in paths)
    return sum(height * width for height, width in shapes) / MEGAPIXEL


def run(python: str, tool: str, listing: Path) -> dict[str, float]:
    """Run one tool in a process of its own; adds its peak memory, or says why it failed."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = "" if tool in PEERS else str(HERE.parent)
    with (
        tempfile.TemporaryFile("w+") as words,
        subprocess.Popen(
            [python, str(HERE / "quality_tools.py"), tool, str(listing)],
            stdout=subprocess.PIPE,
            stderr=words,
            text=True,
            env=environment,
            cwd=listing.parent,
        ) as process,
    ):
        peak = _Peak(process.pid)
        output, _ = process.communicate()
        peak_mb = peak.stop()
        words.seek(0)
        if process.returncode:
            return {"failed": (words.read().strip().splitlines() or ["no word"])[-1]}
    return {**json.loads(output.strip().splitlines()[-1]), "peak_mb": peak_mb}


class _Peak:
    """Watches the memory of a process and its children."""

    def __init__(self, pid: int) -> None:
        self._pid, self._peak_kb, self._end = pid, 0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> float:
        self._end.set()
        self._thread.join()
        return self._peak_kb / 1000

    def _watch(self) -> None:
        while not self._end.wait(0.02):
            self._peak_kb = max(self._peak_kb, sum(map(_rss_kb, _tree(self._pid))))


def _tree(pid: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = " ".join((task / "children").read_text() for task in tasks).split()
    except OSError:
        return [pid]
    return [pid, *(each for child in children for each in _tree(int(child)))]


def _rss_kb(pid: int) -> int:
    """Memory of its own, and its part of what it shares with its parent."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def start_up_s(paths: list[str]) -> float:
    """Wall seconds of the whole command for one image, the best of three."""
    command = [sys.executable, "-m", "pipeline_project.cli", "score", paths[0], "--json"]
    best = float("inf")
    for _ in range(3):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, cwd=HERE.parent)
        best = min(best, time.perf_counter() - started)
    return best


def table(name: str, paths: list[str], options: argparse.Namespace, folder: Path) -> None:
    listing = folder / f"{name}.txt"
    listing.write_text("\n".join(paths))
    pixels = megapixels(paths)
    print(f"\n{name}: {len(paths)} JPEGs, mean {pixels / len(paths):.2f} megapixels\n")
    print("| tool | images/s | of decode only | CPU s per MP | peak MB |\n|---|---|---|---|---|")
    decode, notes = 0.0, set()
    for tool, words in WORDS.items():
        if options.only and tool not in options.only:
            continue
        python = options.peers if tool in PEERS else sys.executable
        if python is None:
            continue
        found = [run(python, tool, listing) for _ in range(options.repeat)]
        if any("failed" in each for each in found):
            print(f"| {words} | failed: {found[0].get('failed')} | | | |", flush=True)
            continue
        best = min(found, key=lambda each: each["wall_s"])
        rate = len(paths) / best["wall_s"]
        decode = rate if tool == "decode" else decode
        share = f"{rate / decode:.2f}" if decode else ""
        notes.add(best["note"])
        print(
            f"| {words} | {rate:,.1f} | {share} | {best['cpu_s'] / pixels:.5f} | "
            f"{max(each['peak_mb'] for each in found):,.0f} |",
            flush=True,
        )
    for note in sorted(notes - {""}):
        print(f"\nMeasures of the default classifier, {note}")


def memory(packages: Path, folder: Path) -> None:
    """Print what one huge picture costs `pipeline score`, beside a picture of one megapixel."""
    pixels = corpus.read(photographs(packages)[0], packages)
    bgr = np.ascontiguousarray(pixels[:, :, ::-1])
    print("\n| one picture, `pipeline score --json` | peak MB | CPU s |\n|---|---|---|")
    for width, height in ((1_000, 1_000), HUGE_PX):
        large = cv2.resize(bgr, (width, height), interpolation=cv2.INTER_CUBIC)
        for suffix in (".jpg", ".png"):
            path, listing = folder / f"{width}{suffix}", folder / "one.txt"
            path.write_bytes(cv2.imencode(suffix, large)[1].tobytes())
            listing.write_text(str(path))
            found = run(sys.executable, "score", listing)
            what = f"{width * height / MEGAPIXEL:.0f} megapixels, {suffix[1:].upper()}"
            if "failed" in found:
                print(f"| {what} | failed: {found['failed']} | |", flush=True)
            else:
                print(f"| {what} | {found['peak_mb']:,.0f} | {found['cpu_s']:.2f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packages", type=Path, default=Path("packages"), help="unpacked .debs")
    parser.add_argument("--peers", help="a Python that has cleanvision, imagededup, simplejpeg")
    parser.add_argument("--least", type=int, default=1200, help="files of the capped set, at least")
    parser.add_argument("--repeat", type=int, default=2, help="runs of each tool; the best counts")
    parser.add_argument("--only", nargs="*", choices=WORDS, help="these tools alone")
    parser.add_argument("--sets", nargs="*", default=["capped", "native"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        sets = make_sets(folder, options.packages, options.least)
        for name in options.sets:
            table(name, sets[name], options, folder)
        if not options.only or "score" in options.only:
            memory(options.packages, folder)
        print(f"\nStart-up and one image, `pipeline score`: {start_up_s(sets['capped']):.2f} s")
    print(f"\n{machine('opencv-python-headless', 'simplejpeg', 'numpy')}")


if __name__ == "__main__":
    main()
