"""When new media start a run by themselves."""

from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from pipeline_project.core.config_section import Section
from pipeline_project.core.schedule_config import TimeZone


class TriggerConfig(Section):
    """What starts runs: a folder, a bucket, its events, the week; needs Dagster's daemon."""

    folder: str | None = Field(
        None,
        min_length=1,
        description="A folder to watch: what comes, changes or goes starts a run on it.",
    )
    bucket: str | None = Field(
        None,
        pattern=r"^s3://[^/]+(/.*)?$",
        description="s3://bucket/prefix to watch by listing it, read as `source_access` says.",
    )
    queue_url: str | None = Field(
        None,
        description="The SQS queue that gets a bucket's events; the stack in ec2/ makes one.",
    )
    queue_source: str | None = Field(
        None,
        pattern=r"^s3://[^/]+(/.*)?$",
        description="s3://bucket/prefix whose events the queue brings: what a run reads then.",
    )
    every_s: int = Field(30, ge=5, le=86_400, description="Seconds between looks.")
    min_files: int = Field(
        1, ge=1, description="A run starts when so many new files wait; whichever comes first."
    )
    min_bytes: int | None = Field(
        None, ge=1, description="A run starts when the new files hold so many bytes together."
    )
    max_wait_s: float = Field(
        3600.0, ge=0, description="A run starts when the first new file has waited so long."
    )
    attempts: int = Field(
        3,
        ge=1,
        le=20,
        description="How often a run that fails is started for the same files; after that they "
        "wait for the next new one.",
    )
    retry_after_s: float = Field(
        300.0, ge=0, description="Wait before the second attempt; doubled for each further one."
    )
    visibility_s: int = Field(
        120,
        ge=60,
        le=43_200,
        description="How long a message that was taken is hidden from others. A look takes up to "
        "20 s.",
    )
    weekly: bool = Field(False, description="Whether the weekly selection is switched on.")
    weekly_cron: str = Field(
        "0 6 * * 1", description="When, as cron writes it; by default on Mondays at six."
    )
    weekly_timezone: TimeZone = Field("UTC", description="Whose clock, such as Europe/Berlin.")
    stale: bool = Field(
        False,
        description="Whether tables that new code or an observed source made stale are made anew.",
    )

    @field_validator("queue_url")
    @classmethod
    def _address(cls, url: str | None) -> str | None:
        if url is not None and urlsplit(url).scheme not in ("http", "https"):
            raise ValueError(f"{url!r} is no address; https://sqs.REGION.amazonaws.com/... is one")
        return url

    @model_validator(mode="after")
    def _queue_has_source(self) -> Self:
        if self.queue_url is not None and self.queue_source is None:
            raise ValueError("queue_url needs queue_source: the s3://bucket/prefix of its events")
        return self
