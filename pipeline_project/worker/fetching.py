"""How the worker gets at listed files: in place on a disk, by download from buckets."""

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import pyarrow.compute as pc

from pipeline_project.adapters.addresses import BUCKETS, is_bucket
from pipeline_project.adapters.aws_session import AwsSession
from pipeline_project.adapters.sources.folder import fetch_file
from pipeline_project.core.config import SourceAccessConfig
from pipeline_project.core.records import MediaRef
from pipeline_project.worker.identify import Fetch
from pipeline_project.worker.listing import Listing


@contextlib.contextmanager
def opened_fetch(
    refs: Sequence[MediaRef], root: str, access: SourceAccessConfig
) -> Iterator[Fetch]:
    """Give what fetches the files of a listing; what it downloaded is removed in the end.

    Objects below the worker's own home, uploads that is, are read with the worker's own rights,
    all others as `access` says.

    Args:
        refs: the listing, with the fingerprint that each object must still have.
        root: address of the worker's home.
        access: who reads the source.
    """
    table = Listing.of(refs).table
    # By columns: of a million files in a folder none becomes a Python object here.
    in_place = pc.starts_with(table["uri"], pattern=BUCKETS, ignore_case=True)
    stored = pc.starts_with(pc.fill_null(table["stored_uri"], ""), pattern=BUCKETS)
    if not pc.any(pc.or_(in_place, stored)).as_py():
        yield fetch_file
        return
    table = table.filter(in_place)
    # An upload has none: it is named by its contents.
    listed = zip(table["uri"].to_pylist(), table["fingerprint"].to_pylist(), strict=True)
    buckets = dict(listed)
    from pipeline_project.adapters.sources.bucket import source_session
    from pipeline_project.adapters.sources.downloads import Downloads

    home = root.rstrip("/") + "/"
    if is_bucket(root):  # another machine than the one whose profiles the settings name
        access = access.model_copy(update={"profile": None})
    with (
        Downloads(AwsSession(), buckets) as own,
        Downloads(source_session(access), buckets) as source,
    ):

        def fetch(uri: str) -> AbstractContextManager[Path]:
            if not is_bucket(uri):
                return fetch_file(uri)
            return own.fetch(uri) if uri.startswith(home) else source.fetch(uri)

        yield fetch
