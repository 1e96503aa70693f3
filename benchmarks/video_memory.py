"""Peak memory over the length of a 1080p video: ten times longer must not mean more memory.

    python benchmarks/video_memory.py                     # every measure
    python benchmarks/video_memory.py --measure frames    # one of them

Makes a clip of one minute and, by copying its packets, one of ten. Each measure, a function of
this file, then runs over each clip in a process of its own, which reports its peak memory,
processor time and frames. Add a measure by adding a function to `MEASURES`.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
from machine import machine

WIDTH_PX, HEIGHT_PX, FPS, GOP = 1920, 1080, 24, 48


def frames_at_one_per_second(path: Path) -> int:
    from pipeline_project.adapters.media.reader import LocalMediaReader
    from pipeline_project.core.config import SamplingConfig

    with LocalMediaReader().open(path) as media:
        return sum(1 for _ in media.frames(SamplingConfig()))


def every_frame(path: Path) -> int:
    from pipeline_project.adapters.media.reader import LocalMediaReader
    from pipeline_project.core.config import SamplingConfig

    with LocalMediaReader().open(path) as media:
        return sum(1 for _ in media.frames(SamplingConfig(mode="all")))


def whole_worker(path: Path) -> int:
    """Everything the worker does with one file: sample, score, embed, select, write, commit."""
    from pipeline_project.adapters.object_store.local import LocalObjectStore
    from pipeline_project.adapters.sources.folder import FolderSource
    from pipeline_project.core.config import CurationConfig
    from pipeline_project.worker.__main__ import work
    from pipeline_project.worker.progress import LineProgress
    from pipeline_project.worker.request import (
        WorkerRequest,
        dump_listing,
        listing_key,
        request_key,
    )

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        store = LocalObjectStore(home / "store")
        request = WorkerRequest(
            run_id="memory", config=CurationConfig.model_validate({}), source=str(path)
        )
        store.put(listing_key("memory"), dump_listing(FolderSource(path).list()))
        store.put(request_key("memory"), request.model_dump_json().encode())
        result = work(home.as_uri(), request_key("memory"), LineProgress(interval_s=1e9))
        return int(result.counts["decoded_frames"])


MEASURES: dict[str, Callable[[Path], int]] = {
    "frames": frames_at_one_per_second,
    "every-frame": every_frame,
    "worker": whole_worker,
}


def make_clip(path: Path, minutes: int) -> None:
    """A picture that pans over soft waves, encoded quickly."""
    y, x = np.mgrid[0:HEIGHT_PX, 0 : 2 * WIDTH_PX].astype(np.float32)
    waves = [np.sin(x / 31), np.sin(y / 23), np.sin((x + y) / 57)]
    wide = np.stack([128 + 80 * wave for wave in waves], axis=2).astype(np.uint8)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=FPS, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
        stream.codec_context.gop_size = GOP
        for number in range(minutes * 60 * FPS):
            left = number * 3 % WIDTH_PX
            view = np.ascontiguousarray(wide[:, left : left + WIDTH_PX])
            out.mux(stream.encode(av.VideoFrame.from_ndarray(view, format="rgb24")))
        out.mux(stream.encode())


def repeat_clip(source: Path, path: Path, times: int) -> None:
    """The same packets one after the other, without encoding again."""
    with av.open(str(path), "w") as out:
        stream, offset = None, 0
        for _ in range(times):
            with av.open(str(source)) as clip:
                video = clip.streams.video[0]
                stream = stream or out.add_stream_from_template(video)
                for packet in clip.demux(video):
                    if packet.dts is None:
                        continue
                    packet.pts, packet.dts = packet.pts + offset, packet.dts + offset
                    packet.stream = stream
                    out.mux(packet)
                offset += video.duration


def peak_bytes() -> int:
    """This process's own peak. `ru_maxrss` would also count the parent it was forked from."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def measure_here(name: str, path: Path) -> dict[str, float]:
    """Run one measure in this process and tell what it took."""
    start = time.monotonic()
    count = MEASURES[name](path)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "frames": count,
        "peak_mib": peak_bytes() / 2**20,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "wall_s": time.monotonic() - start,
    }


def measure_apart(name: str, path: Path) -> dict[str, float]:
    """Run one measure in a fresh process, so that its peak is its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--in-this-process", name, str(path)],
        check=True,
        stdout=subprocess.PIPE,
    )
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measure", choices=MEASURES, help="only this one")
    parser.add_argument("--in-this-process", nargs=2, metavar=("MEASURE", "FILE"))
    options = parser.parse_args()
    if options.in_this_process:
        name, path = options.in_this_process
        print(json.dumps(measure_here(name, Path(path))))
        return
    with tempfile.TemporaryDirectory() as folder:
        clips = {1: Path(folder, "1.mp4"), 10: Path(folder, "10.mp4")}
        make_clip(clips[1], 1)
        repeat_clip(clips[1], clips[10], 10)
        print(f"{'measure':14}{'minutes':>8}{'frames':>8}{'peak MiB':>10}{'CPU s':>8}{'wall s':>8}")
        for name in [options.measure] if options.measure else MEASURES:
            peaks = []
            for minutes, path in clips.items():
                row = measure_apart(name, path)
                peaks.append(row["peak_mib"])
                print(
                    f"{name:14}{minutes:8}{row['frames']:8}{row['peak_mib']:10.0f}"
                    f"{row['cpu_s']:8.1f}{row['wall_s']:8.1f}",
                    flush=True,
                )
            print(f"{name:14}10 minutes over 1 minute: {peaks[1] / peaks[0] - 1:+.1%} memory")
    print(machine("av", "onnxruntime", "pylance"))


if __name__ == "__main__":
    main()
