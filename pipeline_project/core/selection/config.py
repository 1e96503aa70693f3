"""The Lightly `selection_config`, version 4: what is picked, and by which rules.

Accepted in camelCase and snake_case, as Lightly's own client does, and handed on to the Lightly
service unchanged. Beyond Lightly's client it is checked which strategy fits which input, and
which fields belong to which type. A field that would have no effect is an error that names the
field and what is allowed, never silently ignored.

Source: the schema of `lightly` 1.5.26 and https://docs.lightly.ai/docs/selection.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel, to_snake

from pipeline_project.core.metadata.boxes import Box, tiles
from pipeline_project.core.metadata.sidecar import compiled
from pipeline_project.core.selection.docker_options import translate
from pipeline_project.core.selection.fit import INPUT_FIELDS, STRATEGY_FIELDS, misfits
from pipeline_project.errors import ConfigError

DEFAULT_PROPORTION = 0.1
DEFAULT_MAX_SAMPLES = 500
_NAME = r"^[a-zA-Z0-9_+=,.@:\/-]*$"  # what Lightly allows as the name of a task or score
_FORMER = {"DIVERSIFY": "DIVERSITY"}
_RULE = ["input", "strategy"]
_RATIO_SLACK = 1e-6  # 0.1 + 0.2 + 0.7 is not 1.0 in floating point

InputType = Literal["EMBEDDINGS", "SCORES", "METADATA", "PREDICTIONS", "RANDOM"]
StrategyType = Literal["DIVERSITY", "WEIGHTS", "THRESHOLD", "BALANCE", "SIMILARITY", "TYPICALITY"]
Operation = Literal["SMALLER", "SMALLER_EQUAL", "BIGGER", "BIGGER_EQUAL"]


def _no_truth_value(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("expected a number, not true or false")
    return value


Int = Annotated[int, BeforeValidator(_no_truth_value)]
Float = Annotated[float, BeforeValidator(_no_truth_value), Field(allow_inf_nan=False)]
Strength = Annotated[Float, Field(ge=-1e9, le=1e9)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)


class SelectionInput(_Part):
    """What a strategy looks at."""

    type: InputType
    task: str | None = Field(None, pattern=_NAME)
    score: str | None = Field(None, min_length=1, pattern=_NAME)
    key: str | None = Field(None, min_length=1)
    name: Literal["CLASS_DISTRIBUTION", "CATEGORY_COUNT"] | None = None
    dataset_id: str | None = Field(None, pattern=r"^[a-f0-9]{24}$")
    tag_name: str | None = Field(None, min_length=3)
    random_seed: Int | None = None
    categories: list[Annotated[str, Field(min_length=1)]] | None = Field(None, min_length=1)


class TargetRange(_Part):
    """Between which bounds the sum of what is picked should come to lie."""

    min_sum: Float | None = Field(None, ge=0)
    max_sum: Float | None = Field(None, ge=0)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        low, high = self.min_sum, self.max_sum
        if low is None and high is None:
            raise ValueError("target_range needs min_sum, max_sum or both")
        if low is not None and high is not None and low > high:
            raise ValueError(f"min_sum must not be above max_sum; seen {low} and {high}")
        return self


class SelectionStrategy(_Part):
    """How the input is used."""

    type: StrategyType
    strength: Strength | None = None
    # Lightly's wire form has this one name in snake_case.
    stopping_condition_minimum_distance: Float | None = Field(
        default=None,
        ge=0,
        le=2,
        validation_alias=AliasChoices(
            "stopping_condition_minimum_distance", "stoppingConditionMinimumDistance"
        ),
        serialization_alias="stopping_condition_minimum_distance",
    )
    threshold: Float | None = None
    operation: Operation | None = None
    target: dict[str, Annotated[Float, Field(ge=0, le=1)]] | None = Field(None, min_length=1)
    distribution: Literal["TARGET", "UNIFORM", "INPUT"] | None = None
    num_nearest_neighbors: Int | None = Field(None, ge=2)
    stopping_condition_minimum_typicality: Float | None = Field(None, gt=0)
    stopping_condition_max_sum: Float | None = Field(None, ge=0)
    target_range: TargetRange | None = None

    @property
    def power(self) -> float:
        """The exponent of this strategy's objective; 1 unless said otherwise."""
        return 1.0 if self.strength is None else self.strength

    @model_validator(mode="after")
    def _ratios(self) -> Self:
        if self.target is not None and sum(self.target.values()) > 1 + _RATIO_SLACK:
            raise ValueError(
                f"the ratios of target must not sum to more than 1; seen {self.target}, "
                f"in sum {sum(self.target.values()):g}"
            )
        return self


