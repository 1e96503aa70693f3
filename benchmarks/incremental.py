"""What a known file costs, and what a new one: python benchmarks/incremental.py

    python benchmarks/incremental.py                      # 100,000 known files, and one new
    python benchmarks/incremental.py --large 1000000      # also a million known
    python benchmarks/incremental.py --s3 100000          # also lists as many keys of a SeaweedFS
    python benchmarks/incremental.py --dvc venv/bin/dvc   # also dvc on 10,000 files, one changed

Makes its own lakes and files in a temporary folder (--keep FOLDER uses and keeps one). Known
files are rows that the lake's own writer wrote; the new ones are real pictures that the real
worker looks at. Draws images/incremental.svg. Every claim is checked, and the script ends with 1
where one fails.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

import cv2
import lance
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from beside_dvc import beside_dvc
from known_lake import make_known, stages_of
from line_plot import line_plot
from machine import machine

from pipeline_project.adapters.engine.threads import ThreadEngine
from pipeline_project.adapters.lake.lance import LanceLake
from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.adapters.media.reader import LocalMediaReader
from pipeline_project.adapters.object_store.local import LocalObjectStore
from pipeline_project.adapters.sources.folder import FolderSource, fetch_file
from pipeline_project.core.config import CurationConfig
from pipeline_project.core.records import MediaRef
from pipeline_project.worker import ledger, looking, run, select_stage, stages
from pipeline_project.worker.__main__ import work
from pipeline_project.worker.identify import identify
from pipeline_project.worker.listing import Listing
from pipeline_project.worker.progress import LineProgress
from pipeline_project.worker.request import (
    WorkerRequest,
    WorkerResult,
    dump_listing,
    listing_key,
    request_key,
)

PICTURE = Path(__file__).resolve().parents[1] / "images" / "incremental.svg"
NEW = (1, 10, 100, 1000)
CONFIG = {"quality": {"action": "tag"}, "selection": {"n_samples": 1}}
PER_FOLDER = 1_000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--known", type=int, default=100_000)
    parser.add_argument("--small", type=int, default=1_000, help="the other line of the plot")
    parser.add_argument("--large", type=int, default=0, help="known files that are not there")
    parser.add_argument("--s3", type=int, default=0, help="keys to list on a SeaweedFS")
    parser.add_argument("--dvc", default="", help="a dvc to time beside us")
    parser.add_argument("--most-new", type=int, default=NEW[-1])
    parser.add_argument("--keep", type=Path, help="folder to work in, and to keep")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        part, *given = json.loads(options.part)
        print(json.dumps(PARTS[part](*given)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        measure(options, options.keep or Path(temporary))


def measure(options: argparse.Namespace, folder: Path) -> None:
    print("| what | wall s | CPU s | peak MB | |\n|---|---|---|---|---|")
    claims: list[tuple[str, bool]] = []
    lines: dict[str, list[tuple[float, float]]] = {}
    for known in (options.known, options.small):
        home = folder / f"known-{known}"
        made = part("make_folder", str(home), known)
        line(f"write a lake of {known:,} known files, and the files", made)
        listed = part("list_folder", str(home))
        line(f"list a local folder of {known:,} files", listed)
        line(f"decide: {known:,} known files, nothing new", part("decide", str(home)))
        points = lines.setdefault(f"{known:,} known files", [])
        deciding = lines.setdefault(f"{known:,} known: decision", [])
        for new in (each for each in NEW if each <= options.most_new):
            part("add_pictures", str(home), new)
            decided = part("decide", str(home))
            line(f"decide: {known:,} known files + {new:,} new, which are read", decided)
            done = part("run_worker", str(home))
            line(f"the whole run: {known:,} known files + {new:,} new", done)
            points.append((new, done["wall_s"]))
            deciding.append((new, decided["wall_s"]))
            once = done["hashed"] == done["decoded"] == new and done["most_rows"] == 1
            claims.append((f"{new:,} new beside {known:,}: each looked at exactly once", once))
            if (known, new) == (options.known, 1):
                fast = decided["wall_s"] < 2
                claims.append((f"deciding {known:,} + 1 takes under 2 s", fast))
        again = part("run_worker", str(home))
        line(f"the whole run again: {known:,} known files, nothing new", again)
        claims.append(("nothing new: nothing is read", again["hashed"] == again["decoded"] == 0))
    if options.large:
        claims += large(options.large, folder / f"known-{options.large}")
    if options.s3:
        line(f"list {options.s3:,} keys of a SeaweedFS here", part("list_bucket", options.s3))
    changed = part("change_code", str(folder / "code"), 100)
    print("\n| code changed | sample | score | classify | embed | files decoded |")
    print("|---|---|---|---|---|---|")
    for stage, counts in changed["stages"].items():
        print(f"| {stage} | {' | '.join(str(count) for count in counts)} |")
    expected = {
        "sample": [100, 100, 100, 100, 100],
        "score": [0, 100, 100, 0, 100],
        "classify": [0, 0, 100, 0, 0],
        "embed": [0, 0, 0, 100, 100],
    }
    claims.append(
        ("changed code: its stage and those after it only", changed["stages"] == expected)
    )
    if options.dvc:
        beside_dvc(options.dvc, folder, part)
    PICTURE.write_text(line_plot(lines, "new files", "seconds"))
    print(f"\n{PICTURE.name} is drawn.\n")
    for claim, held in claims:
        print(f"{'yes' if held else 'NO '}  {claim}")
    print(f"\n{machine('pylance', 'pyarrow')}")
    sys.exit(not all(held for _, held in claims))


def large(known: int, home: Path) -> list[tuple[str, bool]]:
    """A million files that are not there: their listing and their rows are."""
    line(f"write a lake of {known:,} known files", part("make_rows", str(home), known))
    decided = part("decide", str(home))
    line(f"decide: {known:,} known files + 1 new", decided)
    done = part("run_worker", str(home))
    line(f"the whole run: {known:,} known files + 1 new", done)
    again = part("run_worker", str(home))
    line(f"the whole run again: {known:,} known files, nothing new", again)
    once = done["hashed"] == done["decoded"] == done["most_rows"] == 1
    nothing = again["hashed"] == again["decoded"] == 0
    return [
        (f"1 new beside {known:,}: looked at exactly once, and not again", once and nothing),
        (f"deciding {known:,} + 1 takes under 10 s", decided["wall_s"] < 10),
        (f"the whole run of {known:,} + 1 takes under 2 GB", done["peak_mb"] < 2_000),
    ]


def line(what: str, found: dict[str, float], more: str = "") -> None:
    about = more or str(found.get("about", ""))
    print(
        f"| {what} | {found['wall_s']:.2f} | {found['cpu_s']:.2f} | {found['peak_mb']:,.0f} "
        f"| {about} |",
        flush=True,
    )


def part(name: str, *given: object) -> dict:
    """Do one part in a process of its own, so that memory and caches are its own."""
    command = [sys.executable, __file__, "--part", json.dumps([name, *given])]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


class Timed:
    """Wall and processor seconds of a `with` block, and this process's peak memory at its end."""

    def __enter__(self) -> "Timed":
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        self.facts: dict[str, object] = {}
        return self

    def __exit__(self, *_: object) -> None:
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        self.facts |= {
            "wall_s": time.perf_counter() - self._wall,
            "cpu_s": time.process_time() - self._cpu,
            "peak_mb": peak_mb,
        }


