"""When runs begin by themselves."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator

from pipeline_project.core.config_section import Section


class ScheduleConfig(Section):
    """The nightly collection of new videos from Pexels; needs Dagster's daemon."""

    enabled: bool = Field(
        False, description="Whether it is switched on from the start; else by hand in Dagster's UI."
    )
    cron: str = Field("0 2 * * *", description="When, as cron writes it; by default at two.")
    timezone: str = Field("UTC", description="Whose clock, such as Europe/Berlin.")

    @field_validator("timezone")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"there is no time zone {name!r}; Europe/Berlin is one") from error
        return name
