"""The Lightly `selection_config`, as far as the embedded engine carries it out.

Accepted in camelCase and snake_case, as Lightly's own client does. What is not supported is an
error that names the field and what is allowed, never silently ignored.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from pipeline_project.errors import ConfigError

DEFAULT_PROPORTION = 0.1
DEFAULT_MAX_SAMPLES = 500


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)


class SelectionInput(_Part):
    """What a strategy looks at."""

    type: Literal["EMBEDDINGS"]


class SelectionStrategy(_Part):
    """How the input is used."""

    type: Literal["DIVERSITY"]
    strength: float = Field(default=1.0, gt=0, le=1e9)
    stopping_condition_minimum_distance: float | None = Field(
        None, ge=0, le=2, alias="stopping_condition_minimum_distance"
    )


class SelectionRule(_Part):
    """One strategy with its input."""

    input: SelectionInput
    strategy: SelectionStrategy


def _diversity() -> list[SelectionRule]:
    rule = {"input": {"type": "EMBEDDINGS"}, "strategy": {"type": "DIVERSITY"}}
    return [SelectionRule.model_validate(rule)]


class SelectionConfig(_Part):
    """How many samples, and by which strategies."""

    n_samples: int | None = Field(default=None, ge=1)
    proportion_samples: float | None = Field(default=None, gt=0, le=1)
    strategies: list[SelectionRule] = Field(default_factory=_diversity, min_length=1)

    @model_validator(mode="after")
    def _one_size(self) -> "SelectionConfig":
        if self.n_samples is not None and self.proportion_samples is not None:
            raise ValueError("set n_samples or proportion_samples, not both")
        return self

    def samples_of(self, survivors: int) -> int:
        """How many of so many survivors to pick: what was asked, else 10 %, 1 to 500."""
        if survivors == 0:
            return 0
        if self.n_samples is not None:
            return min(self.n_samples, survivors)
        if self.proportion_samples is not None:
            return max(1, round(self.proportion_samples * survivors))
        return min(DEFAULT_MAX_SAMPLES, max(1, round(DEFAULT_PROPORTION * survivors)))


def parse_selection_config(raw: dict[str, Any]) -> SelectionConfig:
    """Read a `selection_config`; an empty one means the 10 % most diverse, 1 to 500.

    Raises:
        ConfigError: names each wrong field, the value seen, and what is allowed.
    """
    try:
        return SelectionConfig.model_validate(raw)
    except ValidationError as error:
        lines = [
            f"{'.'.join(str(part) for part in each['loc']) or 'selection'}: {each['msg']}"
            + (f" (seen: {each['input']!r})" if each["type"] != "value_error" else "")
            for each in error.errors()
        ]
        raise ConfigError(
            "Reading the selection configuration: "
            + "; ".join(lines)
            + ". The embedded engine knows the strategy DIVERSITY on EMBEDDINGS, with "
            "n_samples or proportion_samples."
        ) from error
