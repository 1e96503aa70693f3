"""What makes stale tables anew by itself, where that is wished: new code, or a changed source."""

from typing import Any

import dagster as dg

from pipeline_project.core.trigger_config import TriggerConfig
from pipeline_project.ops.tables import SOURCE, TABLE_ASSETS


def observed_hourly() -> dg.AutomationCondition[Any]:
    """When the source is listed to see whether it changed: every full hour."""
    return dg.AutomationCondition.on_cron("0 * * * *")


def stale(of_source: bool) -> dg.AutomationCondition[Any]:
    """When a table is made anew: its code changed, or (`of_source`) the source it is made from.

    Once for each change, and not while a run is making it.
    """
    changed: dg.AutomationCondition[Any] = dg.AutomationCondition.code_version_changed()
    if of_source:
        seen = dg.AutomationCondition.data_version_changed()
        changed |= dg.AutomationCondition.any_deps_match(seen)
    return changed.since_last_handled() & ~dg.AutomationCondition.in_progress()


def stale_sensor(config: TriggerConfig) -> dg.AutomationConditionSensorDefinition:
    """Make the sensor that evaluates these conditions; stopped unless `triggers.stale`."""
    return dg.AutomationConditionSensorDefinition(
        "remake_stale_tables",
        target=dg.AssetSelection.assets(SOURCE, *(each.name for each in TABLE_ASSETS)),
        default_status=(
            dg.DefaultSensorStatus.RUNNING if config.stale else dg.DefaultSensorStatus.STOPPED
        ),
        minimum_interval_seconds=config.every_s,
        description="Lists the source each hour, and makes the tables anew where the source or "
        "their code has changed.",
    )
