"""What no schema can say of a pipeline: names that are there, globs that capture, no cycle."""

import difflib
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from pipeline_project.core.collections.globs import compile_glob, references
from pipeline_project.core.collections.inputs import (
    COMBINATIONS,
    Atom,
    Combined,
    Input,
    count_captures,
)
from pipeline_project.core.collections.lines import Place
from pipeline_project.core.collections.order import find_cycle
from pipeline_project.core.collections.schema import (
    InputSection,
    PipelineSection,
    StepSection,
    TransformSection,
)
from pipeline_project.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong: where it stands, what was seen, and what is allowed."""

    place: Place
    message: str


def check(section: PipelineSection) -> list[Problem]:
    """Find everything that is wrong with a pipeline whose form is right."""
    known = [*section.collections, *(step.name for step in section.steps)]
    problems = list(_names(section))
    for number, step in enumerate(section.steps):
        place: Place = ("steps", number)
        found = list(_input((*place, "input"), step.input, known))
        found += _names_of_inputs((*place, "input"), step.input)
        found += _transform((*place, "transform"), step.transform)
        if step.params and step.transform.call is None:
            found.append(Problem((*place, "params"), f"step {step.name}: only `call` takes params"))
        found = found or list(_output((*place, "output"), step))
        problems += found
    return problems or list(_cycles(section))


def input_of(section: InputSection) -> Input:
    """Turn an input that was found to be right into what datums are made by."""
    for kind in COMBINATIONS:
        members = getattr(section, kind)
        if members is not None:
            return Combined(kind, tuple(input_of(each) for each in members))
    collection = section.collection or ""
    return Atom(
        collection=collection,
        glob=compile_glob(section.glob or ""),
        name=section.name or collection,
        join_on=section.join_on,
        outer_join=section.outer_join,
        group_by=section.group_by,
    )


def _names(section: PipelineSection) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for number, step in enumerate(section.steps):
        place = ("steps", number, "name")
        if step.name in section.collections:
            yield Problem(
                place,
                f"step {step.name}: its output would be written over the collection "
                f"{step.name}; give the step another name",
            )
        elif step.name in seen:
            yield Problem(
                place,
                f"step {step.name}: entry {seen[step.name] + 1} of steps has this name already; "
                "each step has a name of its own",
            )
        seen.setdefault(step.name, number)


def _cycles(section: PipelineSection) -> Iterator[Problem]:
    steps = {step.name: number for number, step in enumerate(section.steps)}
    needs = {
        step.name: [name for name in _collections(step.input) if name in steps]
        for step in section.steps
    }
    cycle = find_cycle(needs)
    if cycle:
        yield Problem(
            ("steps", steps[cycle[0]], "input"),
            f"step {cycle[0]}: it waits for itself, {' <- '.join(cycle)}; "
            "a step may read sources and steps that do not read it",
        )


def _collections(section: InputSection) -> Iterator[str]:
    if section.collection is not None:
        yield section.collection
    for kind in COMBINATIONS:
        for each in getattr(section, kind) or ():
            yield from _collections(each)


def _input(
    place: Place, section: InputSection, known: Collection[str], inside: str = ""
) -> Iterator[Problem]:
    given = [name for name in ("collection", *COMBINATIONS) if getattr(section, name) is not None]
    if len(given) != 1:
        seen = " and ".join(given) or "none of them"
        yield Problem(
            place, f"an input is one of collection, {', '.join(COMBINATIONS)}; seen: {seen}"
        )
        return
    (kind,) = given
    if kind == "collection":
        yield from _atom(place, section, known, inside)
        return
    for name in ("glob", "name", "join_on", "group_by"):
        if getattr(section, name) is not None:
            yield Problem((*place, name), f"{name!r} belongs to a collection, not to a {kind}")
    members: list[InputSection] = getattr(section, kind)
    if len(members) < (1 if kind == "group" else 2):
        yield Problem((*place, kind), f"a {kind} has two inputs or more; seen: {len(members)}")
    wanted = {"join": "join_on", "group": "group_by"}.get(kind)
    # In a cross inside a join one of the inputs with `join_on` is enough, in a union each needs it.
    demanded = kind if wanted else inside if kind == "union" else ""
    for number, each in enumerate(members):
        at = (*place, kind, number)
        found = list(_input(at, each, known, demanded))
        yield from found
        if wanted and not found and not _always_has(each, wanted):
            yield Problem(at, f"this input of a {kind} needs a collection with {wanted}, $1 say")


def _atom(
    place: Place, section: InputSection, known: Collection[str], inside: str
) -> Iterator[Problem]:
    if section.collection not in known:
        near = difflib.get_close_matches(str(section.collection), known, n=1)
        meant = f"did you mean {near[0]}? " if near else ""
        yield Problem(
            (*place, "collection"),
            f"there is no collection or step {section.collection!r}; {meant}"
            f"known: {', '.join(known)}",
        )
    if section.glob is None:
        yield Problem(
            place, f"collection {section.collection}: 'glob' is missing; /* takes each entry"
        )
        return
    try:
        glob = compile_glob(section.glob)
    except ConfigError as error:
        yield Problem((*place, "glob"), str(error))
        return
    for name, kind in (("join_on", "join"), ("group_by", "group")):
        template = getattr(section, name)
        if template is None:
            if inside == kind:
                yield Problem(
                    place,
                    f"collection {section.collection} stands in a {kind} and has no {name}; "
                    f"capture what is compared, as in glob: /(*).json with {name}: $1",
                )
            continue
        named = references(template)
        if not named or 0 in named:
            yield Problem(
                (*place, name), f"{name} {template!r} names no capture group; write $1, say"
            )
        elif max(named) > glob.groups:
            yield Problem(
                (*place, name),
                f"{name} {template!r} names group {max(named)}, and glob {glob.pattern!r} has "
                f"{glob.groups}; put what is compared in parentheses, as in /(*).json",
            )
    if section.outer_join and section.join_on is None:
        yield Problem((*place, "outer_join"), "outer_join has no meaning without join_on")


def _always_has(section: InputSection, name: str) -> bool:
    """Whether every datum of an input has a part with this key."""
    if section.collection is not None:
        return getattr(section, name) is not None
    members = next(members for kind in COMBINATIONS if (members := getattr(section, kind)))
    some = all if section.union is not None or section.group is not None else any
    return some(_always_has(each, name) for each in members)


def _names_of_inputs(place: Place, section: InputSection) -> Iterator[Problem]:
    """Inputs that one datum holds side by side must have names of their own."""
    if section.collection is not None:
        return
    kind, members = next(
        ((kind, members) for kind in COMBINATIONS if (members := getattr(section, kind))),
        ("", []),
    )
    seen: set[str] = set()
    for number, each in enumerate(members):
        at = (*place, kind, number)
        yield from _names_of_inputs(at, each)
        names = set(_input_names(each))
        twice = sorted(seen & names) if kind in ("cross", "join") else []
        if twice:
            yield Problem(
                at,
                f"two inputs of this {kind} are called {twice[0]!r}; give one of them a `name`",
            )
        seen |= names


def _input_names(section: InputSection) -> Iterator[str]:
    if section.collection is not None:
        yield section.name or section.collection
    for kind in COMBINATIONS:
        for each in getattr(section, kind) or ():
            yield from _input_names(each)


def _transform(place: Place, section: TransformSection) -> Iterator[Problem]:
    given = [name for name, value in section if value is not None]
    if len(given) != 1 or section.merge is False:
        yield Problem(
            place,
            f"a transform is one of {', '.join(TransformSection.model_fields)}; "
            f"seen: {' and '.join(given) or 'none of them'}",
        )
        return
    if section.command is not None and not any("{out}" in word for word in section.command):
        yield Problem(
            (*place, "command"),
            "the command never names {out}, the folder that it shall fill",
        )
    if section.measure is not None:
        from pipeline_project.core.quality.registry import MEASURES

        names = [section.measure] if isinstance(section.measure, str) else section.measure
        for name in names:
            if name not in MEASURES:
                near = difflib.get_close_matches(name, MEASURES, n=1)
                meant = f"did you mean {near[0]}? " if near else ""
                yield Problem(
                    (*place, "measure"),
                    f"there is no measure {name!r}; {meant}known: {', '.join(MEASURES)}",
                )
        if not names:
            yield Problem((*place, "measure"), "the list of measures is empty")


def _output(place: Place, step: StepSection) -> Iterator[Problem]:
    if step.transform.command is not None:
        if "output" in step.model_fields_set:
            yield Problem(place, "a command names its own files below {out}; leave `output` out")
        return
    groups = count_captures(input_of(step.input))
    named = references(step.output)
    if named and max(named) > groups:
        yield Problem(
            place,
            f"output {step.output!r} names capture group {max(named)}; this step's inputs "
            f"capture {groups}",
        )
