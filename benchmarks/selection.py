"""What picking costs, and how well the picks cover: ours beside Lightly's engine and others.

    python benchmarks/selection.py                     # 20,000 x 512 -> 2,000, one thread and two
    python benchmarks/selection.py --peers             # fpsample too (pip install fpsample)
    python benchmarks/selection.py --cost images/selection_cost.svg
    python benchmarks/selection.py --large SCRATCH     # 1,000,000 x 384 -> 20,000; 3 GB of disk
    python benchmarks/selection.py --only-large --large SCRATCH --scale 0.1   # a tenth of that

Each method runs in a process of its own, vectors already loaded. CPU seconds count all threads.
Coverage radius: L2 distance of the row that is farthest from its nearest pick, less is better.
Minimum distance: of the two nearest picks, more is better. `gauss` are independent normal
vectors; `clips` are random walks of 100 steps, as frames of videos are.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from line_plot import line_plot
from machine import machine

SEED = 0
STEPS = 100  # of one clip
BLOCK = 8192
AT_ONCE = 200  # rows that the blocked k-means++ draws between two looks at all rows
LARGE_ROWS, LARGE_DIM, LARGE_PICKS = 1_000_000, 384, 20_000
SUBSET = 100_000
BOUND_MB = 1000  # of the two-level scheme; all rows together take 1,536
SCALE = "SELECTION_BENCHMARK_SCALE"  # tells a method's process how large the large run is


def vectors(kind: str, rows: int, dim: int, dtype: str = "float32") -> np.ndarray:
    """Unit rows, the same at every call."""
    rng = np.random.default_rng(SEED)
    made = np.empty((rows, dim), dtype)
    for start in range(0, rows, STEPS):
        count = min(STEPS, rows - start)
        part = rng.normal(size=(count, dim)).astype(np.float32)
        if kind == "clips":
            part = rng.normal(size=dim).astype(np.float32) + 0.1 * np.cumsum(part, axis=0)
        made[start : start + count] = part / np.linalg.norm(part, axis=1, keepdims=True)
    return made


def own(rows: np.ndarray, picks: int, memory_mb: int | None = None) -> np.ndarray:
    from pipeline_project.core.selection.config import parse_selection_config
    from pipeline_project.core.selection.engine import run_selection
    from pipeline_project.core.selection.pool import SelectionPool

    config = parse_selection_config({"n_samples": picks})
    return run_selection(SelectionPool(embeddings=rows), config, memory_mb=memory_mb).indices


def mundig(rows: np.ndarray, picks: int) -> np.ndarray:
    import lightly_mundig

    selection = lightly_mundig.Selection()
    selection.add_diversifying_strategy(rows, 1.0)
    return np.asarray(selection.run_selection([], len(rows), picks))


def numpy_loop(rows: np.ndarray, picks: int) -> np.ndarray:
    """The exact greedy method as one would write it."""
    chosen, nearest = [0], rows @ rows[0]
    while len(chosen) < picks:
        nearest[chosen[-1]] = np.inf
        chosen.append(int(nearest.argmin()))
        np.maximum(nearest, rows @ rows[chosen[-1]], out=nearest)
    return np.asarray(chosen)


def fpsample(rows: np.ndarray, picks: int) -> np.ndarray:
    import fpsample as library

    return np.asarray(library.fps_sampling(rows, picks, start_idx=0), np.int64)


def chance(rows: np.ndarray, picks: int) -> np.ndarray:
    return np.random.default_rng(SEED).choice(len(rows), picks, replace=False)


def kmeans_pp(rows: np.ndarray, picks: int) -> np.ndarray:
    """k-means++ seeding: rows drawn by squared distance to the nearest drawn before, in blocks."""
    rng = np.random.default_rng(SEED)
    chosen = np.asarray([int(rng.integers(len(rows)))])
    square = np.full(len(rows), 4.0)
    fresh = chosen
    while len(chosen) < picks:
        for at in range(0, len(rows), BLOCK):
            cosine = (np.asarray(rows[at : at + BLOCK], np.float32) @ rows[fresh].T).max(axis=1)
            np.minimum(square[at : at + BLOCK], 2 - 2 * cosine, out=square[at : at + BLOCK])
        square[chosen] = 0
        weight = np.maximum(square, 0)
        few = min(AT_ONCE, picks - len(chosen))
        fresh = rng.choice(len(rows), few, replace=False, p=weight / weight.sum())
        chosen = np.concatenate([chosen, fresh])
    return chosen


def subset(rows: np.ndarray, picks: int) -> np.ndarray:
    """Exact picks of a random part of the rows."""
    few = round(SUBSET * scale())
    part = np.sort(np.random.default_rng(SEED).choice(len(rows), few, replace=False))
    return part[own(np.asarray(rows[part], np.float32), picks)]


def bounded(rows: np.ndarray, picks: int) -> np.ndarray:
    """Two levels: what is held of the vectors at once is bounded."""
    return own(rows, picks, round(BOUND_MB * scale()))


def scale() -> float:
    return float(os.environ.get(SCALE, "1"))


METHODS: dict[str, tuple[str, Callable[[np.ndarray, int], np.ndarray]]] = {
    "own": ("ours", own),
    "mundig": ("lightly-mundig", mundig),
    "numpy": ("numpy, row by row", numpy_loop),
    "fpsample": ("fpsample", fpsample),
    "random": ("random", chance),
    "kmeans": (f"k-means++, {AT_ONCE} at a time", kmeans_pp),
    "subset": (f"ours, exact on {SUBSET:,} random rows", subset),
    "bounded": (f"ours, vectors within {BOUND_MB:,} MB", bounded),
}


class Peak(threading.Thread):
    """Most memory of this process that is its own: pages of a mapped file can be taken away."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._most, self._ended = 0, threading.Event()
        self.start()

    def run(self) -> None:
        while not self._ended.wait(0.02):
            resident, shared = Path("/proc/self/statm").read_text().split()[1:3]
            self._most = max(self._most, int(resident) - int(shared))

    def stop(self) -> float:
        """The peak so far, in MB."""
        self._ended.set()
        self.join()
        return self._most * resource.getpagesize() / 1e6


