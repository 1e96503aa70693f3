"""What a collection holds at a revision, and its files on a disk."""

from collections.abc import Sequence
from pathlib import Path

from pipeline_project.adapters.lake.base import Lake
from pipeline_project.errors import PipelineError
from pipeline_project.worker.collections.held import Bytes, Held
from pipeline_project.worker.collections.state import read_results, read_snapshot


def collection_files(
    lake: Lake, pipeline: str, collection: str, rev: str | None = None
) -> list[Held]:
    """List the files of a source or step as of a revision, by path.

    Of a source they are known by hash alone: its bytes are where they were listed, unless they
    changed since.

    Raises:
        LakeError: no such revision.
    """
    members = list(read_snapshot(lake, pipeline, rev).of(collection).values())
    files = [Held(each.member, each.sha256, 0, uri=each.uri) for each in members if each.uri]
    keys = {each.datum_key for each in members if each.state == "done" and each.datum_key}
    for result in read_results(lake, keys, rev).values():
        files.extend(result.outputs)
    return sorted(files, key=lambda held: held.path)


def write_files(files: Sequence[Held], folder: Path, source: Bytes) -> None:
    """Write files below a folder; what is there under other names stays.

    Raises:
        PipelineError: a file cannot be written, or a source's file is not what it was.
    """
    for held in files:
        target = folder / held.path.lstrip("/")
        try:
            source.copy(held, target)
        except OSError as error:
            raise PipelineError(f"Writing {target}: {error.strerror}.") from error