class SelectionRule(_Part):
    """One strategy with its input."""

    input: SelectionInput
    strategy: SelectionStrategy

    @model_validator(mode="after")
    def _fits(self) -> Self:
        problems = misfits(
            self.input.model_dump(exclude_none=True), self.strategy.model_dump(exclude_none=True)
        )
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def words(self) -> str:
        """The rule in one line, `THRESHOLD on METADATA lightly.sharpness BIGGER 3` say."""
        source = self.input
        what = [source.task, source.score, source.key, source.name, source.tag_name]
        parts = [self.strategy.type, "on", source.type, *(each for each in what if each)]
        if self.strategy.threshold is not None:
            parts += [str(self.strategy.operation), f"{self.strategy.threshold:g}"]
        return " ".join(parts)


class TilingTask(_Part):
    """A task of Lightly's that cuts each image into tiles."""

    type: Literal["TILING"]
    name: str = Field(min_length=1)
    num_rows: Int = Field(ge=1)
    num_cols: Int = Field(ge=1)
    overlap: Float | None = Field(None, ge=0, le=1)

    @property
    def boxes(self) -> list[Box]:
        """Its parts, as shares of a picture."""
        return tiles(self.num_rows, self.num_cols, self.overlap or 0.0)


class CropTask(_Part):
    """A task of Lightly's that looks at given boxes (x, y, width, height as shares)."""

    type: Literal["CROP"]
    name: str = Field(min_length=1)
    bboxs: list[
        Annotated[list[Annotated[Float, Field(ge=0, le=1)]], Field(min_length=4, max_length=4)]
    ] = Field(min_length=1)

    @property
    def boxes(self) -> list[Box]:
        """Its parts, as shares of a picture."""
        return [(x, y, width, height) for x, y, width, height in self.bboxs]


@dataclass(frozen=True, slots=True)
class Needs:
    """What a pool must hold for a configuration.

    Attributes:
        embeddings: whether one vector per row is needed.
        metadata: keys.
        scores: pairs of task and score.
        predictions: pairs of task and CLASS_DISTRIBUTION or CATEGORY_COUNT.
        objects: tasks whose objects' embeddings are needed.
        queries: tag names whose embeddings SIMILARITY compares with.
    """

    embeddings: bool
    metadata: frozenset[str]
    scores: frozenset[tuple[str, str]]
    predictions: frozenset[tuple[str, str]]
    objects: frozenset[str]
    queries: frozenset[str]


def _diversity() -> list[SelectionRule]:
    rule = {"input": {"type": "EMBEDDINGS"}, "strategy": {"type": "DIVERSITY"}}
    return [SelectionRule.model_validate(rule)]


