"""`pipeline curate --dry-run`: what would be done, from headers alone."""

from typing import TYPE_CHECKING, Any

from pipeline_project.cli.console import print_json, say
from pipeline_project.errors import ConfigError, MediaError

if TYPE_CHECKING:
    from pipeline_project.settings import Settings

# Of one core, as benchmarks/worker_speed.py measures them; rounded down, since footage differs.
_START_S = 4.0
_MEGAPIXELS_PER_CORE_S = 300.0
_FRAMES_PER_CORE_S = 40.0


def dry_run(settings: "Settings", *, as_json: bool) -> None:
    """Print counts, expected time and cost; nothing is written.

    Raises:
        ConfigError: the source does not exist or holds no media.
    """
    facts = preview(settings)
    if as_json:
        print_json(facts)
        return
    say(
        f"{facts['files']} files ({facts['videos']} videos, {facts['images']} images, "
        f"{facts['unusable']} unusable), {facts['ignored']} other files ignored."
    )
    say(f"{facts['video_s']:.0f} s of video; about {facts['frames']} frames to look at.")
    say(
        f"{facts['known_files']} files are known already. The rest takes about "
        f"{facts['expected_s']:.0f} s on this machine, and costs nothing."
    )


def preview(settings: "Settings") -> dict[str, Any]:
    """Count what a run would look at."""
    import os

    from pipeline_project.adapters.lake.schemas import TABLES
    from pipeline_project.adapters.media.reader import LocalMediaReader
    from pipeline_project.adapters.sources import open_source
    from pipeline_project.build import open_lake
    from pipeline_project.core.video.sampling import expected_frames

    source = open_source(settings.source, settings.include)
    refs = list(source.list())
    if not refs:
        raise ConfigError(
            f"Listing {source.spec}: no images or videos found; {source.ignored} other files "
            "ignored. Check the path and --include."
        )
    rows = open_lake(settings).read(
        TABLES["media_sources"], where=("uri", {ref.uri for ref in refs})
    )
    known = {(row["uri"], row["size_bytes"], row["fingerprint"]) for row in rows.to_pylist()}
    reader = LocalMediaReader()
    facts: dict[str, Any] = dict.fromkeys(
        ("videos", "images", "unusable", "frames", "known_files"), 0
    )
    video_s = core_s = 0.0
    for ref in refs:
        is_known = (ref.uri, ref.size_bytes, ref.fingerprint) in known
        facts["known_files"] += is_known
        try:
            with source.fetch(ref.uri) as path, reader.open(path) as media:
                info = media.info
        except MediaError:
            facts["unusable"] += 1
            continue
        frames = expected_frames(info, settings.sampling) or 0
        facts["frames"] += frames
        facts["videos" if info.kind == "video" else "images"] += 1
        video_s += info.duration_s or 0.0
        if not is_known:
            decoded = info.declared_frames or (info.fps or 25.0) * (info.duration_s or 0.0) or 1
            decoded = frames if settings.sampling.mode == "keyframes" else decoded
            megapixels = decoded * info.width_px * info.height_px / 1e6
            core_s += megapixels / _MEGAPIXELS_PER_CORE_S + frames / _FRAMES_PER_CORE_S
    return {
        "source": source.spec,
        "files": len(refs),
        "ignored": source.ignored,
        **facts,
        "video_s": video_s,
        "expected_s": _START_S + core_s / (os.cpu_count() or 1),
        "expected_cost_usd": 0.0,
    }
