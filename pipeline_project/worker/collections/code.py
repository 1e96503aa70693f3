"""The version of a step: what changes when its code gives other results, and only then.

- `measure`, `merge` and `classify` have versions in this project, raised by hand and kept by its
  tests; a classifier also has the hash of its parameters.
- `call`: the hash of the function's module and of all modules that it imports from the same
  package or from the YAML file's folder, and those they import. Comments, docstrings, blank lines
  and formatting do not count. What else it imports, a library say, is not looked at.
- `command`: the hash of every file beside the YAML file that the command names; Python files as
  above. The program itself, if it is not beside the YAML file, is not looked at.

A `version` in the YAML replaces what is derived.
"""

import ast
import hashlib
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import PathFinder
from pathlib import Path

from pipeline_project.core.collections.definition import Step
from pipeline_project.errors import ConfigError
from pipeline_project.worker.collections.transforms import MEASURE_VERSION, MERGE_VERSION


def step_version(step: Step, folder: Path) -> tuple[str, str]:
    """Give a step's version, and the hash of its model, "" where it has none.

    Args:
        step: of the pipeline.
        folder: of the YAML file.

    Raises:
        ConfigError: the function, script or model is not there; says file and line of the step.
    """
    try:
        version, model = _derived(step, folder)
    except ConfigError as error:
        raise ConfigError(f"{step.where}: step {step.name}: {error}") from error
    return (f"set by hand: {step.version}" if step.version is not None else version), model


def classifier_place(value: str, folder: Path) -> str:
    """A built-in classifier's name, or a model's path, beside the YAML file unless absolute."""
    from pipeline_project.core.quality.classifier import BUILT_IN

    return value if value in BUILT_IN else str(folder / Path(value).expanduser())


def _derived(step: Step, folder: Path) -> tuple[str, str]:
    value = step.value
    if step.kind == "measure":
        from pipeline_project.core.quality.registry import QUALITY_VERSION

        return f"{MEASURE_VERSION}/{QUALITY_VERSION}", ""
    if step.kind == "classify":
        from pipeline_project.adapters.quality_model import load_classifier
        from pipeline_project.core.quality.classifier import CLASSIFIER_VERSION

        model = load_classifier(classifier_place(str(value), folder))
        return f"{MERGE_VERSION}/{CLASSIFIER_VERSION}", model.sha256
    if step.kind == "call":
        return function_version(str(value), folder), ""
    if step.kind == "command" and isinstance(value, tuple):
        return _command_version(value, folder), ""
    return MERGE_VERSION, ""


def function_version(function: str, folder: Path) -> str:
    """Hash the code that `module:function` stands for.

    Raises:
        ConfigError: there is no such module or function, or it is no Python.
    """
    module, _, name = function.partition(":")
    found = _source(module, folder)
    if found is None:
        raise ConfigError(
            f"there is no module {module!r}, neither beside the YAML file ({folder}) nor installed"
        )
    if name not in _names(_tree(found)):
        raise ConfigError(f"module {module!r} ({found}) has no function {name!r}")
    parts = {module: _meaning(found)}
    waiting = [(module, found)]
    while waiting:
        for each in _imports(*waiting.pop()):
            other = None if each in parts else _source(each, folder)
            if other is not None and _is_own(each, other, module, folder):
                parts[each] = _meaning(other)
                waiting.append((each, other))
    listed = "\n".join(f"{each} {parts[each]}" for each in sorted(parts))
    return hashlib.sha256(listed.encode("utf-8")).hexdigest()


def _command_version(words: Sequence[str], folder: Path) -> str:
    parts = []
    for word in words:
        path = folder / word
        if "{" not in word and path.is_file():
            python = path.suffix == ".py"
            content = _meaning(path) if python else hashlib.sha256(path.read_bytes()).hexdigest()
            parts.append(f"{word} {content}")
    return hashlib.sha256("\n".join(parts).encode("utf-8", "backslashreplace")).hexdigest()


def _source(module: str, folder: Path) -> Path | None:
    """The source file of a module, found without running any of it; None for anything else."""
    places: Sequence[str] | None = [str(folder), *sys.path]
    spec = None
    for end in range(1, module.count(".") + 2):
        if places is None:
            return None
        spec = PathFinder.find_spec(".".join(module.split(".")[:end]), places)
        if spec is None:
            return None
        places = spec.submodule_search_locations
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    return Path(spec.origin)


def _is_own(module: str, path: Path, first: str, folder: Path) -> bool:
    same_package = "." in first and module.split(".")[0] == first.split(".")[0]
    return same_package or path.is_relative_to(folder)


def _tree(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read as Python: {error}") from error


def _names(tree: ast.Module) -> set[str]:
    """What a module holds by name after it ran, as far as its text shows."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(each.asname or each.name).split(".")[0] for each in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found


def _imports(module: str, path: Path) -> Iterator[str]:
    """Names of all modules that a module imports anywhere, and of what may be modules."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join(
                [*(above if node.level else []), *([node.module] if node.module else [])]
            )
            if base:
                yield base
                yield from (f"{base}.{each.name}" for each in node.names)


def _meaning(path: Path) -> str:
    """Hash what a Python file does: not its comments, docstrings, blank lines and formatting."""
    tree = _tree(path)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                if isinstance(first.value.value, str):
                    node.body = node.body[1:] or [ast.Pass()]
    return hashlib.sha256(ast.unparse(tree).encode("utf-8", "backslashreplace")).hexdigest()
