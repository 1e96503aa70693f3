"""Which code each stage runs, hashed, so that no change of it goes without a new version.

    python -m pipeline_project.making.stage_code --accept
    python -m pipeline_project.making.stage_code --accept --same-results sample

A stage's version (`worker/stages.py`) is written by hand, since only people know whether a change
gives other results. This module makes sure that they are asked. It follows a stage's entry points
(`ENTRIES`) through all definitions that they use, in their own module and in the rooms of
`FOLLOWED`, and hashes the syntax trees of those definitions without comments, docstrings,
positions and annotations of functions. The hashes are kept beside the stages, in
`worker/stage_code.json`; a test compares. So a comment, a new blank line or a new function that no
stage uses change nothing; a constant three calls away does.

Not seen: what other libraries do, and the models, whose bytes are part of the datum key anyway.
"""

import argparse
import ast
import copy
import hashlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline_project.errors import ConfigError
from pipeline_project.worker.stages import VERSIONS

PACKAGE = Path(__file__).resolve().parents[1]
KEPT = PACKAGE / "worker" / "stage_code.json"
COMMAND = "python -m pipeline_project.making.stage_code --accept"

_OWN = "pipeline_project"
FOLLOWED = tuple(
    f"{_OWN}.{room}"
    for room in ("core", "adapters.media", "adapters.measuring", "adapters.embedder", "worker")
)
# Where each stage begins: `module:name`, below the package.
ENTRIES: Mapping[str, tuple[str, ...]] = {
    "probe": ("adapters.media.reader:LocalMediaReader",),
    "sample": (
        "adapters.media.reader:LocalMediaReader",
        "worker.frames:_frame_row",
        "worker.frames:_thumbnail",
    ),
    "score": (
        "adapters.measuring.processor:ProcessorMeasurer",
        "adapters.measuring.torch_measurer:TorchMeasurer",
    ),
    "classify": ("core.quality.classifier:classifier",),
    "embed": (
        "adapters.embedder.onnx:OnnxEmbedder",
        "adapters.embedder.lite0:Lite0Embedder",
        "adapters.embedder.torch_model:TorchEmbedder",
    ),
    "deduplicate": ("core.selection.near_duplicates:find_duplicates",),
    "select": ("worker.candidates:judge", "worker.selecting:pick"),
    "write": ("worker.writing:encode_jpeg", "worker.writing:file_name"),
}


@dataclass(slots=True)
class _Module:
    """One module's top-level names: their definitions, and what it imports."""

    defined: dict[str, list[ast.stmt]] = field(default_factory=dict)
    imported: dict[str, tuple[str, str]] = field(default_factory=dict)  # name -> module, name


class Code:
    """Reads the definitions of a package.

    Args:
        folder: the package's own.
        name: the package's.
        followed: beginnings of the modules whose definitions count.
    """

    def __init__(
        self, folder: Path = PACKAGE, name: str = _OWN, followed: Sequence[str] = FOLLOWED
    ) -> None:
        self._folder = folder
        self._name = name
        self._followed = tuple(followed)
        self._modules: dict[str, _Module | None] = {}

    def hash_of(self, entries: Sequence[str]) -> str:
        """Hash everything that these entry points (`module:name`) use.

        Raises:
            ConfigError: an entry point is not there.
        """
        found: dict[tuple[str, str], str] = {}
        todo = []
        for entry in entries:
            module, _, name = entry.partition(":")
            if not self._has(f"{self._name}.{module}", name):
                raise ConfigError(
                    f"Hashing a stage's code: {module} defines no {name}. Mend ENTRIES."
                )
            todo.append((f"{self._name}.{module}", name))
        while todo:
            at = todo.pop()
            if at in found:
                continue
            statements = self._module(at[0]).defined[at[1]]  # type: ignore[union-attr]  # was found
            found[at] = "\n".join(_text(_bare(each)) for each in statements)
            todo += self._used(at[0], statements)
        lines = (f"{module}:{name}\n{code}" for (module, name), code in sorted(found.items()))
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def _used(self, module: str, statements: Sequence[ast.stmt]) -> Iterator[tuple[str, str]]:
        """The definitions that these statements name."""
        local = _imports(statements, module)  # inside functions
        for statement in statements:
            for node in ast.walk(_bare(statement)):
                if isinstance(node, ast.Name):
                    yield from self._resolved(module, node.id, local)
                elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                    yield from self._of_module(module, node.value.id, node.attr, local)

    def _resolved(
        self, module: str, name: str, local: Mapping[str, tuple[str, str]]
    ) -> Iterator[tuple[str, str]]:
        here = self._module(module)
        if here is None:
            return
        if name in here.defined:
            yield module, name
        elif (there := local.get(name) or here.imported.get(name)) and self._has(*there):
            yield from self._resolved(*there, {})

    def _of_module(
        self, module: str, name: str, attribute: str, local: Mapping[str, tuple[str, str]]
    ) -> Iterator[tuple[str, str]]:
        """`name.attribute`, where the name is one of our modules."""
        here = self._module(module)
        origin = local.get(name) or (here.imported.get(name) if here else None)
        if origin is not None and self._has(".".join(each for each in origin if each), attribute):
            yield from self._resolved(".".join(each for each in origin if each), attribute, {})

    def _has(self, module: str, name: str) -> bool:
        there = self._module(module)
        return there is not None and (name in there.defined or name in there.imported)

    def _module(self, name: str) -> _Module | None:
        if name not in self._modules:
            self._modules[name] = self._read(name)
        return self._modules[name]

    def _read(self, name: str) -> _Module | None:
        if not name.startswith(self._followed):
            return None
        below = self._folder.joinpath(*name.split(".")[1:])
        path = below / "__init__.py" if below.is_dir() else below.with_suffix(".py")
        if not path.is_file():
            return None
        module = _Module()
        for statement in ast.parse(path.read_text("utf-8")).body:
            imported = _imports([statement], name)
            module.imported |= imported
            for bound in _bound(statement) - set(imported):
                module.defined.setdefault(bound, []).append(statement)
        return module


