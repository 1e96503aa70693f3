"""What every `Engine` must do; each one's test subclasses this pack."""

import threading
import time

import pytest

from pipeline_project.adapters.engine.base import Engine


class EngineContract:
    @pytest.fixture
    def engine(self) -> Engine:
        raise NotImplementedError

    def test_every_result_of_every_item_comes_once(self, engine):
        results = engine.flat_map(lambda item: ((item, n) for n in range(item)), range(8))
        assert sorted(results) == [(item, n) for item in range(8) for n in range(item)]

    def test_no_items_give_no_results(self, engine):
        assert list(engine.flat_map(lambda item: [item], [])) == []

    def test_an_error_in_the_work_is_raised_where_results_are_read(self, engine):
        def work(item):
            yield item
            if item == 3:
                raise ValueError("item three")

        with pytest.raises(ValueError, match="item three"):
            list(engine.flat_map(work, range(10)))

    def test_few_results_wait_however_many_there_are(self, engine):
        made = []

        def work(item):
            for n in range(1000):
                made.append(n)
                yield n

        results = engine.flat_map(work, [0])
        next(results)
        time.sleep(0.3)
        assert len(made) < 50
        results.close()

    def test_closing_the_results_ends_the_work(self, engine):
        def work(item):
            while True:
                yield item

        results = engine.flat_map(work, range(4))
        next(results)
        before = threading.active_count()
        results.close()
        assert threading.active_count() < before
