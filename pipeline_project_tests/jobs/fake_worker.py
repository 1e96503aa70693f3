"""A tiny worker program: speaks Pipes, and does what the request's `dataset` says.

Run as `fake_worker.py STORE_ROOT REQUEST_KEY [--end-with-stdin]`.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path

from dagster_pipes import PipesContext, open_dagster_pipes

SLEEP_S = 60


def result(request, listing):
    return {
        "run_id": request["run_id"],
        "selection_id": "sel-1",
        "commit_id": "commit-1",
        "reused": False,
        "output_prefix": "output/sel-1",
        "counts": {"media": len(listing), "frames": 9, "candidates": 8, "picked": 3},
        "stages": [{"name": "probe", "version": "1", "done": len(listing)}],
        "warnings": ["look | here"],
        "duration_s": 0.1,
    }


def commit(folder: Path, run_id: str, uris: list[str]) -> None:
    """One frame of each file that is not in the lake yet, and the ledger's line for it."""
    from pipeline_project.adapters.lake.lance import LanceLake
    from pipeline_project.adapters.lake.schemas import TABLES
    from pipeline_project.adapters.object_store.local import LocalObjectStore

    lake = LanceLake(folder.as_uri(), LocalObjectStore(folder))
    known = set(lake.read(TABLES["media"], columns=["sha256"])["sha256"].to_pylist())
    writer = lake.begin(run_id=run_id)
    for uri in set(uris) - known:
        ledger = {"datum_key": uri, "stage": "sample", "state": "done", "rows": 1}
        rows = {
            "media": {"sha256": uri},
            "frames": {"frame_id": uri, "datum_key": uri},
            "datums": {**ledger, "run_id": run_id},
        }
        for name, row in rows.items():
            writer.append(TABLES[name], [row])
    if writer.counts:
        writer.commit("one frame each")


def work(root: Path, key: str) -> None:
    request = json.loads((root / key).read_bytes())
    folder = (root / key).parent
    listing = [json.loads(line) for line in (folder / "listing.jsonl").read_bytes().splitlines()]
    (folder / "worker.pid").write_text(str(os.getpid()))
    behaviour = request["config"]["dataset"]
    if behaviour == "sleep":
        time.sleep(SLEEP_S)
    if behaviour == "fail":
        print("Traceback ...\nthe disk is full", file=sys.stderr)
        sys.exit(1)
    failed_before = folder / "failed-before"
    if behaviour == "fail-once" and not failed_before.exists():
        failed_before.touch()
        sys.exit("the first attempt fails")
    if behaviour == "refuse":
        print("some line\nConfigError: the strategy is unknown.\nTake another.", file=sys.stderr)
        sys.exit(1)
    if behaviour == "lake":
        commit(root.parent / "lake", request["run_id"], [each["uri"] for each in listing])
    if behaviour != "no-result":
        (folder / "result.json").write_text(json.dumps(result(request, listing)))


def end_with_stdin() -> None:
    sys.stdin.read()
    os._exit(9)


def main() -> None:
    root, key, *flags = sys.argv[1:]
    if "--end-with-stdin" in flags:
        threading.Thread(target=end_with_stdin, daemon=True).start()
    if "DAGSTER_PIPES_CONTEXT" not in os.environ:
        print("working without a run that listens", file=sys.stderr)
        work(Path(root), key)
        return
    with open_dagster_pipes():
        pipes = PipesContext.get()
        pipes.log.info("hello from the worker")
        for done in (1, 2):
            progress = {"stage": "probe", "done": done, "total": 2, "unit": "files", "message": ""}
            pipes.report_custom_message({"progress": progress})
        work(Path(root), key)


if __name__ == "__main__":
    main()