def run_one(method: str, file: Path, picks: int, out: Path) -> None:
    """Time one method in this process, and write its picks."""
    rows = np.load(file, mmap_mode="r" if file.stem == "large" else None)
    warm = "own" if method in ("subset", "bounded") else method
    METHODS[warm][1](np.ascontiguousarray(rows[:2000], np.float32), 20)  # imports, threads
    peak = Peak()
    cpu, wall = time.process_time(), time.perf_counter()
    chosen = METHODS[method][1](rows, picks)
    facts = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}
    facts["peak_mb"] = peak.stop()
    np.save(out, chosen)
    print(json.dumps(facts))


def measure(method: str, file: Path, picks: int, threads: int) -> tuple[dict, np.ndarray]:
    """Run one method in a process of its own."""
    names = ("OPENBLAS", "OMP", "MKL", "RAYON")
    limits = {f"{name}_NUM_THREADS": str(threads) for name in names}
    out = file.with_name(f"picks_{method}.npy")
    command = [sys.executable, __file__, "--one", method, str(file), str(picks), str(out)]
    done = subprocess.run(command, env={**os.environ, **limits}, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{method}: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout), np.load(out)


def coverage(file: Path, chosen: np.ndarray) -> tuple[float, float]:
    """Coverage radius and minimum distance."""
    rows = np.load(file, mmap_mode="r")
    picks = np.ascontiguousarray(rows[chosen], np.float32)
    worst, nearest = 1.0, -1.0
    for at in range(0, len(rows), BLOCK):
        block = np.asarray(rows[at : at + BLOCK], np.float32)
        worst = min(worst, float((block @ picks.T).max(axis=1).min()))
    for at in range(0, len(picks), BLOCK):
        cosine = picks[at : at + BLOCK] @ picks.T
        cosine[np.arange(len(cosine)), np.arange(at, at + len(cosine))] = -1
        nearest = max(nearest, float(cosine.max()))
    return float(np.sqrt(max(0, 2 - 2 * worst))), float(np.sqrt(max(0, 2 - 2 * nearest)))


