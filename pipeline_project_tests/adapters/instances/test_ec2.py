"""An EC2 instance on the bed: started by the first run, stopped by the last, never under one."""

import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from pipeline_project.adapters.aws_session import AwsAccess, AwsSession
from pipeline_project.adapters.commands.ssm import SsmCommands
from pipeline_project.adapters.instances.ec2 import Ec2Instance
from pipeline_project.adapters.instances.leases import LeaseBook
from pipeline_project.adapters.instances.tags import LEASE, STARTED, lease_tag
from pipeline_project.adapters.object_store.local import LocalObjectStore
from pipeline_project.errors import ConfigError, PermanentError, RemoteFailed, RemoteTimedOut
from pipeline_project_tests.aws_bed.bed import DOCUMENT
from pipeline_project_tests.aws_bed.fixtures import aws_bed  # noqa: F401
from pipeline_project_tests.contracts.commands import python, wait_for
from pipeline_project_tests.contracts.instances import InstancesContract, MovableClock, holders


def ec2_instance(bed, home: Path, clock=None, *, instance_id=None, **more):
    session = AwsSession(AwsAccess(), connect_timeout_s=2, read_timeout_s=5)
    ssm, own_id = session.client("ssm"), instance_id or bed.instance_id
    waits = {"patience_s": more.pop("patience_s", 20.0), "interval_s": 0.05}
    commands = SsmCommands(ssm, own_id, DOCUMENT, grace_s=1, **waits)
    times = {"clock": clock} if clock else {}
    return Ec2Instance(
        session.client("ec2"),
        ssm,
        LocalObjectStore(home / "store"),
        commands,
        own_id,
        **{"ready_s": 20.0, **waits, **times, **more},
    )


@pytest.fixture
def clock():
    return MovableClock()


@pytest.fixture
def instance(aws_bed, tmp_path):  # noqa: F811
    return ec2_instance(aws_bed, tmp_path)


def tags_of(bed):
    (group,) = bed.client("ec2").describe_instances(InstanceIds=[bed.instance_id])["Reservations"]
    return {each["Key"]: each["Value"] for each in group["Instances"][0]["Tags"]}


def ours(bed):
    return {each for each in tags_of(bed) if each == STARTED or each.startswith(LEASE)}


class TestEc2Instance(InstancesContract):
    @pytest.fixture
    def instances(self, aws_bed, tmp_path, clock):  # noqa: F811
        return ec2_instance(aws_bed, tmp_path, clock)


def test_the_start_is_not_waited_for_and_ready_means_that_commands_are_taken(
    instance,
    aws_bed,  # noqa: F811
):
    aws_bed.delays.boot_s = aws_bed.delays.agent_s = 0.4
    assert instance.start("run-1", lease_s=60).state == "pending"
    assert instance.wait_ready(timeout_s=20).state == "running"
    commands = instance._commands
    assert commands.send(python("pass"), env={}, timeout_s=30, label="run-1")


def test_the_lease_and_its_tags_come_before_the_start(aws_bed, tmp_path, monkeypatch):  # noqa: F811
    instance = ec2_instance(aws_bed, tmp_path)
    at_start = {}

    def look():
        at_start["tags"] = ours(aws_bed)
        at_start["leases"] = [each.run_id for each in instance._book.live()]

    monkeypatch.setattr(instance, "_ask_to_start", look)
    instance.start("run-1", lease_s=60)
    assert at_start == {"tags": {STARTED, lease_tag("run-1")}, "leases": ["run-1"]}


def test_the_last_run_out_stops_what_was_started_and_takes_the_tags_away(
    instance,
    aws_bed,  # noqa: F811
):
    instance.start("run-1", lease_s=60)
    instance.start("run-2", lease_s=60)
    instance.wait_ready(timeout_s=20)
    first = instance.release("run-1")
    assert (first.stopped, aws_bed.state()) == (False, "running")
    assert ours(aws_bed) == {STARTED, lease_tag("run-2")}
    last = instance.release("run-2")
    assert last.stopped and "asked to stop" in last.message and "$" in last.message
    assert wait_for(lambda: aws_bed.state() == "stopped")
    assert ours(aws_bed) == set()
    assert instance.release("run-2").stopped is False


def test_an_instance_that_ran_before_us_is_left_running_with_a_word(instance, aws_bed):  # noqa: F811
    aws_bed.box.become("running")
    instance.start("run-1", lease_s=60)
    assert STARTED not in ours(aws_bed)
    outcome = instance.release("run-1")
    assert not outcome.stopped and "left running" in outcome.message
    assert (aws_bed.state(), aws_bed.box.stops) == ("running", 0)
    assert ours(aws_bed) == set()


