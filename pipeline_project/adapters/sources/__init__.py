"""Where media come from. `open_source` picks the adapter from what the user wrote."""

from collections.abc import Sequence

from pipeline_project.adapters.addresses import is_bucket, place_of, shown
from pipeline_project.adapters.aws_session import demand_boto3
from pipeline_project.adapters.sources.base import MediaSource
from pipeline_project.adapters.sources.folder import FolderSource
from pipeline_project.core.config import SourceAccessConfig
from pipeline_project.errors import ConfigError
from pipeline_project.sample import sample_dir

__all__ = ["MediaSource", "open_source"]


def open_source(
    spec: str | None, include: Sequence[str] = (), access: SourceAccessConfig | None = None
) -> MediaSource:
    """Open a folder, a file or a bucket; None means the bundled sample.

    The source's own `spec` is text in any case: bytes of a path that are not UTF-8 are escaped.

    Args:
        spec: a path, a `file:///` address, or `s3://bucket/prefix`.
        include: glob patterns; empty means all media.
        access: who reads a bucket; None is whoever boto3 finds.

    Raises:
        ConfigError: there is no such folder, file or bucket, it may not be listed, or its kind
            is not known.
        TransientError: the bucket cannot be reached now.
    """
    if spec is None:
        return FolderSource(sample_dir(), include, spec="the bundled sample")
    if not spec.strip():
        raise ConfigError(
            "The source is empty. Name a folder or a file, or leave it out for the bundled sample."
        )
    if is_bucket(spec):
        demand_boto3(f"Reading {shown(spec)}")
        from pipeline_project.adapters.sources.bucket import BucketSource, source_session

        return BucketSource(shown(spec), include, source_session(access))
    if "://" in spec and not spec.startswith("file://"):
        raise ConfigError(
            f"Source {shown(spec)}: this version reads folders, files and s3://bucket/prefix. "
            "Copy the objects to a folder first, and give its path."
        )
    return FolderSource(place_of(spec), include, spec=shown(spec))