class SelectionConfig(_Part):
    """How many samples, and by which strategies."""

    n_samples: Int | None = Field(default=None, ge=-1)
    proportion_samples: Float | None = Field(default=None, gt=0, le=1)
    strategies: list[SelectionRule] = Field(default_factory=_diversity, min_length=1)
    lightly_path_regex: str | None = Field(None, min_length=1)
    auto_tasks: list[Annotated[TilingTask | CropTask, Field(discriminator="type")]] | None = None
    _verbatim: dict[str, Any] = PrivateAttr(default_factory=dict)
    _translated: tuple[str, ...] = PrivateAttr(default=())

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        if self.n_samples == -1:  # Lightly's way to leave it out
            self.n_samples = None
        if self.n_samples == 0:
            raise ValueError("n_samples must be at least 1; seen 0")
        if self.n_samples is not None and self.proportion_samples is not None:
            raise ValueError("set n_samples or proportion_samples, not both")
        return self

    @model_validator(mode="after")
    def _names_once(self) -> Self:
        names = [task.name for task in self.auto_tasks or ()]
        if len(set(names)) < len(names):
            raise ValueError(f"auto_tasks must have different names; seen {names}")
        return self

    @field_validator("lightly_path_regex")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            try:
                compiled(pattern, "lightly_path_regex")
            except ConfigError as error:
                raise ValueError(str(error).partition(": ")[2].rstrip(".")) from error
        return pattern

    @property
    def automatic(self) -> dict[str, list[Box]]:
        """The boxes of each of `auto_tasks`, as shares of a picture."""
        return {task.name: task.boxes for task in self.auto_tasks or ()}

    @property
    def translated(self) -> tuple[str, ...]:
        """What was said otherwise in old options, one line each."""
        return self._translated

    @property
    def verbatim(self) -> dict[str, Any]:
        """What was read, as it was written."""
        return self._verbatim

    def wire(self) -> dict[str, Any]:
        """The camelCase form that the Lightly service takes.

        Raises:
            ConfigError: the service needs what may be left out here.
        """
        if self.n_samples is None and self.proportion_samples is None:
            raise ConfigError(
                "Writing the selection configuration for the Lightly service: it needs n_samples "
                "or proportion_samples, and has neither. Set one of them."
            )
        for number, rule in enumerate(self.strategies):
            if rule.strategy.type == "SIMILARITY" and rule.input.dataset_id is None:
                raise ConfigError(
                    "Writing the selection configuration for the Lightly service: "
                    f"strategies.{number}.input.dataset_id is missing; SIMILARITY there needs the "
                    "id of the dataset that holds the tag."
                )
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def needs(self) -> Needs:
        """What a pool must hold for this configuration."""
        inputs = [rule.input for rule in self.strategies]
        vectors = [each for each in inputs if each.type == "EMBEDDINGS"]
        return Needs(
            embeddings=any(each.task is None for each in vectors),
            metadata=frozenset(each.key for each in inputs if each.key),
            scores=frozenset((str(i.task), i.score) for i in inputs if i.score),
            predictions=frozenset((str(i.task), i.name) for i in inputs if i.name),
            objects=frozenset(each.task for each in vectors if each.task),
            queries=frozenset(each.tag_name for each in vectors if each.tag_name),
        )

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

    Options of Lightly's Docker container up to 2.6 are translated; `translated` says how.

    Raises:
        ConfigError: names each wrong field, the value seen, and what is allowed.
    """
    today, messages = _today(raw)
    _demand_one_spelling(today)
    try:
        config = SelectionConfig.model_validate(today)
    except ValidationError as error:
        problems = "; ".join(_problem(dict(each)) for each in error.errors())
        raise ConfigError(f"Reading the selection configuration: {problems}.") from error
    config._verbatim = dict(raw)
    config._translated = messages
    return config


def _today(raw: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Old options in today's words, and what was done to them; others stay as they are."""
    old = translate(raw)
    if not old.messages:
        return raw, ()
    today = {to_snake(name) for name in old.worker_config}
    both = sorted(today & set(SelectionConfig.model_fields))
    if old.selection_config and both:
        raise ConfigError(
            "Reading the selection configuration: it has options of Lightly's Docker container up "
            f"to 2.6, and {', '.join(both)}. Keep one of both."
        )
    if old.dataset_name is not None:
        raise ConfigError(
            f"Reading the selection configuration: datapool.name {old.dataset_name!r} is not said "
            f"here but by `dataset: {old.dataset_name}` in pipeline.yaml, or --dataset."
        )
    return {**old.worker_config, **old.selection_config}, tuple(old.messages)


def _demand_one_spelling(part: Any, place: str = "") -> None:
    """Refuse a field that stands in both spellings: one of its values would be lost."""
    if isinstance(part, list):
        for number, each in enumerate(part):
            _demand_one_spelling(each, f"{place}{number}.")
    elif isinstance(part, dict):
        seen: dict[str, str] = {}
        for name in part:
            other = seen.setdefault(to_snake(str(name)), str(name))
            if other != name:
                raise ConfigError(
                    f"Reading the selection configuration: {place}{other} and {place}{name} are "
                    f"one field; seen {part[other]!r} and {part[name]!r}. Keep one of them."
                )
        for name, each in part.items():
            if name != "target":  # holds names of classes, not of fields
                _demand_one_spelling(each, f"{place}{name}.")


def _problem(error: dict[str, Any]) -> str:
    """One wrong field: its place, what is allowed, what was seen."""
    place = [to_snake(part) if isinstance(part, str) else str(part) for part in error["loc"]]
    # A union's choice is part of pydantic's path, but of nobody's file.
    place = [part for part in place if part not in ("tiling", "crop")]
    where = ".".join(place) or "selection"
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        known = _fields_at(place[:-1])
        message = "there is no such field" + (f"; allowed: {', '.join(known)}" if known else "")
        if known == _RULE and place[-1] in _fields_at([*place[:-1], "strategy"]):
            message += f"; {place[-1]} belongs into strategy"
    elif place[-1:] == ["type"] and error["input"] in _FORMER:
        message = f"{error['input']} is called {_FORMER[error['input']]} since version 4"
    elif error["type"] == "missing":
        return f"{where}: missing"
    if error["type"] == "value_error" and isinstance(error["input"], dict):
        return f"{where}: {message}"
    return f"{where}: {message} (seen: {error['input']!r})"


def _fields_at(place: list[str]) -> list[str]:
    """The fields of the model at a place of the configuration."""
    if not place:
        return [*SelectionConfig.model_fields]
    if place[-1] == "target_range":
        return [*TargetRange.model_fields]
    if place[0] == "strategies" and len(place) == 2:
        return _RULE
    if place[-1] == "input":
        return ["type", *dict.fromkeys(name for each in INPUT_FIELDS.values() for name in each)]
    if place[-1] == "strategy":
        return ["type", *dict.fromkeys(name for each in STRATEGY_FIELDS.values() for name in each)]
    return []
