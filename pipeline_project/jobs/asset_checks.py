"""The checks on the tables, as Dagster shows and starts them; `ops/table_checks.py` decides."""

import dagster as dg

from pipeline_project.adapters.lake.base import Lake
from pipeline_project.core.checks_config import ChecksConfig
from pipeline_project.ops.failures import as_failures
from pipeline_project.ops.table_checks import CHECKS, Looked, TableCheck, latest_run, shown_facts
from pipeline_project.resources.store import RunStore


def table_checks() -> list[dg.AssetChecksDefinition]:
    """Make one check per line of `CHECKS`; each looks at what the newest run added."""
    return [_check(each) for each in CHECKS]


def _check(about: TableCheck) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=about.asset, name=about.name, description=about.description)
    def check(
        store: dg.ResourceParam[RunStore],
        lake: dg.ResourceParam[Lake],
        checks: dg.ResourceParam[ChecksConfig],
    ) -> dg.AssetCheckResult:
        with as_failures():
            verdict = about.look(Looked(lake, latest_run(lake, store), checks))
        return dg.AssetCheckResult(
            passed=verdict.passed,
            severity=about.severity,
            description=verdict.summary,
            metadata=shown_facts(verdict),
        )

    return check
