"""Runs under `dagster dev`, with its daemon and our sensors: who stops the box?"""

import os
import signal

import pytest

from pipeline_project_tests.deaths.daemon import daemon as start_daemon
from pipeline_project_tests.deaths.scene import HANGS
from pipeline_project_tests.deaths.test_from_the_command_line import GRACE_S, LEASE_S


@pytest.fixture
def daemon(scene):
    scene.worker(HANGS)
    with start_daemon(scene) as started:
        yield started


def test_a_run_cancelled_in_the_ui_stops_the_box(scene, daemon):
    run_id = daemon.launch()
    scene.wait_at_work()
    scene.hurt()
    daemon.cancel(run_id)
    scene.demand_stopped(60)
    scene.wait(lambda: daemon.status(run_id) == "CANCELED", "the run being cancelled")
    assert scene.leases() == []


def test_a_run_s_process_killed_is_let_go_of_by_the_failure_sensor(scene, daemon):
    run_id = daemon.launch()
    scene.wait_at_work()
    scene.hurt()
    os.kill(daemon.run_worker(run_id), signal.SIGKILL)
    scene.demand_stopped(120)
    assert scene.leases() == []
    assert daemon.status(run_id) == "FAILURE"


def test_the_daemon_killed_does_not_keep_a_run_from_stopping_the_box(scene, daemon):
    run_id = daemon.launch()
    scene.wait_at_work()
    os.kill(daemon.daemon_process(), signal.SIGKILL)
    scene.hurt()
    os.kill(daemon.run_worker(run_id), signal.SIGTERM)
    scene.demand_stopped(60)
    assert scene.leases() == []


def test_everything_killed_leaves_the_box_to_the_switch_on_it(scene, daemon):
    daemon.launch()
    scene.wait_at_work()
    daemon.kill_everything()
    assert not scene.tick_switch(later_s=LEASE_S / 2)
    assert scene.tick_switch(later_s=LEASE_S + GRACE_S + 1)
    scene.demand_stopped()