def test_a_run_that_ends_while_the_instance_boots_stops_it_all_the_same(instance, aws_bed):  # noqa: F811
    aws_bed.delays.boot_s = 0.5
    instance.start("run-1", lease_s=60)
    assert instance.release("run-1").stopped
    assert wait_for(lambda: aws_bed.state() == "stopped")


def test_an_instance_on_its_way_down_is_waited_out_and_started_again(instance, aws_bed):  # noqa: F811
    aws_bed.box.become("running")
    aws_bed.delays.stop_s = 0.5
    aws_bed.client("ec2").stop_instances(InstanceIds=[aws_bed.instance_id])
    assert instance.start("run-1", lease_s=60).state == "stopping"
    assert instance.wait_ready(timeout_s=20).state == "running"
    assert instance.release("run-1").stopped


def test_a_run_that_comes_while_the_last_one_leaves_is_not_stopped(
    aws_bed,  # noqa: F811
    tmp_path,
    monkeypatch,
):
    leaving, coming = (ec2_instance(aws_bed, tmp_path) for _ in range(2))
    leaving.start("run-1", lease_s=60)
    leaving.wait_ready(timeout_s=20)
    decided, go_on = threading.Event(), threading.Event()
    stop = leaving._stopping

    def slowly(*given):
        decided.set()
        go_on.wait(20)
        return stop(*given)

    monkeypatch.setattr(leaving, "_stopping", slowly)
    thread = threading.Thread(target=leaving.release, args=("run-1",))
    thread.start()
    assert decided.wait(20)
    coming.start("run-2", lease_s=60)  # between the decision and the stop
    with pytest.raises(RemoteTimedOut, match="just stopping it"):
        coming.wait_ready(timeout_s=0.3)
    go_on.set()
    thread.join()
    assert coming.wait_ready(timeout_s=20).state == "running"
    assert holders(coming) == ["run-2"]
    assert lease_tag("run-2") in ours(aws_bed)
    assert aws_bed.box.starts == 2
    assert coming.release("run-2").stopped


def test_a_stop_that_comes_after_its_mark_has_ended_spares_the_run_that_came(
    aws_bed,  # noqa: F811
    tmp_path,
    clock,
    monkeypatch,
):
    """As after a long loss of network to EC2: another run has long taken the box over."""
    leaving, coming = (ec2_instance(aws_bed, tmp_path, clock) for _ in range(2))
    leaving.start("run-1", lease_s=60)
    leaving.wait_ready(timeout_s=20)
    stop = leaving._stopping

    def late(*given):
        clock.pass_s(3_600)
        coming.start("run-2", lease_s=60)
        return stop(*given)

    monkeypatch.setattr(leaving, "_stopping", late)
    outcome = leaving.release("run-1")
    assert not outcome.stopped and "a run that came since uses it" in outcome.message
    assert (aws_bed.state(), holders(coming)) == ("running", ["run-2"])
    assert coming.release("run-2").stopped


def test_the_tags_of_many_dead_runs_are_taken_off_before_ec2_takes_no_more(
    instance,
    aws_bed,  # noqa: F811
):
    aws_bed.box.become("running")  # nobody stops it, which would take them all off
    dead = [{"Key": lease_tag(f"dead-{n}"), "Value": "2020-01-01T00:00:00Z"} for n in range(49)]
    aws_bed.client("ec2").create_tags(Resources=[aws_bed.instance_id], Tags=dead)
    instance.start("run-1", lease_s=60)
    assert ours(aws_bed) == {lease_tag("run-1")}
    instance.start("run-2", lease_s=60)
    assert ours(aws_bed) == {lease_tag("run-1"), lease_tag("run-2")}


def test_a_damaged_lease_book_does_not_keep_a_user_from_stopping(instance, aws_bed):  # noqa: F811
    instance.start("run-1", lease_s=60)
    instance.wait_ready(timeout_s=20)
    store, key = instance._book._store, instance._book.key
    store.put(key, b"half a pa")
    outcome = instance.stop()
    assert outcome.stopped and "The leases were not dropped" in outcome.message
    assert wait_for(lambda: aws_bed.state() == "stopped")


def test_a_stop_that_aws_refused_is_tried_again_by_the_next_release(instance, aws_bed):  # noqa: F811
    instance.start("run-1", lease_s=60)
    instance.wait_ready(timeout_s=20)
    aws_bed.faults.refuse.add("ec2:StopInstances")
    with pytest.raises(ConfigError, match="denied"):
        instance.release("run-1")
    aws_bed.faults.refuse.clear()
    assert instance.release("run-1").stopped
    assert wait_for(lambda: aws_bed.state() == "stopped")


