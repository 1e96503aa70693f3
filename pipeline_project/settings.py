"""The only reader of the environment and of `pipeline.yaml`.

Stronger first: command-line flags, environment variables (`PIPELINE_SAMPLING__MODE=fps`, two
underscores between a section and its field), `pipeline.yaml`, defaults. Sections are merged field
by field; of the two ways to say how many frames to pick, the stronger source's counts alone.
Secrets come from the environment alone and are never written anywhere, not even in errors.
"""

import difflib
import os
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from pipeline_project.adapters.addresses import as_text, is_text, shown
from pipeline_project.core.checks_config import ChecksConfig
from pipeline_project.core.config import AwsConfig, CurationConfig
from pipeline_project.core.schedule_config import ScheduleConfig
from pipeline_project.core.trigger_config import TriggerConfig
from pipeline_project.errors import ConfigError

CONFIG_FILE = "pipeline.yaml"

_PREFIX = "PIPELINE_"
_SECRET = re.compile("key|token|secret|password", re.IGNORECASE)
_AMOUNTS = ("n_samples", "nSamples", "proportion_samples", "proportionSamples")
_ENVIRONMENT_ONLY = ("pexels_api_key", "lightly_token", "dagster_home")
_OTHER_PROGRAMS = ("PIPELINE_WORKSPACE",)  # Azure Pipelines sets it in every build
_NO_PATH = re.compile(r"pexels:|(?!file:)\w+://")  # sources that are named by words
_BOOLEAN = "tag:yaml.org,2002:bool"


class _Yaml(yaml.SafeLoader):
    """YAML whose only booleans are true and false, as in YAML 1.2: `on` is a setting of ours."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _BOOLEAN]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_Yaml.add_implicit_resolver(_BOOLEAN, re.compile("true|True|TRUE|false|False|FALSE"), list("tTfF"))


class Settings(CurationConfig, BaseSettings):
    """The curation's configuration, and where and how this machine runs it."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
        extra="forbid",
        validate_assignment=True,
    )

    on: Literal["local", "aws"] = Field(default="local", description="Where the work is done.")
    aws: AwsConfig = Field(default_factory=AwsConfig)
    schedule: ScheduleConfig = Field(default_factory=ScheduleConfig)
    checks: ChecksConfig = Field(default_factory=ChecksConfig)
    triggers: TriggerConfig = Field(default_factory=TriggerConfig)
    collections: list[str] = Field(
        default_factory=list,
        description="YAML files of pipelines over collections that Dagster shows and runs.",
    )
    home: Path = Field(default=Path(".pipeline"), description="State of this installation.")
    ui_url: str = Field(
        default="http://127.0.0.1:3000",
        pattern=r"^https?://\S+$",
        description="Address of Dagster's web UI, for the links to runs that are printed.",
    )
    pexels_api_key: SecretStr | None = Field(
        None, validation_alias="PEXELS_API_KEY", description="Key for `pexels:` sources."
    )
    lightly_token: SecretStr | None = Field(
        None, validation_alias="LIGHTLY_TOKEN", description="Token for `service: lightly`."
    )
    dagster_home: Path | None = Field(
        None, validation_alias="DAGSTER_HOME", description="Dagster's own state."
    )

    def curation(self) -> CurationConfig:
        """The part that decides the result; the same model that runs are given.

        What `source_access` leaves open is as `aws` says.
        """
        fields = self.model_dump(include=set(CurationConfig.model_fields))
        access = fields["source_access"]
        for name, value in (
            ("region", self.aws.region),
            ("profile", self.aws.profile),
            ("endpoint_url", self.aws.endpoints.get("s3")),
        ):
            access[name] = access[name] or value
        return CurationConfig.model_validate(fields)

    @property
    def home_path(self) -> Path:
        """The home as an absolute path.

        Raises:
            ConfigError: it is not UTF-8, which the lake's tables cannot be written to.
        """
        return _storable(self.home, "the home folder (--home, PIPELINE_HOME)")

    @property
    def dagster_home_path(self) -> Path:
        """Dagster's state, absolute: inside the home unless `DAGSTER_HOME` says otherwise.

        Raises:
            ConfigError: it is not UTF-8.
        """
        if self.dagster_home is None:
            return self.home_path / "dagster"
        return _storable(self.dagster_home, "Dagster's folder (DAGSTER_HOME)")

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
        flags = dict(init_settings())
        file = flags.pop("from_file", {})
        environment = env_settings()
        sources = _one_amount(flags, environment, file)
        return tuple(InitSettingsSource(settings_cls, source) for source in sources)


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
    _check_environment(os.environ)
    try:
        settings = Settings(from_file=from_file, **dict(flags or {}))  # type: ignore[call-arg]  # popped by the sources
    except ValidationError as error:
        problems = "; ".join(_problem(each) for each in error.errors())
        raise ConfigError(
            f"Reading the settings from {origin}: {problems}. "
            "`pipeline init` writes a file with every setting explained."
        ) from None
    except SettingsError as error:
        seen = getattr(error.__cause__, "doc", "")
        raise ConfigError(
            f"Reading the settings from the environment: {error} (seen: {seen!r}). Write lists "
            f"and sections as JSON, such as {_PREFIX}INCLUDE='[\"*.mp4\"]'."
        ) from None
    _demand_text(settings)
    return settings


