"""`pipeline init`: a commented `pipeline.yaml`, made from the settings' own descriptions."""

import json
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline_project.cli.console import say, shown
from pipeline_project.errors import ConfigError, PipelineError

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

_WIDTH = 96
_EXAMPLE = """
For example:
{n_samples: 200, strategies: [{input: {type: EMBEDDINGS}, strategy: {type: DIVERSITY}}]}
"""


def init(
    force: Annotated[
        bool, typer.Option("--force", help="Replace a pipeline.yaml that is already there.")
    ] = False,
) -> None:
    """Write pipeline.yaml, with every setting explained and at its default.

    Commands read it from the folder that they are started in. Environment variables and flags
    are stronger than the file.

    Examples:
      pipeline init
      pipeline init --force
    """
    from pipeline_project.settings import CONFIG_FILE

    path = Path(CONFIG_FILE)
    text = commented_settings()
    try:
        if force:
            part = path.with_name(f".{path.name}.part")
            part.write_text(text, encoding="utf-8")
            part.replace(path)
        else:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
    except FileExistsError:
        raise ConfigError(
            f"Writing {path}: it is there already and stays as it is. "
            "`pipeline init --force` replaces it."
        ) from None
    except OSError as error:
        raise PipelineError(
            f"Writing {path.absolute()}: {error.strerror}. "
            "Go to a folder that you may write to, or free space, and run again."
        ) from error
    say(f"Wrote {shown(path.absolute())}: every setting, explained, at its default.")


def commented_settings() -> str:
    """Give the text of a `pipeline.yaml` that loads to the defaults."""
    from pipeline_project.settings import Settings

    secrets, fields = [], {}
    for name, field in Settings.model_fields.items():
        # A field that goes by the name of an environment variable never stands in the file.
        if isinstance(field.validation_alias, str):
            secrets.append(f"{field.validation_alias}: {field.description}")
        else:
            fields[name] = field
    head = _comment(
        "Settings of pipeline_project, all at their defaults; leave out what you do not change. "
        "Stronger than this file are environment variables (PIPELINE_SAMPLING__MODE=fps: two "
        "underscores between a section and its field), and stronger still are flags. "
        "Only from the environment, never from this file:"
    ) + "".join(f"#   {line}\n" for line in secrets)
    single = {name: field for name, field in fields.items() if not _is_section(field)}
    parts = [head, *_lines(single, Settings.model_json_schema()["properties"], "")]
    for name, field in fields.items():
        if _is_section(field):
            parts.append(_section(name, field.get_default(call_default_factory=True)))
    return "\n".join(parts)


def _section(name: str, section: "BaseModel") -> str:
    summary = (type(section).__doc__ or "").partition("\n")[0]
    schema = type(section).model_json_schema()["properties"]
    body = "".join(_lines(type(section).model_fields, schema, "  "))
    return f"{_comment(summary)}{name}:\n{body}"


def _lines(fields: "dict[str, FieldInfo]", schema: dict[str, Any], indent: str) -> list[str]:
    lines = []
    for name, field in fields.items():
        about = " ".join(part for part in (field.description, _allowed(schema[name])) if part)
        value = field.get_default(call_default_factory=True)
        # JSON is YAML, and never changes a word such as `on` or `no` into a boolean.
        plain = json.dumps(str(value) if isinstance(value, Path) else value)
        example = _EXAMPLE if name == "selection" else ""
        lines.append(f"{_comment(about + example, indent)}{indent}{_key(name)}: {plain}\n")
    return lines


def _key(name: str) -> str:
    """`on` is a word that YAML 1.1 takes as true unless it is quoted."""
    return f'"{name}"' if name in ("on", "off", "yes", "no") else name


def _allowed(schema: dict[str, Any]) -> str:
    """Say in words which values the schema takes, where it limits them."""
    if "enum" in schema:
        return f"Allowed: {', '.join(schema['enum'])}."
    bounds = [
        f"{word} {schema[key]}"
        for key, word in (
            ("minimum", "at least"),
            ("exclusiveMinimum", "above"),
            ("maximum", "at most"),
        )
        if key in schema
    ]
    return f"Allowed: {', '.join(bounds)}." if bounds else ""


def _is_section(field: "FieldInfo") -> bool:
    from pydantic import BaseModel

    return isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)


def _comment(text: str, indent: str = "") -> str:
    prefix = f"{indent}# "
    wrapped: list[str] = []
    for paragraph in text.splitlines():
        wrapped += textwrap.wrap(
            paragraph, _WIDTH, initial_indent=prefix, subsequent_indent=prefix,
            break_on_hyphens=False, break_long_words=False,
        )  # fmt: skip
    return "".join(f"{line}\n" for line in wrapped)
