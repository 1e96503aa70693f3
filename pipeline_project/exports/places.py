"""Where an export says that its pictures are: beside it, below a prefix, or presigned."""

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import quote, urlsplit

from pipeline_project.adapters.aws_errors import aws_errors
from pipeline_project.adapters.aws_session import AwsSession
from pipeline_project.errors import ConfigError

Place = Callable[[str], str]  # name of an exported picture -> its address
_STORES = ("s3", "gs")
_SCHEMES = (*_STORES, "https", "http")
_MOST_HOURS = 7 * 24  # of a signature of version 4


def beside(name: str) -> str:
    """The picture lies in `images/` of the export."""
    return f"images/{name}"


def below(prefix: str) -> Place:
    """The pictures lie below an address of the user's.

    Raises:
        ConfigError: it is no address.
    """
    parts = urlsplit(prefix)
    if parts.scheme not in _SCHEMES or not parts.netloc:
        raise ConfigError(
            f"--url-prefix {prefix}: expected s3://BUCKET/PREFIX, https://HOST/PATH, or gs://."
        )
    if parts.scheme not in _STORES and (parts.query or parts.fragment):
        raise ConfigError(
            f"--url-prefix {prefix}: names are put behind it, so nothing may stand after a ? or #. "
            "Give the address of a folder alone."
        )
    base = prefix.rstrip("/")
    # A key of a bucket is taken as it is; in a web address odd characters are encoded.
    return lambda name: f"{base}/{name if parts.scheme in _STORES else quote(name)}"


def presigned(prefix: str, hours: float, session: AwsSession) -> Place:
    """Anybody who has the address can read the picture, until it ends.

    Args:
        prefix: `s3://BUCKET/PREFIX` that the pictures lie below.
        hours: for which the addresses are good, at most a week.
        session: whose credentials sign; addresses end with them where they are temporary.

    Raises:
        ConfigError: the prefix is no bucket's, the time is out of bounds, or boto3, credentials
            or the bucket are missing.
    """
    parts = urlsplit(prefix)
    if parts.scheme != "s3" or not parts.netloc:
        raise ConfigError(
            f"--presign with --url-prefix {prefix}: only addresses in S3 can be presigned. "
            "Give --url-prefix s3://BUCKET/PREFIX."
        )
    if not 0 < hours <= _MOST_HOURS:
        raise ConfigError(f"--presign {hours:g}: hours must be above 0 and at most {_MOST_HOURS}.")
    bucket, folder = parts.netloc, parts.path.strip("/")
    region = session.bucket_region(bucket)  # a signature holds for one region
    client = AwsSession(replace(session.access, region=region)).client("s3")

    def place(name: str) -> str:
        key = f"{folder}/{name}" if folder else name
        with aws_errors(f"presigning the address of s3://{bucket}/{key}"):
            return str(
                client.generate_presigned_url(
                    "get_object",
                    Params={"Bucket": bucket, "Key": key},
                    ExpiresIn=round(hours * 3600),
                )
            )

    return place
