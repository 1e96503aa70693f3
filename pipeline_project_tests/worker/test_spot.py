"""The spot notice, from a stand-in for the metadata address."""

import subprocess
import sys
import threading

import pytest

from pipeline_project.worker.spot import SpotWatch
from pipeline_project_tests.aws_bed.metadata import Metadata


@pytest.fixture
def metadata():
    service = Metadata()
    yield service
    service.close()


def test_a_notice_is_seen_and_acted_on_once(metadata):
    acted = threading.Event()
    watch = SpotWatch(metadata.url, acted.set, interval_s=0.02).start()
    assert not acted.wait(0.1)
    assert watch.notice is None and metadata.asked > 0
    metadata.announce("terminate", "2030-01-01T00:02:00Z")
    assert acted.wait(10)
    assert watch.notice == "terminate at 2030-01-01T00:02:00Z"


def test_nobody_to_ask_is_no_notice():
    assert SpotWatch("http://127.0.0.1:9", lambda: None).look() is None


def test_a_stopped_watch_looks_no_more(metadata):
    watch = SpotWatch(metadata.url, lambda: None, interval_s=0.01)
    watch.stop()
    watch.start()
    assert metadata.asked == 0


WORKER = """
import sys, time
from pipeline_project.worker import __main__ as worker

def work(*_):
    time.sleep(60)

worker.work = work
sys.exit(worker.main(sys.argv[1:]))
"""


def test_the_worker_ends_itself_and_says_why(metadata):
    metadata.announce()
    arguments = ["--root", "file:///nowhere", "--request", "x", "--spot-notices", metadata.url]
    done = subprocess.run(
        [sys.executable, "-c", WORKER, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("RemoteFailed: AWS takes this spot instance back: terminate at")
