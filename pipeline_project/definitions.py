"""What Dagster loads: `dagster dev`, `dagster job execute -m pipeline_project.definitions`.

The only `Definitions` of the project; how they are put together is in `build.py`.
"""

from pathlib import Path

import dagster as dg

from pipeline_project.build import build_defs
from pipeline_project.components.collection_pipeline import pipeline_defs
from pipeline_project.settings import load_settings


@dg.definitions
def defs() -> dg.Definitions:
    """Build from the settings of this environment when Dagster asks, not when imported."""
    settings = load_settings()
    own = build_defs(settings)
    if not settings.collections:
        return own
    return dg.Definitions.merge(own, pipeline_defs([Path(each) for each in settings.collections]))
