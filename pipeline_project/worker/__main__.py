"""The program that runs beside the data: `python -m pipeline_project.worker`."""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from dagster_pipes import open_dagster_pipes

from pipeline_project.adapters.embedder import open_embedder
from pipeline_project.adapters.engine.threads import ThreadEngine
from pipeline_project.adapters.interrupts import interrupts_kept
from pipeline_project.adapters.measuring.opening import open_measurer
from pipeline_project.adapters.media.reader import LocalMediaReader
from pipeline_project.adapters.quality_model import load_classifier
from pipeline_project.adapters.sources.folder import fetch_file
from pipeline_project.errors import ConfigError, PipelineError
from pipeline_project.worker.fetching import opened_fetch
from pipeline_project.worker.homes import Home, open_home
from pipeline_project.worker.identify import Fetch
from pipeline_project.worker.listing import Listing
from pipeline_project.worker.messages import WorkerMessageWriter
from pipeline_project.worker.parts import Parts
from pipeline_project.worker.progress import LineProgress, PipesProgress, Progress
from pipeline_project.worker.record_picks import record
from pipeline_project.worker.request import (
    WorkerRequest,
    WorkerResult,
    listing_key,
    result_key,
)
from pipeline_project.worker.run import run
from pipeline_project.worker.service_picks import read_picks
from pipeline_project.worker.spot import SpotWatch

_PIPES_VARIABLE = "DAGSTER_PIPES_CONTEXT"
# The same for every listing and machine: which frames of a damaged video come out sound depends
# on it (of 150 damaged clips, 9 gave other frames with one, two or four threads), and stages that
# see a file in different runs must see the same frames.
_DECODER_THREADS = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the request that lies in the store; exit code 0 done, 1 failed, 2 wrong use."""
    parser = argparse.ArgumentParser(prog="python -m pipeline_project.worker")
    parser.add_argument(
        "--root", required=True, help="address of the home, file:///... or s3://bucket/prefix"
    )
    parser.add_argument("--request", required=True, help="key of the request in the store")
    parser.add_argument(
        "--end-with-stdin",
        action="store_true",
        help="end when standard input closes: whoever started this worker is gone",
    )
    parser.add_argument(
        "--spot-notices",
        default="",
        help="metadata address of an EC2 instance: end when AWS takes a spot instance back",
    )
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    # A shell that starts a program beside itself has it ignore SIGINT, by which lost ones return.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    spot = SpotWatch(options.spot_notices, _end_softly)
    try:
        with interrupts_kept():
            if options.end_with_stdin:
                threading.Thread(target=_end_with_stdin, daemon=True).start()
            if options.spot_notices:
                spot.start()
            if _PIPES_VARIABLE in os.environ:
                with open_dagster_pipes(message_writer=WorkerMessageWriter()) as pipes:
                    work(options.root, options.request, PipesProgress(pipes))
            else:
                work(options.root, options.request, LineProgress())
    except PipelineError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        return 2 if isinstance(error, ConfigError) else 1
    except KeyboardInterrupt:
        if spot.notice is not None:
            told = f"AWS takes this spot instance back: {spot.notice}. Finished files are kept."
            print(f"RemoteFailed: {told} Run the same again to go on.", file=sys.stderr, flush=True)
            return 1
        print("Interrupted; finished files are kept.", file=sys.stderr, flush=True)
        return 130
    return 0


def work(root: str, key: str, progress: Progress) -> WorkerResult:
    """Read a run's request, do it, and leave its result in the store."""
    home = open_home(root)
    request = WorkerRequest.model_validate_json(home.store.get(key))
    refs = Listing(home.store.get(listing_key(request.run_id)))
    with opened_fetch(refs, root, request.config.source_access) as fetch:
        parts = local_parts(home, request, len(refs), progress, fetch)
        picks = read_picks(home.store, request.run_id)
        result = record(request, refs, picks, parts) if picks else run(request, refs, parts)
    home.store.put(result_key(request.run_id), result.model_dump_json(indent=1).encode())
    return result


def local_parts(
    home: Home, request: WorkerRequest, files: int, progress: Progress, fetch: Fetch = fetch_file
) -> Parts:
    """Assemble a worker for this machine; processors are shared out among the files.

    Args:
        home: the lake and the store.
        request: what is asked for.
        files: how many are listed.
        progress: told how far the work is.
        fetch: gives the bytes of a listed file.
    """
    processors = os.cpu_count() or 1
    files_at_once = max(1, min(request.config.limits.threads or processors, files))
    threads_per_file = max(1, processors // files_at_once)
    lake = home.lake.on_branch(request.config.branch)
    lake.resolve()  # a branch that is not there is told before any work
    return Parts(
        lake=lake,
        store=home.store,
        fetch=fetch,
        reader=LocalMediaReader(threads=_DECODER_THREADS),
        engine=ThreadEngine(files_at_once),
        classifier=load_classifier(request.config.quality.classifier),
        embedder=open_embedder(request.config.embedding, threads_per_file),
        measurer=open_measurer(request.config.quality.device),
        progress=progress,
    )


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Turn SIGTERM into the interrupt that Python code can clean up after; more are ignored."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def _end_with_stdin() -> None:
    """Interrupt this process when its standard input closes."""
    # Not through sys.stdin: a thread waiting in its buffer aborts the interpreter's shutdown.
    while os.read(0, 1024):
        continue
    _end_softly()


def _end_softly() -> None:
    """Interrupt this process from one of its threads."""
    os.kill(os.getpid(), signal.SIGTERM)


def _leave(code: int) -> NoReturn:
    """End the process; at once when work was broken off.

    Threads may then still be amid a decode, and those abort an ordinary exit of the interpreter.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    if code:
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    _leave(main())
