"""The bed as a process: prints its variables and ids as one JSON line, ends with its stdin."""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from pipeline_project_tests.aws_bed.bed import AwsBed, Delays

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m pipeline_project_tests.aws_bed")
    parser.add_argument("--boot-s", type=float, default=1.0)
    parser.add_argument("--agent-s", type=float, default=1.0)
    parser.add_argument("--stop-s", type=float, default=1.0)
    options = parser.parse_args()
    delays = Delays(options.boot_s, options.agent_s, options.stop_s)
    with (
        tempfile.TemporaryDirectory(prefix="aws-bed-") as folder,
        AwsBed(Path(folder), delays) as bed,
    ):
        facts = {"instance_id": bed.instance_id, "bucket": bed.bucket, "env": bed.environment()}
        print(json.dumps(facts), flush=True)
        sys.stdin.read()
