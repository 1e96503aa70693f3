"""YAML that remembers on which line everything stands."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import yaml

from pipeline_project.errors import ConfigError

Place = tuple[str | int, ...]
_BOOLEAN = "tag:yaml.org,2002:bool"


class _Loader(yaml.SafeLoader):
    """YAML whose only booleans are true and false, as in YAML 1.2, and as in `pipeline.yaml`."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _BOOLEAN]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_Loader.add_implicit_resolver(
    _BOOLEAN, re.compile("true|True|TRUE|false|False|FALSE"), list("tTfF")
)


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML file.

    Attributes:
        name: of the file, as errors show it.
        data: what it holds.
        lines: the line, from 1, of every key and list entry, by its place in the data.
    """

    name: str
    data: object
    lines: Mapping[Place, int] = field(repr=False)

    def line(self, place: Sequence[str | int]) -> int:
        """The line of this place, or of the nearest that holds it."""
        at = tuple(place)
        while at and at not in self.lines:
            at = at[:-1]
        return self.lines.get(at, 1)

    def where(self, place: Sequence[str | int]) -> str:
        """The file and line of a place, `pipeline.yaml:12`."""
        return f"{self.name}:{self.line(place)}"


def read_document(text: str, name: str) -> Document:
    """Read YAML.

    Raises:
        ConfigError: it is no YAML, or a key stands twice in one place; says on which line.
    """
    loader = _Loader(text)
    lines: dict[Place, int] = {(): 1}
    try:
        node = loader.get_single_node()
        if node is None:
            return Document(name, None, lines)
        _note(node, (), lines, name)
        return Document(name, loader.construct_document(node), lines)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problem = " ".join(part for part in (error.context, error.problem) if part)
        raise ConfigError(f"{name}:{line}: this is no YAML: {problem}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{name}:1: this is no YAML: {error}") from error
    finally:
        loader.dispose()


def _note(node: yaml.Node, place: Place, lines: dict[Place, int], name: str) -> None:
    if isinstance(node, yaml.SequenceNode):
        for number, each in enumerate(node.value):
            lines[(*place, number)] = each.start_mark.line + 1
            _note(each, (*place, number), lines, name)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            at = (*place, str(key.value))
            line = key.start_mark.line + 1
            if at in lines:
                raise ConfigError(
                    f"{name}:{line}: {key.value!r} stands here a second time, first on line "
                    f"{lines[at]}; each key may stand once"
                )
            lines[at] = line
            _note(value, at, lines, name)
