"""A whole installation on the bed: S3 on a real server, and our worker on the box."""

import sys
from contextlib import contextmanager
from pathlib import Path

from pipeline_project_tests.aws_bed.bed import AwsBed, Delays
from pipeline_project_tests.seaweed import KEY_ID, SECRET, Seaweed

LAUNCHER = """#!/bin/sh
# The box runs the code of this checkout; the launcher in ec2/ has tests of its own.
case "$PIPELINE_WHEEL" in s3://*/wheels/*.whl) ;; *) echo "no wheel" >&2; exit 2 ;; esac
exec {python} -P -m pipeline_project.worker "$@"
"""


@contextmanager
def aws_house(folder: Path, server: Seaweed, delays: Delays | None = None):
    """Give the bed and the variables under which `pipeline ... --on aws` works on it."""
    with AwsBed(folder / "aws", delays) as bed:
        bed.use_s3(server.endpoint_url, KEY_ID, SECRET, server.make_bucket())
        launcher = folder / "aws" / "worker"
        launcher.write_text(LAUNCHER.format(python=sys.executable))
        launcher.chmod(0o755)
        yield bed, variables(bed, launcher)


def variables(bed: AwsBed, launcher: Path) -> dict[str, str]:
    """What a user would have set."""
    return {
        **bed.environment(),
        "PIPELINE_AWS__BUCKET": bed.bucket,
        "PIPELINE_AWS__PREFIX": "home",
        "PIPELINE_AWS__INSTANCE_ID": bed.instance_id,
        "PIPELINE_AWS__WORKER": str(launcher),
        "PIPELINE_AWS__SPOT_NOTICES": "",
    }
