"""A pipeline over collections, read from its YAML and found to be sound."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from pydantic import ValidationError

from pipeline_project.core.collections.checks import Problem, check, input_of
from pipeline_project.core.collections.inputs import Input, atoms
from pipeline_project.core.collections.lines import Document, Place, read_document
from pipeline_project.core.collections.order import in_order
from pipeline_project.core.collections.schema import PipelineSection, StepSection
from pipeline_project.errors import ConfigError

Kind = Literal["measure", "merge", "classify", "call", "command"]
TYPE = "pipeline_project.components.CollectionPipeline"


@dataclass(frozen=True, slots=True)
class Source:
    """A collection from outside: a folder or a bucket, as written, and where it is written."""

    name: str
    source: str
    where: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step; its output is the collection of its name.

    Attributes:
        name: of the step and its collection.
        input: what it reads.
        kind: what it does with a datum.
        value: measures, the classifier, `module:function` or the command; None for `merge`.
        params: keyword arguments of a call.
        output: template of the path of what a datum makes; not used by `command`.
        version: as given; None where it is to be derived from the code.
        timeout_s: a datum that takes longer has failed.
        description: one line for people.
        where: file and line of its definition.
    """

    name: str
    input: Input
    kind: Kind
    value: str | tuple[str, ...] | None
    params: Mapping[str, Any]
    output: str
    version: str | None
    timeout_s: float
    description: str
    where: str

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the collections that it reads, each once."""
        return tuple(dict.fromkeys(atom.collection for atom in atoms(self.input)))

    @property
    def settings(self) -> dict[str, Any]:
        """All that a result depends on besides input and code, as JSON holds it."""
        value = list(self.value) if isinstance(self.value, tuple) else self.value
        return {"transform": {self.kind: value}, "params": dict(self.params), "output": self.output}


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Sources, and steps in an order in which each comes after those that it reads."""

    name: str
    sources: tuple[Source, ...]
    steps: tuple[Step, ...]

    def step(self, name: str) -> Step | None:
        """The step of this name, or None."""
        return next((each for each in self.steps if each.name == name), None)


def read_pipeline(text: str, name: str) -> Pipeline:
    """Read a pipeline from the text of its YAML file.

    The file is that of a Dagster component, `type:` and `attributes:`; the attributes may also
    stand alone.

    Args:
        text: YAML.
        name: of the file, for errors.

    Raises:
        ConfigError: one line for each thing that is wrong: file, line, what was seen, what is
            allowed.
    """
    document = read_document(text, name)
    base: Place = ()
    data = document.data
    if isinstance(data, dict) and "attributes" in data:
        if data.get("type") != TYPE:
            raise ConfigError(
                f"{document.where(('type',))}: type is {data.get('type')!r}; allowed is {TYPE}"
            )
        data, base = data["attributes"], ("attributes",)
    if not isinstance(data, dict):
        raise ConfigError(
            f"{document.where(base)}: a pipeline has name, collections and steps; seen: "
            f"{'nothing' if data is None else type(data).__name__}"
        )
    try:
        section = PipelineSection.model_validate(data)
    except ValidationError as error:
        raise _wrong(document, base, list(_schema_problems(error))) from None
    problems = check(section)
    if problems:
        raise _wrong(document, base, problems)
    return _pipeline(section, document, base)


def _pipeline(section: PipelineSection, document: Document, base: Place) -> Pipeline:
    steps = [
        _step(each, document.where((*base, "steps", number, "name")))
        for number, each in enumerate(section.steps)
    ]
    by_name = {each.name: each for each in steps}
    order = in_order({each.name: [n for n in each.reads if n in by_name] for each in steps})
    return Pipeline(
        name=section.name,
        sources=tuple(
            Source(name, each.source, document.where((*base, "collections", name, "source")))
            for name, each in section.collections.items()
        ),
        steps=tuple(by_name[name] for name in order),
    )


def _step(section: StepSection, where: str) -> Step:
    kind, value = next((kind, value) for kind, value in section.transform if value is not None)
    if kind == "measure" and isinstance(value, str):
        value = [value]
    return Step(
        name=section.name,
        input=input_of(section.input),
        kind=cast(Kind, kind),
        value=None if kind == "merge" else tuple(value) if isinstance(value, list) else value,
        params=section.params,
        output=section.output,
        version=section.version,
        timeout_s=section.timeout_s,
        description=section.description,
        where=where,
    )


def _schema_problems(error: ValidationError) -> Iterator[Problem]:
    for each in error.errors():
        place = tuple(each["loc"])
        seen = each["input"]
        shown = f"; seen: {seen!r}" if isinstance(seen, str | int | float | bool | None) else ""
        if each["type"] == "extra_forbidden":
            yield Problem(place, f"{place[-1]!r} is not known here{_allowed(place)}")
        elif each["type"] == "missing":
            yield Problem(place, f"{place[-1]!r} is missing")
        else:
            yield Problem(place, f"{'.'.join(map(str, place))}: {each['msg']}{shown}")


def _allowed(place: Place) -> str:
    """The names that are allowed where an unknown one was seen."""
    from pipeline_project.core.collections import schema

    holders = {"steps": schema.StepSection, "transform": schema.TransformSection}
    words = [each for each in place[:-1] if isinstance(each, str)]
    model: Any = schema.PipelineSection
    if words:
        inputs = {"input", "cross", "union", "join", "group"}
        model = schema.InputSection if words[-1] in inputs else holders.get(words[-1])
        model = schema.SourceSection if model is None else model
    return f"; allowed: {', '.join(model.model_fields)}"


def _wrong(document: Document, base: Place, problems: list[Problem]) -> ConfigError:
    lines = sorted((document.line((*base, *each.place)), each.message) for each in problems)
    return ConfigError("\n".join(f"{document.name}:{line}: {message}" for line, message in lines))
