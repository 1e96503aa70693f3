"""When a check of the tables speaks up."""

from pydantic import Field

from pipeline_project.core.config_section import Section


class ChecksConfig(Section):
    """Limits of the checks that follow each run; they warn in Dagster and stop nothing."""

    max_reject_share: float = Field(
        0.1, ge=0, le=1, description="Warn when a larger share of the listed files is rejected."
    )
    moire_drift: float = Field(
        0.15,
        ge=0,
        le=1,
        description="Warn when the share of frames labelled moire is further than this from that "
        "of the commits before.",
    )
    moire_commits: int = Field(
        20, ge=1, le=1000, description="How many earlier commits with labels that is compared to."
    )
    min_frames: int = Field(
        50, ge=1, description="With fewer frames on either side no drift is told."
    )
