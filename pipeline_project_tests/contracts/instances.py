"""What every kind of instance must do; each twin's tests subclass this pack.

The `clock` fixture is the time that leases go by; tests move it with `clock.pass_s`.
"""

from datetime import UTC, datetime, timedelta

import pytest

from pipeline_project.adapters.instances.base import Instances
from pipeline_project.errors import PermanentError


class MovableClock:
    def __init__(self):
        self.now = datetime(2030, 1, 1, tzinfo=UTC)

    def __call__(self):
        return self.now

    def pass_s(self, seconds):
        self.now += timedelta(seconds=seconds)


def holders(instances):
    return [lease.run_id for lease in instances.status().leases]


class InstancesContract:
    @pytest.fixture
    def clock(self) -> MovableClock:
        return MovableClock()

    @pytest.fixture
    def instances(self, clock) -> Instances:
        raise NotImplementedError

    def test_nothing_keeps_a_usable_instance_from_starting(self, instances):
        assert instances.check() == []

    def test_starting_writes_a_lease_and_the_instance_becomes_ready(self, instances, clock):
        status = instances.start("run-1", lease_s=60)
        assert [lease.run_id for lease in status.leases] == ["run-1"]
        assert status.leases[0].expires_at == clock.now + timedelta(seconds=60)
        assert instances.wait_ready(timeout_s=60).state == "running"

    def test_starting_twice_leaves_one_lease(self, instances):
        instances.start("run-1", lease_s=60)
        instances.start("run-1", lease_s=90)
        assert holders(instances) == ["run-1"]

    def test_a_lease_that_is_not_renewed_counts_for_nothing(self, instances, clock):
        instances.start("run-1", lease_s=60)
        clock.pass_s(61)
        assert holders(instances) == []

    def test_a_renewed_lease_lives_on(self, instances, clock):
        instances.start("run-1", lease_s=60)
        clock.pass_s(50)
        instances.renew("run-1", lease_s=60)
        clock.pass_s(50)
        assert holders(instances) == ["run-1"]

    def test_a_run_without_a_lease_cannot_renew(self, instances):
        with pytest.raises(PermanentError, match="run-9"):
            instances.renew("run-9", lease_s=60)

    def test_releasing_leaves_the_leases_of_others(self, instances):
        instances.start("run-1", lease_s=60)
        instances.start("run-2", lease_s=60)
        outcome = instances.release("run-1")
        assert not outcome.stopped
        assert outcome.message
        assert holders(instances) == ["run-2"]

    def test_releasing_twice_changes_nothing(self, instances):
        instances.start("run-1", lease_s=60)
        instances.start("run-2", lease_s=60)
        instances.release("run-1")
        assert not instances.release("run-1").stopped
        assert holders(instances) == ["run-2"]

    def test_stopping_drops_every_lease(self, instances):
        instances.start("run-1", lease_s=60)
        instances.start("run-2", lease_s=60)
        assert instances.stop().message
        assert holders(instances) == []
        with pytest.raises(PermanentError):
            instances.renew("run-1", lease_s=60)
