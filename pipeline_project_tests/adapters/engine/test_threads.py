import threading

import pytest

from pipeline_project.adapters.engine.threads import ThreadEngine
from pipeline_project_tests.contracts.engine import EngineContract


class TestThreadEngine(EngineContract):
    @pytest.fixture
    def engine(self):
        return ThreadEngine(threads=2)

    def test_items_are_worked_on_at_the_same_time(self, engine):
        both = threading.Barrier(2, timeout=5)
        assert sorted(engine.flat_map(lambda item: [both.wait() * 0 + item], [1, 2])) == [1, 2]
