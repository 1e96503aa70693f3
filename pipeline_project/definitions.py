"""What Dagster loads: `dagster dev`, `dagster job execute -m pipeline_project.definitions`.

The only `Definitions` of the project; how they are put together is in `build.py`.
"""

import dagster as dg

from pipeline_project.build import build_defs


@dg.definitions
def defs() -> dg.Definitions:
    """Build from the settings of this environment when Dagster asks, not when imported."""
    return build_defs()
