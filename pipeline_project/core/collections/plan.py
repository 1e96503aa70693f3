"""Which datums of a step have to be worked on, given what is known of them."""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from pipeline_project.core.collections.datums import Datum
from pipeline_project.core.collections.definition import Step
from pipeline_project.core.hashing import canonical_json
from pipeline_project.errors import ConfigError

State = Literal["done", "failed"]


@dataclass(frozen=True, slots=True)
class Known:
    """What the last commit says of a datum."""

    datum_key: str
    state: State


@dataclass(slots=True)
class StepPlan:
    """The datums of one step, each in one of the first five lists; ids of those that are gone.

    Attributes:
        new: nothing was known of them.
        changed: their contents, the step's code or its settings are not what they were.
        reused: new or changed, and a result for just this is there already.
        skipped: nothing changed since they were done.
        failed: nothing changed since they failed.
        removed: ids of datums whose inputs are gone.
        keys: key of every datum, by id.
    """

    new: list[Datum] = field(default_factory=list)
    changed: list[Datum] = field(default_factory=list)
    reused: list[Datum] = field(default_factory=list)
    skipped: list[Datum] = field(default_factory=list)
    failed: list[Datum] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)

    @property
    def to_do(self) -> list[Datum]:
        """What has to be worked on."""
        return [*self.new, *self.changed]


def step_code(step: Step, version: str, model_sha256: str = "") -> str:
    """Hash of everything but the inputs that a step's results depend on."""
    parts = [step.name, version, canonical_json(step.settings), model_sha256]
    return hashlib.sha256("\n".join(parts).encode("ascii")).hexdigest()


def datum_key(datum: Datum, code: str) -> str:
    """Name the result of one step on one datum.

    A result is known by what went into it: names, paths and contents of the inputs, the step's
    name, version, settings and model. New or changed data, code or settings give a new key; what
    comes out as before keeps every key after it.
    """
    return hashlib.sha256(f"{datum.contents_sha256()}\n{code}".encode("ascii")).hexdigest()


def plan_step(
    datums: Iterable[Datum],
    code: str,
    known: Mapping[str, Known],
    results: Mapping[str, State],
    *,
    retry: bool = False,
) -> StepPlan:
    """Sort a step's datums by what has to be done.

    Args:
        datums: all that there are now.
        code: of `step_code`.
        known: what the last commit says, by datum id.
        results: state of every result that is there, by datum key.
        retry: work on failed ones again although nothing changed.
    """
    plan = StepPlan()
    for datum in datums:
        name = datum.datum_id
        key = plan.keys[name] = datum_key(datum, code)
        before = known.get(name)
        state = results.get(key)
        if state is None or (state == "failed" and retry):
            (plan.new if before is None else plan.changed).append(datum)
        elif before is not None and before.datum_key == key:
            (plan.skipped if state == "done" else plan.failed).append(datum)
        else:
            plan.reused.append(datum)
    plan.removed = [name for name in known if name not in plan.keys]
    return plan


def check_outputs(step: Step, datums: Collection[Datum]) -> None:
    """Make sure that no two datums of a step write the same path, before any is worked on.

    Raises:
        ConfigError: two do; names both inputs and the path.
    """
    if step.kind == "command":
        return
    seen: dict[str, Datum] = {}
    for datum in datums:
        path = datum.output_path(step.output)
        if path in seen:
            raise collision(step, path, described(seen[path]), described(datum))
        seen[path] = datum


def collision(step: Step, path: str, first: str, second: str) -> ConfigError:
    """The error of two datums of a step that write the same path."""
    return ConfigError(
        f"{step.where}: step {step.name}: {first} and {second} would both be written to {path}. "
        f"Give the step an `output` that tells them apart (seen: {step.output!r}), or a glob that "
        "takes one of them."
    )


def described(datum: Datum) -> str:
    """What a datum reads, for people: `images:/a.jpg`; of many inputs the first two."""
    words = [f"{part.name}:{part.path}" for part in datum.parts[:2]]
    more = len(datum.parts) - len(words)
    return " + ".join(words) + (f" and {more} more" if more else "")
