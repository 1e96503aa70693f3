r"""Glob patterns over a collection's paths, with capture groups, as Pachyderm writes them.

A pattern is matched against whole paths, `/folder/name.jpg`:

======================  ==========================================================
`*`, `?`                any characters, one character; never a `/`
`**`                    any characters, `/` too; such a pattern matches files only
`[abc] [a-z] [!a-z]`    one character of a class, or not of it; never a `/`
`{a,b}`                 one of the alternatives
`(...)`                 a capture group; inside, `|` separates alternatives
`@(a|b) ?(a|b)`         a capture group: one of the alternatives; one or none
`*(a|b) +(a|b)`         a capture group: any number of them; one or more
`\x`                     the character x itself
======================  ==========================================================

Source: https://docs.pachyderm.com (glob pattern, join input); the rules, not the code.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from pipeline_project.errors import ConfigError

ROOT = "/"
_REFERENCE = re.compile(r"\$(?:(\d+)|\{(\d+)\})")
_REPEATS = {"@": "", "?": "?", "*": "*", "+": "+"}


@dataclass(frozen=True, slots=True)
class Glob:
    """A compiled pattern.

    Attributes:
        pattern: as written, with one `/` before it and none behind.
        groups: how many capture groups it has.
        files_only: folders never match, since it holds `**`.
    """

    pattern: str
    groups: int
    files_only: bool
    regex: re.Pattern[str]

    def match(self, path: str) -> tuple[str, ...] | None:
        """Give what the groups captured of a path, "" where one took no part; None if no match."""
        found = self.regex.fullmatch(path)
        return None if found is None else found.groups(default="")

    def matches(self, paths: Iterable[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield every path that matches, with its captures, in the order given."""
        match = self.regex.fullmatch
        for path in paths:
            found = match(path)
            if found is not None:
                yield path, found.groups(default="")


@lru_cache(maxsize=256)
def compile_glob(pattern: str) -> Glob:
    """Compile a pattern; a missing `/` at its beginning is added.

    Raises:
        ConfigError: it is empty, or a bracket is open, closed twice or used as nothing here is.
    """
    if not pattern.strip():
        raise ConfigError("a glob pattern is empty; / is the whole collection, /* each entry of it")
    whole = ROOT + pattern.strip("/")
    body = _Translation(whole).run()
    return Glob(
        pattern=whole,
        groups=re.compile(body).groups,
        files_only="**" in whole,
        regex=re.compile(body, re.DOTALL),
    )


@lru_cache(maxsize=256)
def _parsed(template: str) -> tuple[str | int, ...]:
    """The words of a template, and between them the numbers of groups."""
    parts: list[str | int] = []
    end = 0
    for found in _REFERENCE.finditer(template):
        parts += [template[end : found.start()], int(found[1] or found[2])]
        end = found.end()
    return (*parts, template[end:])


def references(template: str) -> list[int]:
    """Numbers of the groups that a template such as `$1-$2` names, in its order."""
    return [part for part in _parsed(template) if isinstance(part, int)]


def expand(template: str, captures: tuple[str, ...], whole: str = "") -> str:
    """Put captures into a template: `$1` or `${1}` is the first; `$0` stands for `whole`.

    Raises:
        ConfigError: the template names a group that is not there.
    """
    values = (whole, *captures)
    try:
        return "".join(
            [values[part] if isinstance(part, int) else part for part in _parsed(template)]
        )
    except IndexError:
        raise ConfigError(
            f"{template!r} names capture group {max(references(template))}, and there are "
            f"{len(captures)}"
        ) from None


class _Translation:
    """A pattern on its way to a regular expression."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0

    def run(self) -> str:
        made = self._until("")
        if self._at < len(self._pattern):
            raise self._wrong(f"{self._pattern[self._at]!r} closes nothing")
        return made

    def _until(self, ends: str) -> str:
        """Translate up to one of the characters in `ends`, which is left where it is."""
        made: list[str] = []
        while self._at < len(self._pattern):
            char = self._pattern[self._at]
            if char in ends or char in ")}":
                break
            made.append(self._piece(char))
        return "".join(made)

    def _piece(self, char: str) -> str:
        following = self._pattern[self._at + 1 : self._at + 2]
        if following == "(" and char == "!":
            raise self._wrong("!(...) is not supported; name what is wanted instead")
        if following == "(" and char in _REPEATS:
            self._at += 1
            return f"((?:{self._alternatives('(', ')', '|')}){_REPEATS[char]})"
        if char == "(":
            return f"({self._alternatives('(', ')', '|')})"
        if char == "{":
            return f"(?:{self._alternatives('{', '}', ',')})"
        if char == "[":
            return self._class()
        self._at += 1
        if char == "\\":
            if not following:
                raise self._wrong("a backslash stands at its end")
            self._at += 1
            return re.escape(following)
        if char == "*" and following == "*":
            self._at += 1
            return ".*"
        return {"*": "[^/]*", "?": "[^/]"}.get(char, re.escape(char))

    def _alternatives(self, opening: str, closing: str, separator: str) -> str:
        start = self._at
        self._at += 1
        made = []
        while True:
            made.append(self._until(separator))
            end = self._pattern[self._at : self._at + 1]
            self._at += 1
            if end == closing:
                return "|".join(made)
            if end != separator:
                self._at = start
                raise self._wrong(f"{opening!r} is never closed")

    def _class(self) -> str:
        start = self._at
        negated = self._pattern[start + 1 : start + 2] in ("!", "^")
        first = start + 1 + negated
        end = self._pattern.find("]", first + 1)
        members = self._pattern[first:end]
        if end < 0 or "/" in members:
            raise self._wrong("'[' is never closed")
        self._at = end + 1
        escaped = members.replace("\\", r"\\").replace("[", r"\[").replace("^", r"\^")
        try:
            re.compile(f"[{escaped}]")
        except re.error as error:
            raise self._wrong(f"[{members}] is no class of characters ({error})") from error
        return f"(?!/)[{'^' if negated else ''}{escaped}]"

    def _wrong(self, what: str) -> ConfigError:
        return ConfigError(f"glob {self._pattern!r}, character {self._at + 1}: {what}")
