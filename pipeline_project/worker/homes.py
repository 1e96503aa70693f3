"""Where a home keeps its parts: a folder of this machine, or a prefix of a bucket."""

from dataclasses import dataclass

from pipeline_project.adapters.addresses import bucket_and_key, is_bucket, path_of
from pipeline_project.adapters.aws_session import AwsSession, demand_boto3
from pipeline_project.adapters.lake.lance import LanceLake
from pipeline_project.adapters.object_store.base import ObjectStore
from pipeline_project.adapters.object_store.local import LocalObjectStore


@dataclass(frozen=True, slots=True)
class Home:
    """A lake, and the store of requests, results and pictures beside it."""

    store: ObjectStore
    lake: LanceLake


def open_home(root: str, session: AwsSession | None = None) -> Home:
    """Open a home; nothing is read or written yet.

    Below a folder lie `store/` and `lake/`. Below `s3://bucket/prefix` the store's objects lie
    directly (`runs/`, `input/`, `output/`), so that permissions can name them, and `lake/`.

    Args:
        root: `file:///...` or `s3://bucket/prefix`.
        session: of the account that uses the bucket; None is whatever boto3 finds.

    Raises:
        ConfigError: the address is neither, or boto3 is missing for a bucket.
    """
    if is_bucket(root):
        demand_boto3(f"Using {root}")
        from pipeline_project.adapters.object_store.s3 import S3ObjectStore

        aws = session or AwsSession()
        root = root.rstrip("/")
        bucket, _ = bucket_and_key(root + "/")
        lake = f"{root}/lake"
        return Home(
            S3ObjectStore(root, aws),
            LanceLake(lake, S3ObjectStore(lake, aws), lambda: aws.storage_options(bucket)),
        )
    home = path_of(root)
    lake_folder = home / "lake"
    return Home(
        LocalObjectStore(home / "store"),
        LanceLake(lake_folder.as_uri(), LocalObjectStore(lake_folder)),
    )
