"""Who stops the box, and how long after: the tests of every way to die, run and timed.

    python benchmarks/ways_to_die.py

Needs what the tests need (`make .venv/dev`). The box of the bed stops in a moment; a real one
takes a minute more, which is AWS's. Rows that end in a safeguard try it at the time of day at
which it acts; what is timed there is only its own work.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from machine import machine

TESTS = "pipeline_project_tests/deaths"
SAFEGUARDS = ("switch", "reaper", "safeguards", "two_runs")


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder) / "notes"
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", TESTS],
            cwd=Path(__file__).parents[1],
            env=os.environ | {"WAYS_TO_DIE": str(notes)},
            check=False,
        )
        rows = [json.loads(line) for line in notes.read_text().splitlines()]
    print("\n| what happens | box stopped after |\n|---|---|")
    for test, seconds in rows:
        words = test.removeprefix("test_").replace("_", " ")
        if any(each in test for each in SAFEGUARDS):
            after = "when its safeguard acts"
        elif seconds is None:
            after = "before the run ended"
        else:
            after = f"{seconds:.1f} s"
        print(f"| {words} | {after} |")
    print(f"\n{machine('dagster', 'boto3')}")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
