"""What every section of the configuration has in common."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A section whose unknown keys are errors, so that a typing slip never passes silently."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)
