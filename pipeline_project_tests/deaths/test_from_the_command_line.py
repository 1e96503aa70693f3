"""Runs started by `dagster job execute`: no daemon, no sensors. Who stops the box?

What the reaper and the dead-man's switch do is tried at a later time of day, so that nothing
here waits for a lease to end.
"""

import signal

import pytest
from moto.ec2.exceptions import EC2ClientError

from pipeline_project.adapters.instances.ec2 import CLOSING_S
from pipeline_project_tests.deaths.scene import FAILS, HANGS

LEASE_S, GRACE_S = 30, 300


def test_a_run_that_ends_well_has_stopped_the_box(scene):
    assert scene.ended(scene.start()) == 0, scene.log()
    scene.demand_stopped()
    assert scene.leases() == []


def test_an_error_before_the_start_starts_nothing(scene):
    for more in (
        {"PIPELINE_SOURCE": str(scene.folder / "nowhere")},  # collect_media
        {"PIPELINE_SOURCE": "pexels:coffee"},  # download_random_video_from_pexels, without a key
        {"DOOM": "store.write_request"},
    ):
        assert scene.ended(scene.start(**more)) != 0
        assert scene.bed.box.starts == 0
        assert scene.leases() == []


def test_no_capacity_at_the_start_leaves_no_lease(scene):
    def refuse():
        raise EC2ClientError("InsufficientInstanceCapacity", "no g4dn.xlarge in this zone")

    scene.bed.box.start = refuse
    assert scene.ended(scene.start()) != 0
    assert "InsufficientInstanceCapacity" in scene.log()
    assert scene.leases() == []
    assert scene.stopped


@pytest.mark.parametrize("doom", ["store.upload_unreachable", "worker.run", "store.read_result"])
def test_an_error_in_a_step_between_stops_the_box(scene, doom):
    assert scene.ended(scene.start(DOOM=doom)) != 0
    assert "fails on purpose" in scene.log()
    scene.demand_stopped()
    assert scene.bed.box.starts == 1
    assert scene.leases() == []


def test_a_worker_that_fails_stops_the_box(scene):
    scene.worker(FAILS)
    assert scene.ended(scene.start()) != 0
    assert "the worker fails on purpose" in scene.log()
    scene.demand_stopped()


def test_an_error_after_the_shutdown_finds_the_box_stopped(scene):
    assert scene.ended(scene.start(DOOM="publisher.publish")) != 0
    scene.demand_stopped()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_stops_the_box_itself(scene, number):
    scene.worker(HANGS)
    run = scene.start()
    scene.wait_at_work()
    scene.kill(run, number)
    assert scene.ended(run) != 0
    scene.demand_stopped()
    assert scene.leases() == []


def test_a_run_killed_leaves_the_box_to_the_switch_on_it(scene):
    scene.worker(HANGS)
    run = scene.start()
    scene.wait_at_work()
    scene.kill(run, signal.SIGKILL)
    scene.ended(run)
    assert not scene.tick_switch(later_s=LEASE_S / 2)
    assert not scene.tick_switch(later_s=LEASE_S + GRACE_S - 10)
    assert scene.tick_switch(later_s=LEASE_S + GRACE_S + 1)
    scene.demand_stopped()


def test_a_run_killed_leaves_the_box_to_the_reaper_of_another_machine(scene):
    scene.worker(HANGS)
    run = scene.start()
    scene.wait_at_work()
    scene.kill(run, signal.SIGKILL)
    scene.ended(run)
    assert "left as it is" in scene.reap(later_s=LEASE_S / 2)
    assert "asked to stop" in scene.reap(later_s=LEASE_S + 1)
    scene.demand_stopped()
    assert not scene.tick_switch(later_s=10_000)  # nothing is left to shut down


def test_a_command_that_hangs_ends_at_the_run_s_own_limit(scene):
    scene.worker(HANGS)
    assert scene.ended(scene.start(PIPELINE_LIMITS__MAX_RUNTIME_S="12")) != 0
    assert "max_runtime_s" in scene.log()
    scene.demand_stopped()


