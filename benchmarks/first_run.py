"""What a newcomer waits for: `make run` in a bare clone, then a second `pipeline curate`.

    python benchmarks/first_run.py

Clones this repository into a temporary folder. Downloads count: pip's cache is not used.
"""

import argparse
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from machine import machine

ROOT = Path(__file__).resolve().parents[1]


def timed(command: list[str], folder: Path) -> tuple[float, str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PIPELINE_", "DAGSTER_"))}
    env.pop("VIRTUAL_ENV", None)
    env["PIP_NO_CACHE_DIR"] = "1"
    started = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=env, check=True, capture_output=True, text=True)
    return time.perf_counter() - started, done.stdout.strip().splitlines()[-1]


def size_mb(folder: Path) -> float:
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files) / 1e6


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    with tempfile.TemporaryDirectory(prefix="first-run-") as name:
        clone = Path(name) / "clone"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        install_s, _ = timed(["make", ".venv/base"], clone)
        run_s, first = timed([".venv/bin/pipeline", "curate"], clone)
        again_s, second = timed([".venv/bin/pipeline", "curate"], clone)
        shutil.rmtree(clone / "curated")
        republish_s, third = timed([".venv/bin/pipeline", "curate"], clone)
        if not first == second == third:
            raise SystemExit(f"not the same selection: {first}, {second}, {third}")
        print("| what | figure |\n|---|---|")
        print(f"| `make run`: set-up | {install_s:.0f} s |")
        print(f"| `make run`: curate the sample, cold | {run_s:.1f} s |")
        print(f"| second `pipeline curate`, nothing new | {again_s:.1f} s |")
        print(f"| the same after the output folder was deleted | {republish_s:.1f} s |")
        print(f"| installed (`.venv`) | {size_mb(clone / '.venv'):,.0f} MB |")
        packages = clone.glob(".venv/lib/python3*/site-packages/*")
        largest = sorted(((size_mb(p), p.name) for p in packages if p.is_dir()), reverse=True)
        print(f"| largest | {', '.join(f'{n} {s:.0f}' for s, n in largest[:12])} |")
        print(f"\n{machine('dagster', 'pylance', 'av', 'onnxruntime')}")


if __name__ == "__main__":
    main()