def test_a_terminated_instance_is_told(instance, aws_bed):  # noqa: F811
    aws_bed.box.become("terminated")
    assert any("terminated" in each for each in instance.check())
    with pytest.raises(PermanentError, match="never comes back"):
        instance.start("run-1", lease_s=60)


def test_an_instance_terminated_while_it_boots_ends_the_wait(instance, aws_bed):  # noqa: F811
    aws_bed.delays.boot_s = 5
    instance.start("run-1", lease_s=60)
    aws_bed.box.terminate()
    with pytest.raises(RemoteFailed, match="terminated"):
        instance.wait_ready(timeout_s=20)
    assert "terminated already" in instance.release("run-1").message


def test_an_agent_that_never_comes_ends_the_wait_with_its_word(aws_bed, tmp_path):  # noqa: F811
    instance = ec2_instance(aws_bed, tmp_path, ready_s=1.0)
    aws_bed.delays.agent_s = 60
    instance.start("run-1", lease_s=60)
    with pytest.raises(RemoteTimedOut, match="instance running, SSM agent not online"):
        instance.wait_ready(timeout_s=3600)


def test_a_lease_that_somebody_dropped_ends_the_wait(instance, aws_bed):  # noqa: F811
    aws_bed.delays.agent_s = 60
    instance.start("run-1", lease_s=60)
    instance._book.drop_all()
    with pytest.raises(RemoteFailed, match="no run holds a lease"):
        instance.wait_ready(timeout_s=20)


def test_renewing_tells_a_run_that_its_instance_is_gone(instance, aws_bed):  # noqa: F811
    instance.start("run-1", lease_s=60)
    instance.wait_ready(timeout_s=20)
    aws_bed.client("ec2").stop_instances(InstanceIds=[aws_bed.instance_id])
    with pytest.raises(RemoteFailed, match="under the run"):
        instance.renew("run-1", lease_s=60)


def test_a_lease_is_renewed_while_an_earlier_stop_is_waited_out(instance, aws_bed):  # noqa: F811
    aws_bed.box.become("running")
    aws_bed.delays.stop_s = 0.3
    aws_bed.client("ec2").stop_instances(InstanceIds=[aws_bed.instance_id])
    instance.start("run-1", lease_s=60)

    def keep():
        instance.renew("run-1", lease_s=60)

    assert instance.wait_ready(timeout_s=20, keep=keep).state == "running"


@pytest.mark.parametrize(
    "action",
    ["StartInstances", "StopInstances", "CreateTags", "DeleteTags", "DescribeInstanceAttribute"],
)
def test_a_permission_that_is_missing_is_one_line_and_starts_nothing(
    instance,
    aws_bed,  # noqa: F811
    action,
):
    aws_bed.faults.refuse.add(f"ec2:{action}")
    (problem,) = instance.check()
    assert aws_bed.instance_id in problem and "denied" in problem
    assert aws_bed.box.starts == 0


def test_an_instance_that_is_not_there_is_one_line(aws_bed, tmp_path):  # noqa: F811
    (problem,) = ec2_instance(aws_bed, tmp_path, instance_id="i-0123456789abcdef0").check()
    assert "i-0123456789abcdef0" in problem and "there is none of this id" in problem


def test_an_instance_without_a_profile_is_told(aws_bed, tmp_path):  # noqa: F811
    ec2 = aws_bed.client("ec2")
    made = ec2.run_instances(ImageId="ami-03cf127a", MinCount=1, MaxCount=1)
    bare = made["Instances"][0]["InstanceId"]
    (problem,) = ec2_instance(aws_bed, tmp_path, instance_id=bare).check()
    assert "no instance profile" in problem


def test_an_instance_that_a_shutdown_would_delete_is_told(instance, aws_bed):  # noqa: F811
    aws_bed.box.deleted_by_shutdown()
    (problem,) = instance.check()
    assert "would delete" in problem


def test_throttling_is_waited_out_in_every_phase(aws_bed, tmp_path):  # noqa: F811
    instance = ec2_instance(aws_bed, tmp_path, patience_s=60)
    aws_bed.faults.throttle = 0.2
    instance.start("run-1", lease_s=600)
    instance.wait_ready(timeout_s=60)
    assert instance.release("run-1").stopped


def test_a_user_s_stop_ends_commands_and_stops_also_what_ran_before(instance, aws_bed):  # noqa: F811
    aws_bed.box.become("running")
    instance.start("run-1", lease_s=60)
    instance._commands.send(python("import time; time.sleep(60)"), env={}, timeout_s=60, label="x")
    outcome = instance.stop()
    assert outcome.stopped and "Commands ended: 1; leases dropped: 1" in outcome.message
    assert wait_for(lambda: aws_bed.state() == "stopped")
    assert (holders(instance), ours(aws_bed)) == ([], set())