def lake_of(home: Path) -> LanceLake:
    return LanceLake((home / "lake").as_uri(), LocalObjectStore(home / "lake"))


def config() -> CurationConfig:
    return CurationConfig.model_validate(CONFIG)


def make_folder(home: str, known: int) -> dict:
    """Empty files with the names of pictures, and a lake that knows them all."""
    media = Path(home) / "media"
    with Timed() as timed:
        for number in range(known):
            path = media / f"{number // PER_FOLDER:04d}" / f"{number:08d}.jpg"
            if number % PER_FOLDER == 0:
                path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        make_known(lake_of(Path(home)), FolderSource(media).list(), config(), frames=True)
    return timed.facts


def make_rows(home: str, known: int) -> dict:
    """Rows and the listing of files that are not there, and one real file that is new."""
    folder = Path(home)
    with Timed() as timed:
        make_known(lake_of(folder), _imagined(folder, known), config(), frames=False)
        add_pictures(home, 1)
        with (folder / "listing.jsonl").open("wb") as file:
            for ref in _imagined(folder, known):
                file.write(dump_listing([ref]))
            file.write(dump_listing(FolderSource(folder / "media").list()))
    return timed.facts


def _imagined(folder: Path, known: int) -> Iterator[MediaRef]:
    root = (folder / "media").as_uri()
    for number in range(known):
        name = f"{number // PER_FOLDER:04d}/{number:08d}.jpg"
        yield MediaRef(f"{root}/{name}", name, str(folder / "media"), 40_000, "1700000000000000000")


def add_pictures(home: str, count: int) -> dict:
    """Real pictures, no two alike, named so that earlier ones stay."""
    media = Path(home) / "media" / f"new-{time.time_ns()}"
    media.mkdir(parents=True)
    for number in range(count):
        random = np.random.default_rng(time.time_ns() + number)
        coarse = random.integers(0, 256, (6, 8, 3), np.uint8)
        pixels = cv2.resize(coarse, (320, 240), interpolation=cv2.INTER_CUBIC)
        pixels = cv2.add(pixels, random.integers(0, 40, pixels.shape, np.uint8))
        cv2.imwrite(str(media / f"{number:04d}.jpg"), pixels)
    return {}


