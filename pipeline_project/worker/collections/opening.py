"""Opens where pipelines run, from the address of a home."""

from pipeline_project.adapters.aws_session import AwsSession
from pipeline_project.core.config import SourceAccessConfig
from pipeline_project.worker.collections.held import Access
from pipeline_project.worker.collections.walk import Place, Tell
from pipeline_project.worker.homes import open_home


def open_place(
    root: str,
    *,
    run_id: str,
    session: AwsSession | None = None,
    source: SourceAccessConfig | None = None,
    branch: str = "main",
    processes: int = 0,
    tell: Tell | None = None,
) -> Place:
    """Open a home for pipelines over collections; nothing is read or written yet.

    Args:
        root: `file:///...` or `s3://bucket/prefix`.
        run_id: named in commits and results.
        session: of the account that uses a home in a bucket.
        source: who reads sources in buckets.
        branch: of the lake, read and written.
        processes: how many work at once; 0 means one per processor.
        tell: called with a step's name, datums done and datums to do.

    Raises:
        ConfigError: the address is neither, or boto3 is missing for a bucket.
    """
    home = open_home(root, session)
    return Place(
        lake=home.lake.on_branch(branch),
        access=Access(home.store.root, session.access if session else None, source),
        run_id=run_id,
        branch=branch,
        processes=processes,
        tell=tell or (lambda step, done, total: None),
    )