def test_a_run_that_costs_too_much_ends_cleanly(scene):
    scene.worker(HANGS)
    assert scene.ended(scene.start(PIPELINE_AWS__MAX_COST_USD="0.002")) != 0
    assert "max_cost_usd" in scene.log()
    scene.demand_stopped()


def test_an_agent_that_never_comes_online_ends_the_run(scene):
    scene.bed.box.agent_lost = True
    assert scene.ended(scene.start(PIPELINE_AWS__READY_TIMEOUT_S="8")) != 0
    assert "SSM agent not online" in scene.log()
    scene.demand_stopped()


def test_a_box_terminated_under_the_run_ends_it(scene):
    scene.worker(HANGS)
    run = scene.start()
    scene.wait_at_work()
    scene.hurt()
    scene.bed.client("ec2").terminate_instances(InstanceIds=[scene.bed.instance_id])
    assert scene.ended(run) != 0
    assert scene.bed.state() == "terminated"
    assert scene.leases() == []


def test_a_lease_book_damaged_under_the_run_ends_it_and_its_tags_stop_the_box(scene):
    scene.worker(HANGS)
    run = scene.start()
    scene.wait_at_work()
    key = f"home/leases/{scene.bed.instance_id}.json"
    scene.bed.client("s3").put_object(Bucket=scene.bed.bucket, Key=key, Body=b"{no book")
    scene.hurt()
    assert scene.ended(run) != 0
    assert "By its tags" in (scene.folder / "log-0").read_text()  # far from its end
    scene.demand_stopped()


def test_every_tenth_call_throttled_is_only_slower(scene):
    scene.bed.faults.throttle = 0.1
    assert scene.ended(scene.start()) == 0, scene.log()
    scene.demand_stopped()


def test_credentials_that_expire_under_the_run_leave_the_box_to_the_safeguards(scene):
    scene.worker(HANGS)
    run = scene.start()
    scene.wait_at_work()
    scene.hurt()
    scene.bed.faults.expired = True
    assert scene.ended(run) != 0
    assert "expired" in scene.log()
    assert not scene.stopped
    scene.bed.faults.expired = False  # the daemon's machine has credentials of its own
    # The lease is given back (S3 took it); the run's own stop counts as under way for a while.
    assert "asked to stop" in scene.reap(later_s=CLOSING_S + 1)
    scene.demand_stopped()


def test_a_stop_that_is_not_allowed_any_more_leaves_the_box_to_the_switch(scene):
    scene.worker(HANGS)
    run = scene.start()
    scene.wait_at_work()
    scene.bed.faults.refuse.add("ec2:StopInstances")
    scene.kill(run, signal.SIGTERM)
    assert scene.ended(run) != 0
    assert not scene.stopped
    assert scene.tick_switch(later_s=LEASE_S + GRACE_S + 1)
    scene.demand_stopped()


def test_a_network_that_is_lost_leaves_the_box_to_the_switch(scene):
    scene.worker(HANGS)
    through = {"AWS_ENDPOINT_URL": scene.bed.proxy.url}
    run = scene.start(**through, PIPELINE_AWS__PATIENCE_S="5")
    scene.wait_at_work()
    scene.hurt()
    scene.bed.proxy.cut()
    assert scene.ended(run, timeout_s=400) != 0
    assert not scene.stopped
    assert scene.tick_switch(later_s=LEASE_S + GRACE_S + 1)
    scene.demand_stopped()


def test_of_two_runs_on_one_box_the_killed_one_takes_nothing_from_the_other(scene):
    scene.worker(HANGS)
    dead = scene.start()
    scene.wait_at_work()
    alive = scene.start()
    scene.wait_at_work(commands=2)
    scene.kill(dead, signal.SIGKILL)
    scene.ended(dead)
    assert len(scene.leases()) == 2
    assert not scene.tick_switch(later_s=5)
    scene.kill(alive, signal.SIGTERM)
    scene.ended(alive)
    assert not scene.stopped  # the dead one's lease still stands
    assert "asked to stop" in scene.reap(later_s=LEASE_S + 1)
    scene.demand_stopped()
    assert scene.bed.box.starts == 1