def list_folder(home: str) -> dict:
    with Timed() as timed:
        files = sum(1 for _ in FolderSource(Path(home) / "media").list())
    return timed.facts | {"about": f"{files:,} files"}


def decide(home: str) -> dict:
    """All of `identify`, which reads only what is new, with the listing at hand as bytes."""
    folder = Path(home)
    data = _listing(folder)
    own, _ = stages_of(config())
    with Timed() as timed:
        found = identify(
            Listing(data),
            lake=lake_of(folder),
            fetch=fetch_file,
            reader=LocalMediaReader(),
            engine=ThreadEngine(2),
            progress=LineProgress(interval_s=1e9),
            take=lambda rows: None,
            run_id="decides",
            stages=own,
        )
        left = int((~found.complete).sum())
    return timed.facts | {"about": f"{left:,} to look at, {found.hashed:,} read"}


def run_worker(home: str) -> dict:
    """One run as the job starts it: from the listing in the store to the selection."""
    folder = Path(home)
    request = ask(folder, _listing(folder))  # of which nothing is left in this process
    with Timed() as timed:
        result = work(folder.as_uri(), request, LineProgress(interval_s=1e9))
    lake = lake_of(folder)
    new = {
        row["sha256"]
        for row in lake.read(TABLES["states"], where=("run_id", {result.run_id})).to_pylist()
        if row["uri"]
    }
    most = max(_most_rows(lake, name, new) for name in ("frames", "scores", "labels"))
    counts = result.counts
    return timed.facts | {
        "hashed": counts["hashed_files"],
        "decoded": counts["decoded_files"],
        "most_rows": most,
        "about": f"{counts['hashed_files']:.0f} read, {counts['decoded_files']:.0f} decoded",
    }


def _listing(folder: Path) -> bytes:
    """The listing that is kept, of files that are not there, or else of the folder."""
    kept = folder / "listing.jsonl"
    if kept.is_file():
        return kept.read_bytes()
    return dump_listing(FolderSource(folder / "media").list())


def _most_rows(lake: LanceLake, table: str, files: set[str]) -> int:
    """The most rows that a table holds of one of these files' frames, readers' rules aside."""
    names = pa.array([f"{sha256}:0" for sha256 in files], pa.string())
    every = lance.dataset(lake.address(TABLES[table])).to_table(columns=["frame_id"])["frame_id"]
    found = pc.value_counts(every.filter(pc.is_in(every, value_set=names)))
    return max(found.field("counts").to_pylist(), default=0)


def curate(folder: Path, listing: bytes, **settings: object) -> WorkerResult:
    return work(folder.as_uri(), ask(folder, listing, **settings), LineProgress(interval_s=1e9))


def ask(folder: Path, listing: bytes, **settings: object) -> str:
    """Write a request and its listing, as the step before the worker does; gives its key."""
    store = LocalObjectStore(folder / "store")
    run_id = f"run-{time.time_ns()}"
    request = WorkerRequest(
        run_id=run_id,
        config=CurationConfig.model_validate({**CONFIG, **settings}),
        source=str(folder / "media"),
    )
    store.put(listing_key(run_id), listing)
    store.put(request_key(run_id), request.model_dump_json().encode())
    return request_key(run_id)


def list_bucket(keys: int) -> dict:
    from bucket import fill

    from pipeline_project.adapters.sources.bucket import BucketSource
    from pipeline_project_tests.seaweed import environment, running

    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "weed") as server:
        with environment(server.environment):
            bucket = server.make_bucket()
            fill(server, bucket, keys)
            source = BucketSource(f"s3://{bucket}/p", session=server.session())
            with Timed() as timed:
                found = sum(1 for _ in source.list())
    return timed.facts | {"about": f"{found:,} keys"}


def change_code(home: str, files: int) -> dict:
    """Raise each stage's version in turn; which stages run again, on how many files."""
    folder = Path(home)
    (folder / "media").mkdir(parents=True)
    add_pictures(home, files)
    listing = dump_listing(FolderSource(folder / "media").list())
    curate(folder, listing)
    found = {}
    with Timed() as timed:
        for stage in stages.FRAME_STAGES:
            versions = MappingProxyType({**stages.VERSIONS, stage: f"{stage} raised"})
            for module in (stages, run, looking, ledger, select_stage):
                module.VERSIONS = versions
            result = curate(folder, listing)
            done = {facts.name: facts.done for facts in result.stages}
            decoded = int(result.counts["decoded_files"])
            found[stage] = [*(done[name] for name in stages.FRAME_STAGES), decoded]
    return timed.facts | {"stages": found}


PARTS = {
    each.__name__: each
    for each in (
        make_folder,
        make_rows,
        add_pictures,
        list_folder,
        decide,
        run_worker,
        list_bucket,
        change_code,
    )
}

if __name__ == "__main__":
    main()
