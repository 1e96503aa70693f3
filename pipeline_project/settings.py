"""The only reader of the environment and of `pipeline.yaml`.

Stronger first: command-line flags, environment variables (`PIPELINE_SAMPLING__MODE=fps`, two
underscores between a section and its field), `pipeline.yaml`, defaults. Secrets come from the
environment alone and are never written anywhere.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from pipeline_project.core.config import CurationConfig
from pipeline_project.errors import ConfigError

CONFIG_FILE = "pipeline.yaml"


class Settings(CurationConfig, BaseSettings):
    """The curation's configuration, and where and how this machine runs it."""

    model_config = SettingsConfigDict(
        env_prefix="PIPELINE_", env_nested_delimiter="__", extra="forbid", validate_assignment=True
    )

    on: Literal["local", "aws"] = Field("local", description="Where the work is done.")
    home: Path = Field(Path(".pipeline"), description="State of this installation.")
    pexels_api_key: SecretStr | None = Field(
        None, validation_alias="PEXELS_API_KEY", description="Key for `pexels:` sources."
    )
    dagster_home: Path | None = Field(
        None, validation_alias="DAGSTER_HOME", description="Dagster's own state."
    )

    def curation(self) -> CurationConfig:
        """The part that decides the result; the same model that runs are given."""
        return CurationConfig.model_validate(
            self.model_dump(include=set(CurationConfig.model_fields))
        )

    @property
    def home_path(self) -> Path:
        """The home as an absolute path."""
        return self.home.expanduser().absolute()

    @property
    def dagster_home_path(self) -> Path:
        """Dagster's state: inside the home unless `DAGSTER_HOME` says otherwise."""
        return self.dagster_home or self.home_path / "dagster"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags before environment before file."""
        given = dict(init_settings())
        file = InitSettingsSource(settings_cls, given.pop("from_file", {}))
        return InitSettingsSource(settings_cls, given), env_settings, file


def load_settings(
    config_file: Path | None = None, flags: Mapping[str, Any] | None = None
) -> Settings:
    """Read the configuration of this folder and environment.

    Args:
        config_file: a YAML file; None means `pipeline.yaml` in the current folder, if there.
        flags: values that override everything else, nested as in the file.

    Raises:
        ConfigError: names the file, the field, the value seen and what is allowed.
    """
    path = config_file
    if path is None and Path(CONFIG_FILE).is_file():
        path = Path(CONFIG_FILE)
    from_file = _read_yaml(path) if path is not None else {}
    origin = f"{path}, the environment (PIPELINE_*) or a flag" if path else "PIPELINE_* or a flag"
    try:
        return Settings(from_file=from_file, **dict(flags or {}))  # type: ignore[call-arg]  # popped by the sources
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, each['loc']))}: {each['msg']} (seen: {each['input']!r})"
            for each in error.errors()
        )
        raise ConfigError(
            f"Reading the settings from {origin}: {problems}. "
            "`pipeline init` writes a file with every setting explained."
        ) from None
    except SettingsError as error:
        raise ConfigError(f"Reading the settings from the environment: {error}.") from None


def use_dagster_home(settings: Settings) -> Path:
    """Point Dagster, and processes started from here, at its home; returns it."""
    home = settings.dagster_home_path
    os.environ["DAGSTER_HOME"] = str(home)
    return home


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"Reading {path}: {error.strerror}. `pipeline init` writes one."
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"Reading {path}: not valid YAML: {error}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(f"Reading {path}: expected settings by name, saw {content!r}.")
    return content