def use_dagster_home(settings: Settings) -> Path:
    """Point Dagster, and processes started from here, at its home; returns it."""
    home = settings.dagster_home_path
    os.environ["DAGSTER_HOME"] = str(home)
    return home


def _demand_text(settings: Settings) -> None:
    """Make the settings writable as JSON and YAML, whatever bytes came from a command line.

    Paths become `file:///` addresses where they must; what is no path is refused.
    """
    settings.output.dir = as_text(settings.output.dir)
    source = settings.source
    if source is not None and not _NO_PATH.match(source):
        settings.source = as_text(source)
    for name, value in _strings("", settings.curation().model_dump()):
        if not is_text(value):
            raise ConfigError(
                f"Reading the settings: {name}: '{shown(value)}' is not text in UTF-8. Only paths "
                "may be other bytes; in a pattern, write ? for such a character."
            )


def _strings(name: str, value: object) -> Iterator[tuple[str, str]]:
    """Every string of a setting's value, under its setting's name."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _strings(f"{name}.{key}" if name else str(key), each)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(name, each)


def _storable(folder: Path, what: str) -> Path:
    """Give a folder's absolute path, which databases must be able to name."""
    path = folder.expanduser().absolute()
    if not is_text(str(path)):
        raise ConfigError(
            f"Using {shown(str(path))} as {what}: its path is not text in UTF-8, and the databases "
            "kept there cannot be opened by such a path. Name a folder whose path is UTF-8; the "
            "source and --out may have any."
        )
    return path


def _one_amount(*sources: dict[str, Any]) -> list[dict[str, Any]]:
    """Keep only the strongest source's word on how many to pick; sources come strongest first."""
    decided = False
    kept = []
    for source in sources:
        selection = source.get("selection")
        if isinstance(selection, Mapping):
            if decided:
                own = {name: value for name, value in selection.items() if name not in _AMOUNTS}
                source = {**source, "selection": own}
            decided = decided or any(selection.get(name) is not None for name in _AMOUNTS)
        kept.append(source)
    return kept


def _check_environment(environment: Mapping[str, str]) -> None:
    """Refuse every `PIPELINE_*` that is no setting: a typing slip must not pass silently."""
    known = _variables()
    for name, value in environment.items():
        variable = name.upper()
        if not (value and variable.startswith(_PREFIX)) or variable in _OTHER_PROGRAMS:
            continue
        section, separator, _ = variable.partition("__")
        # The fields of a known section are checked with its values; a plain setting has none.
        if section in known and (not separator or any(k.startswith(f"{section}__") for k in known)):
            continue
        own = {each.removeprefix(_PREFIX): each for each in known}
        near = difflib.get_close_matches(variable.removeprefix(_PREFIX), own, n=1)
        meant = f"did you mean {own[near[0]]}? " if near else ""
        allowed = ", ".join(each for each in known if "__" not in each)
        raise ConfigError(
            f"Reading the settings from the environment: {name}: there is no such setting; "
            f"{meant}allowed: {allowed}. If it is another program's, unset it for this one."
        )


def _variables() -> list[str]:
    """Every variable that is read as a setting; sections with each of their fields."""
    names = []
    for name, field in Settings.model_fields.items():
        if name in _ENVIRONMENT_ONLY:
            names.append(str(field.validation_alias))
            continue
        names.append(f"{_PREFIX}{name}".upper())
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            names += [f"{_PREFIX}{name}__{each}".upper() for each in kind.model_fields]
        elif name == "selection":  # keys of its own, `PIPELINE_SELECTION__N_SAMPLES`
            names += [f"{_PREFIX}{name}__{each}".upper() for each in _AMOUNTS]
    return names


def _problem(error: Mapping[str, Any]) -> str:
    """One wrong setting: its name, what is allowed, and, unless it may be secret, what was seen."""
    names = [str(part) for part in error["loc"]]
    field = ".".join(names) or "settings"
    if error["type"] == "extra_forbidden":
        section: Any = Settings
        for name in names[:-1]:
            section = section.model_fields[name].annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            return f"{field}: {_unknown(names[-1], section.model_fields)}"
    if _SECRET.search(field):
        return f"{field}: {error['msg']}"
    whole = isinstance(error["input"], dict | list)  # a whole section might hold anything
    seen = f"a {type(error['input']).__name__}" if whole else repr(error["input"])
    return f"{field}: {error['msg']} (seen: {seen})"


def _unknown(name: str, known: Collection[str]) -> str:
    allowed = [each for each in known if each not in _ENVIRONMENT_ONLY]
    near = difflib.get_close_matches(name, allowed, n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    return f"there is no such setting; {meant}allowed: {', '.join(allowed)}"


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Yaml)
    except OSError as error:
        raise ConfigError(
            f"Reading {path}: {error.strerror}. `pipeline init` writes one."
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        # Without the line itself: what stands there may be a secret in the wrong place.
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        what = getattr(error, "problem", None) or "the file is not text in UTF-8"
        raise ConfigError(f"Reading {path}: not valid YAML{where}: {what}.") from None
    if content is None:
        return {}
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        raise ConfigError(
            f"Reading {path}: expected lines such as `source: FOLDER`, settings by name; saw a "
            f"{type(content).__name__} with other contents. `pipeline init` writes one."
        )
    for name in content:
        if name.lower() in _ENVIRONMENT_ONLY:
            raise ConfigError(
                f"Reading {path}: {name} is taken from the environment alone. Take it out of the "
                f"file and set {name.upper()} instead."
            )
    return content
