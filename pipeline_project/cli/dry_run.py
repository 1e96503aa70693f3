"""`pipeline curate --dry-run`: what would be done.

Files that a run has read before are not opened. Of others the headers are read, and of a video
one frame is decoded, to learn how it is turned. Nothing is downloaded from a bucket.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pipeline_project.adapters.addresses import is_bucket, on_machine
from pipeline_project.cli.console import print_json, say
from pipeline_project.errors import ConfigError, MediaError

if TYPE_CHECKING:
    from pipeline_project.core.records import MediaInfo, MediaRef
    from pipeline_project.settings import Settings

# Of one core, as benchmarks/worker_speed.py measures them; rounded down, since footage differs.
_START_S = 4.0
_MEGAPIXELS_PER_CORE_S = 300.0
_FRAMES_PER_CORE_S = 40.0
# Of an instance: the fewest cores of the types in the price table; booting, until its SSM agent
# takes commands and the code is installed, is an assumption.
_INSTANCE_CORES = 4
_BOOT_S = 180.0


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
    if facts["unread_files"]:
        say(
            f"{facts['unread_files']} of them are new objects of the bucket, "
            f"{facts['unread_bytes'] / 1e6:,.0f} MB, and were not read for this: the run downloads "
            "them. The numbers here are of the others."
        )
    say(f"{facts['video_s']:.0f} s of video; about {facts['frames']} frames to look at.")
    where = "on this machine, and costs nothing"
    if "expected_cost" in facts:
        where = f"on the instance, its start included, and costs {facts['expected_cost']}"
    say(
        f"{facts['known_files']} files are known already. The rest takes about "
        f"{facts['expected_s']:.0f} s {where}."
    )


def preview(settings: "Settings") -> dict[str, Any]:
    """Count what a run would look at.

    `known_files` are those that nothing is left to be done for with these settings: every stage
    has finished, or failed in a way that would be the same again.

    Raises:
        ConfigError: the source does not exist or holds no media.
    """
    import os

    from pipeline_project.adapters.media.reader import LocalMediaReader
    from pipeline_project.adapters.sources import open_source
    from pipeline_project.core.video.sampling import expected_frames
    from pipeline_project.worker.stages import FRAME_STAGES

    if settings.source is not None and settings.source.startswith("pexels:"):
        raise ConfigError(
            f"Trying {settings.source} without doing it: its videos are not there before they are "
            f"downloaded. Leave --dry-run out; {settings.pexels.count} of at most "
            f"{settings.pexels.max_bytes / 1e6:,.0f} MB each would come (pexels.count, "
            "pexels.max_bytes)."
        )
    source = open_source(settings.source, settings.include, settings.curation().source_access)
    refs = list(source.list())
    if not refs:
        raise ConfigError(
            f"Listing {source.spec}: no images or videos found; {source.ignored} other files "
            "ignored. Check the path and --include."
        )
    left = _work_left(settings, refs)
    reader = LocalMediaReader()
    facts: dict[str, Any] = dict.fromkeys(
        ("videos", "images", "unusable", "frames", "known_files", "unread_files", "unread_bytes"), 0
    )
    video_s = core_s = 0.0
    for ref in refs:
        info, missing = left.get(ref.uri, (None, FRAME_STAGES))
        facts["known_files"] += not missing
        if ref.uri not in left and is_bucket(ref.uri):  # a look would download all of it
            facts["unread_files"] += 1
            facts["unread_bytes"] += ref.size_bytes
            continue
        try:
            if ref.uri not in left:
                with source.fetch(ref.uri) as path, reader.open(path) as media:
                    info = media.info
        except MediaError:
            info = None
        if info is None:
            facts["unusable"] += 1
            continue
        frames = expected_frames(info, settings.sampling) or 0
        facts["frames"] += frames
        facts["videos" if info.kind == "video" else "images"] += 1
        video_s += info.duration_s or 0.0
        if set(missing) - {"classify"}:  # labels come from the measures, which are kept
            core_s += _decoding_s(info, frames, keyframes=settings.sampling.mode == "keyframes")
    facts |= {
        "source": source.spec,
        "files": len(refs),
        "ignored": source.ignored,
        "video_s": video_s,
    }
    if settings.on == "aws":
        return facts | _on_aws(settings, core_s)
    expected_s = _START_S + core_s / (os.cpu_count() or 1)
    return facts | {"expected_s": expected_s, "expected_cost_usd": 0.0}


def _on_aws(settings: "Settings", core_s: float) -> dict[str, Any]:
    """Time and cost on the instance, which is looked at, not started."""
    from pipeline_project.build import aws_instance

    expected_s = _BOOT_S + _START_S + core_s / _INSTANCE_CORES
    cost = aws_instance(settings).expected_cost(expected_s)
    return {
        "expected_s": expected_s,
        "expected_cost_usd": cost.usd,
        "expected_cost": str(cost),
    }


def _decoding_s(info: "MediaInfo", frames: int, *, keyframes: bool) -> float:
    """Seconds of one core that decoding a file and looking at its frames takes."""
    decoded = info.declared_frames or (info.fps or 25.0) * (info.duration_s or 0.0) or 1
    megapixels = (frames if keyframes else decoded) * info.width_px * info.height_px / 1e6
    return megapixels / _MEGAPIXELS_PER_CORE_S + frames / _FRAMES_PER_CORE_S


def _work_left(
    settings: "Settings", refs: "Sequence[MediaRef]"
) -> "dict[str, tuple[MediaInfo | None, tuple[str, ...]]]":
    """Ask the ledger what these settings leave to be done.

    Returns:
        Address -> info, None for what cannot be used, and the frame stages that it lacks. Files
        that would have to be read to know are left out.
    """
    from pipeline_project.adapters.embedder import open_embedder
    from pipeline_project.adapters.machine import known_name
    from pipeline_project.adapters.quality_model import load_classifier
    from pipeline_project.build import open_lake
    from pipeline_project.worker.identify import recall
    from pipeline_project.worker.ledger import read_states
    from pipeline_project.worker.stages import FRAME_STAGES, Stages

    config = settings.curation()
    lake = open_lake(settings)
    listed = list(refs)
    if settings.on == "aws":  # files that are uploaded; without a name none was so far
        machine = known_name(settings.home_path) or "unnamed"
        listed = [replace(ref, uri=on_machine(ref.uri, machine)) for ref in refs]
    at_home = {ref.uri: own.uri for ref, own in zip(listed, refs, strict=True)}
    recalled = {} if config.rehash else recall(lake, listed)
    stages = Stages(
        config,
        load_classifier(config.quality.classifier).sha256,
        open_embedder(config.embedding).space,
    )
    keys = {
        each.sha256: stages.keys(each.sha256, each.info.kind).all()
        for each in recalled.values()
        if each.info is not None
    }
    states = read_states(lake, {key for own in keys.values() for key in own})
    left: dict[str, tuple[MediaInfo | None, tuple[str, ...]]] = {}
    for uri, each in recalled.items():
        ends = [states.get(key) for key in keys.get(each.sha256, ())]
        if "failed" in ends or each.info is None:
            left[at_home[uri]] = (None, ())
        else:
            lacking = zip(FRAME_STAGES, ends, strict=True)
            left[at_home[uri]] = (
                each.info,
                tuple(stage for stage, end in lacking if end != "done"),
            )
    return left
