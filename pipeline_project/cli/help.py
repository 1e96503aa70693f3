"""How a command's docstring becomes its help."""

import inspect
from collections.abc import Callable
from typing import Any

_AS_IT_IS = "\b"  # typer rewraps every paragraph but those that begin with this character


def help_of(command: Callable[..., Any]) -> str:
    """Give a command's docstring, with the lines of its examples left as they are."""
    text = inspect.getdoc(command) or ""
    return text.replace("\nExamples:\n", f"\n{_AS_IT_IS}\nExamples:\n")
