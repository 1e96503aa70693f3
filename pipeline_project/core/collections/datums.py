"""From collections and an input to datums: the pieces of work of one step.

Pachyderm's rules: a glob splits a collection into datums; cross, union, join and group combine
them, by paths alone and never by contents. Time and memory grow with files and datums; a join is
by hash, never by comparing all with all.
"""

import hashlib
import itertools
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from pipeline_project.core.collections.globs import ROOT, Glob, expand
from pipeline_project.core.collections.inputs import Atom, Combined, Input, count_captures


@dataclass(frozen=True, slots=True)
class File:
    """A file of a collection: its path, `/folder/name`, and the hash of its bytes."""

    path: str
    sha256: str


class Listing:
    """A collection as it stands: files by path."""

    def __init__(self, files: Iterable[File]) -> None:
        self.files: dict[str, File] = {file.path: file for file in files}

    def __len__(self) -> int:
        return len(self.files)

    @cached_property
    def paths(self) -> list[str]:
        """Every file's path, sorted."""
        return sorted(self.files)

    @cached_property
    def folders(self) -> list[str]:
        """Every folder above a file but the root, sorted."""
        found: set[str] = set()
        for path in self.files:
            end = path.rfind("/")
            while end > 0 and path[:end] not in found:
                found.add(path[:end])
                end = path.rfind("/", 0, end)
        return sorted(found)

    def below(self, path: str) -> tuple[File, ...]:
        """The file of this path, or every file below this folder, by path."""
        if path in self.files:
            return (self.files[path],)
        prefix = path.rstrip("/") + "/"
        start = bisect_left(self.paths, prefix)
        found = itertools.takewhile(
            lambda each: each.startswith(prefix), itertools.islice(self.paths, start, None)
        )
        return tuple(self.files[each] for each in found)

    def matches(self, glob: Glob) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Every file and folder that a glob matches, with its captures; `/` is the whole."""
        if glob.pattern == ROOT:
            yield from [(ROOT, ())] if self.files else []
            return
        yield from glob.matches(self.paths)
        if not glob.files_only:
            yield from glob.matches(self.folders)


@dataclass(frozen=True, slots=True)
class Part:
    """One matched path of one input.

    Attributes:
        name: what the step calls the input.
        collection: where it is from.
        path: that matched: a file, or a folder with all below it.
        files: the file, or those of the folder, by path.
        join_key: what a join compares; None without `join_on`.
        group_key: what a group gathers by; None without `group_by`.
        outer: it stays in a join without a match.
    """

    name: str
    collection: str
    path: str
    files: tuple[File, ...]
    join_key: str | None
    group_key: str | None
    outer: bool


@dataclass(frozen=True)
class Datum:
    """One piece of a step's work.

    Attributes:
        parts: what it reads.
        captures: what `$1`, `$2`, ... stand for.
        stem: what `$0` stands for: the path without its ending, or the key of a join or group.
        identity: what stays the same while the contents change.
    """

    parts: tuple[Part, ...]
    captures: tuple[str, ...]
    stem: str
    identity: tuple[str, ...]

    @cached_property
    def datum_id(self) -> str:
        """Name of the datum whatever its files hold: 32 hex digits."""
        return _hash(self.identity)[:32]

    def output_path(self, template: str) -> str:
        """Where a step's one output goes: captures in place, one `/` before it."""
        return ROOT + expand(template, self.captures, self.stem).strip("/")

    def contents_sha256(self) -> str:
        """Hash of all that the step is given: names, paths, and the bytes of the files."""
        given: list[str] = []
        for part in self.parts:
            given += (part.name, part.path, str(len(part.files)))
            for file in part.files:
                given += (file.path, file.sha256)
        return _hash(given)


def _hash(words: Iterable[str]) -> str:
    """Hash words in their order; none of them, a path say, can hold the character between."""
    return hashlib.sha256("\0".join(words).encode("utf-8", "surrogatepass")).hexdigest()


