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

    def test_the_end_waits_for_all_threads_together_not_for_each(self, monkeypatch):
        waited = []
        let_go = threading.Event()
        join = threading.Thread.join

        def noted(thread, timeout=None):
            waited.append(timeout)
            join(thread, timeout)

        def work(item):
            yield item
            let_go.wait(30)

        results = ThreadEngine(threads=4).flat_map(work, range(4))
        next(results)
        monkeypatch.setattr(threading.Thread, "join", noted)
        results.close()
        monkeypatch.undo()
        let_go.set()
        assert len(waited) == 4
        assert 0 < waited[0] <= 1 and waited[1:] == [0, 0, 0]
