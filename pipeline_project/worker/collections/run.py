"""Runs or plans a pipeline over collections: only what is new, changed or gone."""

import os
from dataclasses import replace

from pipeline_project.errors import PipelineError
from pipeline_project.worker.collections.held import Bytes
from pipeline_project.worker.collections.pool import WorkPool
from pipeline_project.worker.collections.publishing import Publisher
from pipeline_project.worker.collections.report import PipelineReport
from pipeline_project.worker.collections.walk import Place, Walk, Wish

_ROUNDS = 20  # runs that publish while this one works; each round finds nearly all done


def run_pipeline(place: Place, wish: Wish) -> PipelineReport:
    """Bring every collection up to date.

    What is finished is kept while it works: a run that is killed loses at most the last seconds,
    and changes nothing that others see. Two runs at once end as one after the other.

    Raises:
        ConfigError: a source, function or model is not there, or outputs collide.
        PipelineError: the lake or store broke; what was kept stays.
    """
    publisher = Publisher(
        place.lake,
        Bytes(place.access).store,
        wish.pipeline.name,
        run_id=place.run_id,
        branch=place.branch,
        checkpoint_s=place.checkpoint_s,
    )
    with WorkPool(place.access, place.processes or os.cpu_count() or 1) as pool:
        try:
            for _ in range(_ROUNDS):
                walk = Walk(place, wish, (pool, publisher))
                report = walk.go()
                if not walk.changes:
                    return report
                commit = publisher.publish(walk.before.base, walk.changes, walk.message)
                if commit is not None:
                    report.commit_id = commit.commit_id
                    return report
                wish = replace(wish, retry_failed=False)  # they were tried in the first round
        finally:
            publisher.keep()
    raise PipelineError(
        f"Publishing {wish.pipeline.name}: other runs were first {_ROUNDS} times in a row. All "
        "results are kept; run again when they have ended."
    )


def plan_pipeline(place: Place, wish: Wish) -> PipelineReport:
    """Say what `run_pipeline` would do, as far as that can be known; changes and runs nothing.

    Steps after one that has work are counted as if all its outputs would be different.
    """
    return Walk(place, wish).go()
