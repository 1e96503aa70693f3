"""A selection's folder, copied into a bucket."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pipeline_project.adapters.object_store.base import ObjectStore
from pipeline_project.report.publish import SELECTION

_AT_ONCE = 8


def copy_to_bucket(folder: Path, store: ObjectStore) -> str:
    """Write every file of a published folder below `<folder's name>/` of a store.

    Files that are there already are not sent again, so a copy that was broken off goes on.
    `selection.json` comes last: where it is, all that it names is there.

    Args:
        folder: a selection's own folder, named after it.
        store: where output goes.

    Returns:
        The copy's address.

    Raises:
        PipelineError: the bucket cannot be written; the folder itself is unharmed.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())

    def send(path: Path) -> None:
        store.put_file(f"{folder.name}/{path.relative_to(folder).as_posix()}", path)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(send, [path for path in files if path.name != SELECTION]))
    for path in files:
        if path.name == SELECTION:
            send(path)
    return f"{store.root}/{folder.name}"