def test_the_reaper_stops_what_a_dead_run_left_and_nothing_else(aws_bed, tmp_path, clock):  # noqa: F811
    instance = ec2_instance(aws_bed, tmp_path, clock)
    assert not instance.reap("reaper").stopped
    instance.start("dead", lease_s=60)
    instance.wait_ready(timeout_s=20)
    assert not instance.reap("reaper").stopped
    clock.pass_s(61)
    outcome = instance.reap("reaper")
    assert outcome.stopped and "no word from the run that started it: dead" in outcome.message
    assert wait_for(lambda: aws_bed.state() == "stopped")
    assert not instance.reap("reaper").stopped


def test_the_reaper_finishes_a_stop_that_its_run_did_not_live_to_ask_for(
    aws_bed,  # noqa: F811
    tmp_path,
    clock,
):
    instance = ec2_instance(aws_bed, tmp_path, clock)
    instance.start("run-1", lease_s=60)
    instance.wait_ready(timeout_s=20)
    LeaseBook(instance._book._store, aws_bed.instance_id, clock).release("run-1", closing_s=60)
    assert not instance.reap("reaper").stopped  # it may still be about to
    clock.pass_s(61)
    assert "run-1 was to stop it" in instance.reap("reaper").message


def test_cost_so_far_counts_minutes_and_disk_and_bounds_the_time(instance, aws_bed):  # noqa: F811
    assert instance.status().cost is None
    instance.start("run-1", lease_s=60)
    instance.wait_ready(timeout_s=20)
    cost = instance.status().cost
    assert cost.parts["instance"] == pytest.approx(0.587 / 60)  # at least a minute
    assert cost.parts["disk"] > 0 and "list prices" in cost.note
    hour_s = instance.affordable_s(0.587 + cost.usd)
    assert 3_000 < hour_s < 3_600
    assert instance.affordable_s(0.0) == 0.0


def test_the_user_s_own_price_stands_in_place_of_the_table_s(aws_bed, tmp_path):  # noqa: F811
    instance = ec2_instance(aws_bed, tmp_path, usd_per_hour=10.0)
    cost = instance.expected_cost(1_800)
    assert cost.parts["instance"] == pytest.approx(5.0)
    assert "aws.usd_per_hour" in str(cost)
    assert aws_bed.box.starts == 0


def test_neither_tags_nor_prices_keep_an_instance_from_being_stopped(instance, aws_bed):  # noqa: F811
    instance.start("run-1", lease_s=60)
    instance.wait_ready(timeout_s=20)
    aws_bed.faults.refuse |= {"ec2:DeleteTags", "ec2:DescribeVolumes"}
    outcome = instance.release("run-1")
    assert outcome.stopped
    assert "without its disk" in outcome.message and "tags were not removed" in outcome.message
    assert wait_for(lambda: aws_bed.state() == "stopped")


RUN = """
import sys, time
from pathlib import Path
from pipeline_project_tests.adapters.instances.test_ec2 import ec2_instance
from types import SimpleNamespace
home, instance_id, name = sys.argv[1:]
instance = ec2_instance(SimpleNamespace(instance_id=instance_id), Path(home))
for round in range(4):
    instance.start(f"{name}-{round}", lease_s=600)
    instance.wait_ready(timeout_s=60)
    for _ in range(5):  # at work: whoever stops the box now is at fault
        state = instance._view.look().state
        if state != "running":
            sys.exit(f"{name}-{round} was stopped under its feet: {state}")
        time.sleep(0.02)
    instance.release(f"{name}-{round}")
"""


def test_two_processes_that_come_and_go_never_stop_each_others_box(aws_bed, tmp_path):  # noqa: F811
    aws_bed.delays.boot_s = aws_bed.delays.agent_s = aws_bed.delays.stop_s = 0.05
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(RUN), str(tmp_path), aws_bed.instance_id, name],
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in "ab"
    ]
    try:
        said = [run.communicate(timeout=180)[1] for run in runs]
    finally:
        for run in runs:
            run.kill()
    assert [run.returncode for run in runs] == [0, 0], said
    assert wait_for(lambda: aws_bed.state() == "stopped")
    assert aws_bed.box.starts == aws_bed.box.stops >= 1


def test_stale_word_of_the_agent_from_before_the_start_does_not_count(instance, aws_bed):  # noqa: F811
    aws_bed.ping_age_s = 3600.0
    instance.start("run-1", lease_s=60)
    with pytest.raises(RemoteTimedOut, match="not online"):
        instance.wait_ready(timeout_s=1)