def _imports(statements: Sequence[ast.stmt], module: str) -> dict[str, tuple[str, str]]:
    """Name -> where it comes from; the name is empty for a whole module."""
    found: dict[str, tuple[str, str]] = {}
    for statement in statements:
        for node in ast.walk(statement):
            if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                for each in node.names:
                    found[each.asname or each.name] = (node.module, each.name)
            elif isinstance(node, ast.Import):
                for each in node.names:
                    found[each.asname or each.name] = (each.name, "")
    return found


def _bound(statement: ast.stmt) -> set[str]:
    """The names that a top-level statement gives a meaning."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    names = {
        node.id
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    nested = (ast.FunctionDef, ast.ClassDef)
    return names | {node.name for node in ast.walk(statement) if isinstance(node, nested)}


def _bare(statement: ast.stmt) -> ast.stmt:
    """A statement without docstrings and annotations of functions."""
    bare = copy.deepcopy(statement)
    for node in ast.walk(bare):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
            arguments = node.args
            every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
            for each in [*every, arguments.vararg, arguments.kwarg]:
                if each is not None:
                    each.annotation = None
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if ast.get_docstring(node, clean=False) is not None:
                node.body = node.body[1:] or [ast.Pass()]
    return bare


def _text(node: object) -> str:
    """A syntax tree as text that is the same in all Python versions, which `ast.dump` is not."""
    if isinstance(node, list):
        return f"[{', '.join(_text(each) for each in node)}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = ((name, getattr(node, name, None)) for name in node._fields)
    told = (f"{name}={_text(value)}" for name, value in fields if value not in (None, []))
    return f"{type(node).__name__}({', '.join(told)})"


def current(code: Code | None = None) -> dict[str, dict[str, str]]:
    """Version and hash of each stage's code, as they are now."""
    code = code or Code()
    return {
        stage: {"version": VERSIONS[stage], "code": code.hash_of(entries)}
        for stage, entries in ENTRIES.items()
    }


def problems(kept: Mapping[str, Mapping[str, str]], now: Mapping[str, Mapping[str, str]]) -> str:
    """Say what is wrong with versions and code; empty where nothing is."""
    lines = []
    for stage, each in now.items():
        before = kept.get(stage, {"version": "", "code": ""})
        if each == before:
            continue
        if each["version"] == before["version"]:
            lines.append(
                f"The code of stage {stage} changed and its version, {each['version']}, did not. "
                "Where it can give other results, raise the version in VERSIONS "
                f"(pipeline_project/worker/stages.py says where it stands) and run `{COMMAND}`; "
                f"where it cannot, run `{COMMAND} --same-results {stage}`."
            )
        else:
            lines.append(
                f"Stage {stage} went from version {before['version']} to {each['version']}: "
                f"run `{COMMAND}` and commit {KEPT.name}."
            )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, or accept; exit code 0 where all is well."""
    parser = argparse.ArgumentParser(description="Versions of the stages and their code.")
    parser.add_argument("--accept", action="store_true", help="keep the hashes of raised versions")
    parser.add_argument(
        "--same-results", nargs="*", default=[], metavar="STAGE", help="changed, results are not"
    )
    options = parser.parse_args(arguments)
    kept = json.loads(KEPT.read_text("utf-8")) if KEPT.is_file() else {}
    now = current()
    if options.accept:
        for stage, each in now.items():
            raised = each["version"] != kept.get(stage, {}).get("version")
            if raised or stage in options.same_results:
                kept[stage] = each
        KEPT.write_text(json.dumps({stage: kept[stage] for stage in now}, indent=1) + "\n", "utf-8")
    wrong = problems(kept, now)
    print(wrong or "Every stage's code is that of its version.", file=sys.stderr)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