def table(kind: str, file: Path, picks: int, methods: list[str], threads: list[int]) -> None:
    rows, dim = np.load(file, mmap_mode="r").shape
    print(f"\n{kind}, {rows:,} x {dim} -> {picks:,}\n")
    print("| method | threads | CPU s | wall s | peak MB | coverage radius | minimum distance |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for method in methods:
        radius = None
        for count in threads:
            facts, chosen = measure(method, file, picks, count)
            if len(set(chosen.tolist())) != picks:
                raise SystemExit(f"{method}: {len(set(chosen.tolist()))} rows, not {picks}")
            if radius is None:
                radius, least = coverage(file, chosen)
            print(
                f"| {METHODS[method][0]} | {count} | {facts['cpu_s']:.2f} | {facts['wall_s']:.2f} "
                f"| {facts['peak_mb']:,.0f} | {radius:.4f} | {least:.4f} |",
                flush=True,
            )


def cost(out: Path, scratch: Path, most: int, methods: list[str]) -> None:
    """CPU seconds against the number of rows, and of picks, as a table and a plot."""
    lines: dict[str, list[tuple[float, float]]] = {}
    print("\n| method | rows | picks | CPU s |\n|---|---|---|---|", flush=True)
    sizes = [each for each in (5_000, 10_000, 20_000, 40_000, 80_000) if each <= most]
    fixed = min(20_000, most)
    for method in methods:
        for what, points in (
            ("rows, 1,000 picks", [(rows, 1000) for rows in sizes]),
            (f"picks, {fixed:,} rows", [(fixed, picks) for picks in (500, 1000, 2000, 4000)]),
        ):
            for rows, picks in points:
                file = scratch / f"cost_{rows}.npy"
                if not file.exists():
                    np.save(file, vectors("clips", rows, 512))
                facts, _ = measure(method, file, picks, 1)
                print(f"| {METHODS[method][0]} | {rows:,} | {picks:,} | {facts['cpu_s']:.2f} |")
                x = rows if what.startswith("rows") else picks
                name = f"{METHODS[method][0]}: {what}"
                lines.setdefault(name, []).append((x, facts["cpu_s"]))
    out.write_text(line_plot(lines, "rows or picks", "CPU seconds, one thread"))
    print(f"\nPlot: {out}")


def main() -> None:
    if len(sys.argv) > 1 and sys.argv[1] == "--one":
        method, file, picks, out = sys.argv[2:]
        run_one(method, Path(file), int(picks), Path(out))
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--picks", type=int, default=2_000)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--peers", action="store_true", help="fpsample too")
    parser.add_argument("--cost", type=Path, help="also CPU seconds against size, as an SVG")
    parser.add_argument("--most", type=int, default=80_000, help="rows, for --cost")
    parser.add_argument("--large", type=Path, help="folder for the vectors of a large run")
    parser.add_argument("--scale", type=float, default=1.0, help="of the large run: 0.1, a tenth")
    parser.add_argument("--only-large", action="store_true", help="nothing but the large run")
    wanted = parser.parse_args()
    peers = ["own", "mundig", "numpy", *["fpsample"] * wanted.peers]
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("gauss", "clips") if not wanted.only_large else ():
            file = Path(folder) / f"{kind}.npy"
            np.save(file, vectors(kind, wanted.rows, wanted.dim))
            table(kind, file, wanted.picks, [*peers, "kmeans", "random"], wanted.threads)
        if wanted.cost:
            cost(wanted.cost, Path(folder), wanted.most, peers)
    if wanted.large:
        os.environ[SCALE] = str(wanted.scale)
        wanted.large.mkdir(parents=True, exist_ok=True)
        file = wanted.large / "large.npy"
        np.save(file, vectors("clips", round(LARGE_ROWS * wanted.scale), LARGE_DIM))
        picks = round(LARGE_PICKS * wanted.scale)
        table("clips", file, picks, ["own", "bounded", "subset", "kmeans", "random"], [2])
    print(f"\n{machine('numpy', 'lightly-mundig', *['fpsample'] * wanted.peers)}")


if __name__ == "__main__":
    main()