def datums(input_: Input, collections: Mapping[str, Listing]) -> list[Datum]:
    """Split collections into the datums of an input, each once, in order of their paths.

    Raises:
        KeyError: a collection is missing.
    """
    found = {each.identity: each for each in _datums(input_, collections)}
    return list(found.values())


def _datums(input_: Input, collections: Mapping[str, Listing]) -> Iterator[Datum]:
    if isinstance(input_, Atom):
        yield from _atom(input_, collections[input_.collection])
        return
    branches = [list(_datums(each, collections)) for each in input_.inputs]
    if input_.kind == "union":
        yield from itertools.chain.from_iterable(branches)
    elif input_.kind == "cross":
        for combination in itertools.product(*branches):
            yield _side_by_side(combination, "".join(each.stem for each in combination))
    elif input_.kind == "join":
        yield from _join(input_, branches)
    else:
        yield from _group(branches)


def _atom(atom: Atom, listing: Listing) -> Iterator[Datum]:
    for path, captures in listing.matches(atom.glob):
        part = Part(
            name=atom.name,
            collection=atom.collection,
            path=path,
            files=listing.below(path),
            join_key=None if atom.join_on is None else expand(atom.join_on, captures),
            group_key=None if atom.group_by is None else expand(atom.group_by, captures),
            outer=atom.outer_join,
        )
        stem = f"/{atom.name}" if path == ROOT else _without_suffix(path, listing)
        yield Datum((part,), captures, stem, (atom.name, atom.collection, path))


def _without_suffix(path: str, listing: Listing) -> str:
    dot = path.rfind(".")
    named = dot > path.rfind("/") + 1  # a name may begin with its only dot
    return path[:dot] if named and path in listing.files else path


def _side_by_side(members: Sequence[Datum], stem: str) -> Datum:
    return Datum(
        parts=tuple(part for each in members for part in each.parts),
        captures=tuple(capture for each in members for capture in each.captures),
        stem=stem,
        identity=tuple(word for each in members for word in each.identity),
    )


def _join(input_: Combined, branches: Sequence[list[Datum]]) -> Iterator[Datum]:
    """Combine what has the same key in every branch.

    Where a branch has nothing of a key, only the branches with `outer_join` keep theirs.
    """
    by_key: dict[str, list[list[Datum]]] = {}
    for number, branch in enumerate(branches):
        for datum in branch:
            key = next((p.join_key for p in datum.parts if p.join_key is not None), None)
            if key is not None:
                by_key.setdefault(key, [[] for _ in branches])[number].append(datum)
    widths = [count_captures(each) for each in input_.inputs]
    for key in sorted(by_key):
        rows = by_key[key]
        if not all(rows):
            rows = [[each for each in row if _is_outer(each)] for row in rows]
            if not any(rows):
                continue
        absent = [[Datum((), ("",) * width, "", ())] for width in widths]
        filled = [row or nothing for row, nothing in zip(rows, absent, strict=True)]
        for combination in itertools.product(*filled):
            yield _side_by_side(combination, f"/{key.strip('/')}")


def _is_outer(datum: Datum) -> bool:
    return any(part.outer for part in datum.parts)


def _group(branches: Sequence[list[Datum]]) -> Iterator[Datum]:
    by_key: dict[str, list[Datum]] = {}
    for datum in itertools.chain.from_iterable(branches):
        key = next((p.group_key for p in datum.parts if p.group_key is not None), None)
        if key is not None:
            by_key.setdefault(key, []).append(datum)
    for key in sorted(by_key):
        members = by_key[key]
        yield Datum(
            parts=tuple(part for each in members for part in each.parts),
            captures=members[0].captures,
            stem=f"/{key.strip('/')}",
            # Not its members: one more of them changes the datum, it does not make another.
            identity=("group", key, *sorted({p.name for each in members for p in each.parts})),
        )
