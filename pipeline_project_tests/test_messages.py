"""What messages and documents advise can be done."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from pipeline_project.cli import app

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = set(typer.main.get_command(app).commands)
# In backticks, after a prompt, or alone on an indented line as in the examples of `--help`.
ADVICE = re.compile(r"(?:`|\$ |^ +)pipeline ([a-z][a-z-]*)", re.MULTILINE)


def texts(path: Path) -> Iterator[str]:
    """The strings of a module, pieces joined as the program joins them, or a whole document."""
    if path.suffix != ".py":
        yield path.read_text()
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            pieces = [part.value for part in node.values if isinstance(part, ast.Constant)]
            yield "".join(map(str, pieces))


def advised(path: Path) -> set[str]:
    return {name for text in texts(path) for name in ADVICE.findall(text)}


SOURCES = [
    path
    for path in [*(ROOT / "pipeline_project").rglob("*.py"), *ROOT.glob("*.md")]
    if advised(path)
]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_that_is_advised_exists(path):
    assert advised(path) <= COMMANDS


def test_advice_is_found_at_all():
    assert set().union(*map(advised, SOURCES)) == COMMANDS
