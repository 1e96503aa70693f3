"""When runs begin by themselves."""

from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field

from pipeline_project.core.config_section import Section


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"there is no time zone {name!r}; Europe/Berlin is one") from error
    return name


TimeZone = Annotated[str, AfterValidator(_known_zone)]


class ScheduleConfig(Section):
    """The nightly collection of new videos from Pexels; needs Dagster's daemon."""

    enabled: bool = Field(
        False, description="Whether it is switched on from the start; else by hand in Dagster's UI."
    )
    cron: str = Field("0 2 * * *", description="When, as cron writes it; by default at two.")
    timezone: TimeZone = Field("UTC", description="Whose clock, such as Europe/Berlin.")
