"""What every `SelectionService` must do; each twin's test subclasses this pack."""

from typing import Literal

import pytest

from pipeline_project.adapters.selection_service.base import SelectionService
from pipeline_project.core.config import CurationConfig
from pipeline_project.core.records import MediaRef
from pipeline_project.errors import PipelineError, RemoteFailed
from pipeline_project_tests.contracts.commands import wait_for

Fate = Literal["completes", "fails", "runs"]


class SelectionServiceContract:
    @pytest.fixture
    def service(self) -> SelectionService:
        raise NotImplementedError

    def schedule(self, service: SelectionService, fate: Fate) -> str:
        """Schedule a selection that picks 7 frames as selection `s1`, fails, or never ends.

        Its label is `r1`.
        """
        raise NotImplementedError

    def test_a_worker_is_ready_and_it_is_said_how(self, service):
        assert service.check(CurationConfig()) == []
        assert service.ensure_worker(CurationConfig(), timeout_s=30, label="r1")

    def test_a_listing_that_fits_is_passed_on_as_it_is(self, service):
        refs = [MediaRef(f"file:///{n}.mp4", f"{n}.mp4", "here", 1, "") for n in range(3)]
        assert list(service.fitting(CurationConfig(), iter(refs))) == refs

    def test_a_completed_selection_can_be_fetched(self, service):
        scheduled = self.schedule(service, "completes")
        assert wait_for(lambda: service.poll(scheduled).ended)
        assert service.poll(scheduled).state == "completed"
        outcome = service.fetch(scheduled)
        assert (outcome.selection_id, outcome.picked, outcome.reused) == ("s1", 7, False)

    def test_a_failed_selection_says_why_and_cannot_be_fetched(self, service):
        scheduled = self.schedule(service, "fails")
        assert wait_for(lambda: service.poll(scheduled).ended)
        assert service.poll(scheduled).state == "failed"
        assert service.poll(scheduled).message
        with pytest.raises(RemoteFailed):
            service.fetch(scheduled)

    def test_a_running_selection_has_not_ended_until_it_is_cancelled(self, service):
        scheduled = self.schedule(service, "runs")
        assert wait_for(lambda: service.poll(scheduled).state == "running")
        assert not service.poll(scheduled).ended
        service.cancel(scheduled)
        assert wait_for(lambda: service.poll(scheduled).ended)
        assert service.poll(scheduled).state == "cancelled"

    def test_cancelling_what_has_ended_changes_nothing(self, service):
        scheduled = self.schedule(service, "completes")
        assert wait_for(lambda: service.poll(scheduled).ended)
        service.cancel(scheduled)
        assert service.poll(scheduled).state == "completed"

    def test_a_running_selection_can_be_cancelled_by_its_label_alone(self, service):
        scheduled = self.schedule(service, "runs")
        service.cancel_labelled("of another run")
        assert not service.poll(scheduled).ended
        service.cancel_labelled("r1")
        assert wait_for(lambda: service.poll(scheduled).ended)
        assert service.poll(scheduled).state == "cancelled"
        service.cancel_labelled("r1")

    def test_nobody_knows_an_id_that_was_never_given(self, service):
        with pytest.raises(PipelineError):
            service.poll("never/given")
