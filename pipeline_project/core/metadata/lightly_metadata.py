"""Custom metadata in Lightly's folder format, `.lightly/metadata`."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline_project.core.metadata.lightly_json import load_json, load_object, shown
from pipeline_project.core.metadata.values import Kind, Value
from pipeline_project.errors import ConfigError

# Lightly's documentation writes NUMERIC_, its client also NUMERICAL_.
_TYPES: dict[str, tuple[Kind, type | tuple[type, ...]]] = {
    "NUMERIC_INT": ("number", int),
    "NUMERIC_FLOAT": ("number", (int, float)),
    "NUMERICAL_INT": ("number", int),
    "NUMERICAL_FLOAT": ("number", (int, float)),
    "CATEGORICAL_INT": ("text", int),
    "CATEGORICAL_STRING": ("text", str),
    "CATEGORICAL_BOOLEAN": ("flag", bool),
}
_KEYS = ("name", "path", "defaultValue", "valueDataType")


@dataclass(frozen=True, slots=True)
class MetadataField:
    """One entry of a metadata schema.

    Attributes:
        name: the key that strategies use.
        path: keys that lead to the value, outermost first.
        data_type: Lightly's name of the type.
        default: of files and frames that say nothing.
    """

    name: str
    path: tuple[str, ...]
    data_type: str
    default: Value

    @property
    def kind(self) -> Kind:
        """What its values are."""
        return _TYPES[self.data_type][0]


def parse_metadata_schema(data: bytes, origin: str) -> list[MetadataField]:
    """Read `schema.json`: a list of `name`, `path`, `defaultValue`, `valueDataType`.

    Raises:
        ConfigError: names the entry, what was seen, and what is allowed.
    """
    entries = load_json(data, origin)
    if not isinstance(entries, list):
        raise ConfigError(f"Reading {origin}: expected a list of entries; saw {shown(entries)}.")
    fields: dict[str, MetadataField] = {}
    for number, entry in enumerate(entries, start=1):
        where = f"{origin}, entry {number}"
        if not isinstance(entry, dict) or not all(key in entry for key in _KEYS):
            raise ConfigError(
                f"Reading {where}: expected an object with {', '.join(_KEYS)}; saw {shown(entry)}."
            )
        name, path, default, data_type = (entry[key] for key in _KEYS)
        if not (isinstance(name, str) and name and isinstance(path, str) and path):
            raise ConfigError(
                f"Reading {where}: name and path must be text; saw {shown(name)}, {shown(path)}."
            )
        if data_type not in _TYPES:
            raise ConfigError(
                f"Reading {where}: valueDataType {shown(data_type)} is unknown; allowed: "
                f"{', '.join(_TYPES)}."
            )
        if name in fields:
            raise ConfigError(f"Reading {where}: {name!r} is the name of an entry before it.")
        checked = _value(default, data_type, f"{where}, defaultValue")
        fields[name] = MetadataField(name, tuple(path.split(".")), data_type, checked)
    return list(fields.values())


def parse_metadata_file(
    data: bytes, origin: str, fields: Sequence[MetadataField]
) -> dict[str, Value]:
    """Read what one file says of a picture, video or frame.

    Returns:
        Name -> value, of the fields that it names.

    Raises:
        ConfigError: not such a file, or a value is not of the schema's type.
    """
    metadata = load_object(data, origin, "file_name", "type", "metadata")["metadata"]
    if not isinstance(metadata, dict):
        raise ConfigError(f"Reading {origin}: metadata must be an object; saw {shown(metadata)}.")
    found: dict[str, Value] = {}
    for field in fields:
        value: object = metadata
        for key in field.path:
            value = value.get(key) if isinstance(value, dict) else None
        if value is not None:
            where = f"{origin}, metadata.{'.'.join(field.path)}"
            found[field.name] = _value(value, field.data_type, where)
    return found


def _value(value: object, data_type: str, where: str) -> Value:
    kind, expected = _TYPES[data_type]
    if value is None:
        return None
    if not isinstance(value, expected) or (isinstance(value, bool) and kind != "flag"):
        raise ConfigError(
            f"Reading {where}: {shown(value)} is no {data_type}. Mend the value, or the "
            "valueDataType in schema.json."
        )
    if kind == "number":
        return float(value)  # type: ignore[arg-type]  # checked above
    return value if kind == "flag" else str(value)  # type: ignore[return-value]  # checked above
