#!/usr/bin/env python3
"""Shuts this EC2 instance down when nobody holds a lease on it any more.

The last of the layers that stop a box: it works when the computer that started the box is off,
without a network to it, or dead. A systemd timer runs it every minute; it needs Python 3.8 and
nothing else, no AWS credentials and no package.

What it looks at are the instance's own tags, read from the metadata service:

    pipeline_project:started        when a run started the box (ISO 8601, UTC)
    pipeline_project:lease:<run>    until when that run wants the box (ISO 8601, UTC)

It shuts down when the box was started by a run (the first tag is of this boot) and

    expired     the last lease ended more than `--grace-s` ago, or
    overdue     the box has been up for longer than `--max-uptime-s`, or
    blind       the metadata service has not answered for `--blind-s`.

A box that a person started carries no such tag of this boot and is left alone. Times are compared
on this machine's clock, how long the box is up by the kernel's monotonic one: a clock set wrong
can end a run early or one `--max-uptime-s` late, never later.

Exit code 0: nothing to do, or the shutdown was ordered; 1: it could not be ordered.
Try it with `--dry-run`, which only says what it would do.
"""

import argparse
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from datetime import datetime, timezone
from pathlib import Path

METADATA = "http://169.254.169.254"
STARTED = "pipeline_project:started"
LEASE = "pipeline_project:lease:"
# StartInstances is asked for before the kernel's clock begins, and clocks differ a little.
BOOT_SLACK_S = 900


class Blind(Exception):
    """The tags could not be read."""


def read_tags(metadata, timeout_s=5):
    """Read the instance's tags from its metadata service (IMDSv2).

    Source: AWS, "Work with instance tags in instance metadata"; the instance needs
    `InstanceMetadataTags: enabled`, without which the service answers 404.
    """
    try:
        token = _fetch(
            metadata + "/latest/api/token",
            timeout_s,
            method="PUT",
            headers={"X-aws-ec2-metadata-token-ttl-seconds": "60"},
        )
        headers = {"X-aws-ec2-metadata-token": token}
        base = metadata + "/latest/meta-data/tags/instance"
        names = _fetch(base, timeout_s, headers=headers).split("\n")
        ours = [name for name in names if name == STARTED or name.startswith(LEASE)]
        return {name: _fetch(base + "/" + name, timeout_s, headers=headers) for name in ours}
    except (OSError, ValueError) as error:  # URLError and timeouts are OSErrors
        raise Blind(f"reading the tags from {metadata}: {error}") from error


def decide(tags, *, now_s, uptime_s, grace_s, max_uptime_s):
    """Say why the box should be shut down, or "" where it should go on.

    Args:
        tags: name to value; others than the two kinds above do not matter.
        now_s: time of day, Unix seconds.
        uptime_s: seconds since boot.
        grace_s: how long after its last lease a box lives.
        max_uptime_s: how long a box that a run started may live at all.
    """
    started_s = _seconds(tags.get(STARTED, ""))
    boot_s = now_s - uptime_s
    if started_s is None or started_s < boot_s - BOOT_SLACK_S:
        return ""  # a person started it, or the tag is left over from an earlier boot
    if uptime_s > max_uptime_s:
        return f"overdue: up for {uptime_s:.0f} s, more than {max_uptime_s:.0f} s"
    ends = [_seconds(value) for name, value in tags.items() if name.startswith(LEASE)]
    last_s = max([end for end in ends if end is not None], default=max(started_s, boot_s))
    if now_s > last_s + grace_s:
        return f"expired: the last lease ended {now_s - last_s:.0f} s ago"
    return ""


def main(argv=None, clock=time.time):
    """Look once, and order the shutdown where it is due."""
    options = _options(argv)
    now_s, uptime_s = clock(), float(options.uptime_file.read_text().split()[0])
    state = _read_state(options.state)
    try:
        tags = read_tags(options.metadata)
        why = decide(
            tags,
            now_s=now_s,
            uptime_s=uptime_s,
            grace_s=options.grace_s,
            max_uptime_s=options.max_uptime_s,
        )
        seen = {"uptime_s": uptime_s, "ours": _is_ours(tags, now_s - uptime_s)}
        _write_state(options.state, seen)
    except Blind as error:
        print(error, file=sys.stderr)
        # After a boot in which the tags were never read the box counts as ours: better stopped
        # once too often than left running. A state from before the boot has the larger uptime.
        known = state if state and state["uptime_s"] <= uptime_s else {"uptime_s": 0, "ours": True}
        blind_s = uptime_s - known["uptime_s"]
        due = known["ours"] and blind_s > options.blind_s
        why = f"blind: the tags could not be read for {blind_s:.0f} s" if due else ""
    if not why:
        return 0
    print(f"shutting down: {why}", file=sys.stderr)
    if options.dry_run:
        return 0
    try:
        return 1 if subprocess.run(options.shutdown, check=False, timeout=60).returncode else 0
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"ordering the shutdown with {options.shutdown}: {error}", file=sys.stderr)
        return 1


def _options(argv):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--metadata", default=METADATA, help="address of the metadata service")
    parser.add_argument("--grace-s", type=float, default=300, help="default: %(default)s")
    parser.add_argument("--max-uptime-s", type=float, default=86_400, help="default: %(default)s")
    parser.add_argument("--blind-s", type=float, default=1800, help="default: %(default)s")
    parser.add_argument("--uptime-file", type=Path, default=Path("/proc/uptime"))
    parser.add_argument(
        "--state", type=Path, default=Path("/run/pipeline_project/dead_mans_switch.json")
    )
    parser.add_argument("--dry-run", action="store_true", help="say it, do not do it")
    parser.add_argument(
        "--shutdown",
        nargs="+",
        default=["shutdown", "-h", "now"],
        help="the command that ends the box; last on the line",
    )
    return parser.parse_args(argv)


def _fetch(url, timeout_s, method="GET", headers=None):
    request = urllib.request.Request(url, method=method, headers=headers or {})
    # The metadata service is never behind a proxy, whatever the environment says.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=timeout_s) as answer:
        return answer.read().decode()


def _is_ours(tags, boot_s):
    started_s = _seconds(tags.get(STARTED, ""))
    return started_s is not None and started_s >= boot_s - BOOT_SLACK_S


def _seconds(text):
    """Unix seconds of an ISO 8601 time; None where it is none, which counts as no such tag."""
    try:
        moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)  # noqa: UP017  Python 3.8 has no datetime.UTC
    return moment.timestamp()


def _read_state(path):
    try:
        state = json.loads(path.read_text())
        return {"uptime_s": float(state["uptime_s"]), "ours": bool(state["ours"])}
    except (OSError, ValueError, KeyError, TypeError):
        return None  # first look since boot, or a file cut short: as if never read


def _write_state(path, state):
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(state))
    except OSError as error:
        print(f"writing {path}: {error}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
