"""What a step reads: one collection by a glob, or several combined; nested as deep as needed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pipeline_project.core.collections.globs import Glob

Combination = Literal["cross", "union", "join", "group"]
COMBINATIONS: tuple[Combination, ...] = ("cross", "union", "join", "group")


@dataclass(frozen=True, slots=True)
class Atom:
    """One collection, split into datums by a glob.

    Attributes:
        collection: a source, or the step whose output is read.
        glob: each path that it matches, file or folder, is a datum (or part of one).
        name: what the step calls it; the collection's name unless given.
        join_on: template of captures, `$1`; what a join compares.
        outer_join: in a join, its datums stay also where another input has no match.
        group_by: template of captures; what a group gathers by.
    """

    collection: str
    glob: Glob
    name: str
    join_on: str | None = None
    outer_join: bool = False
    group_by: str | None = None


@dataclass(frozen=True, slots=True)
class Combined:
    """Several inputs made one.

    - `cross`: every combination of a datum of each.
    - `union`: the datums of each, one after the other.
    - `join`: the combinations whose `join_on` is equal.
    - `group`: one datum of all that has the same `group_by`.
    """

    kind: Combination
    inputs: tuple["Input", ...]


Input = Atom | Combined


def atoms(input_: Input) -> Iterator[Atom]:
    """Every collection that is read, left to right."""
    if isinstance(input_, Atom):
        yield input_
    else:
        for each in input_.inputs:
            yield from atoms(each)


def count_captures(input_: Input) -> int:
    """How many captures a datum of this input has, `$1` and on.

    They are numbered left to right through all inputs of a cross or join; each of a union's
    datums has its own alone, and a group has those of its first member.
    """
    if isinstance(input_, Atom):
        return input_.glob.groups
    counts = [count_captures(each) for each in input_.inputs]
    if input_.kind in ("cross", "join"):
        return sum(counts)
    return min(counts, default=0)
