import json

import pytest

from pipeline_project.core.metadata.lightly_json import file_json, frame_json
from pipeline_project.core.metadata.lightly_metadata import (
    parse_metadata_file,
    parse_metadata_schema,
)
from pipeline_project.errors import ConfigError


def entry(name="Weather", path="weather.kind", default="none", data_type="CATEGORICAL_STRING"):
    return {"name": name, "path": path, "defaultValue": default, "valueDataType": data_type}


FIELDS = [
    entry(),
    entry("Temperature", "weather.celsius", 0.0, "NUMERIC_FLOAT"),
    entry("Vehicle", "vehicle_id", 0, "CATEGORICAL_INT"),
    entry("Night", "night", False, "CATEGORICAL_BOOLEAN"),
    entry("Pressure", "pressure", 1, "NUMERICAL_INT"),
]


def schema(entries):
    return parse_metadata_schema(json.dumps(entries).encode(), "schema.json")


def values(metadata, fields=FIELDS):
    given = {"file_name": "a.png", "type": "image", "metadata": metadata}
    return parse_metadata_file(json.dumps(given).encode(), "a.json", schema(fields))


def test_values_are_found_along_their_paths_and_typed():
    found = values({"weather": {"kind": "sun", "celsius": 3}, "vehicle_id": 7, "night": True})
    assert found == {"Weather": "sun", "Temperature": 3.0, "Vehicle": "7", "Night": True}
    assert [field.kind for field in schema(FIELDS)] == ["text", "number", "text", "flag", "number"]
    assert [field.default for field in schema(FIELDS)] == ["none", 0.0, "0", False, 1.0]


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"weather": {"kind": 3}}, "metadata.weather.kind: 3 is no CATEGORICAL_STRING"),
        ({"weather": {"celsius": "warm"}}, '"warm" is no NUMERIC_FLOAT'),
        ({"weather": {"celsius": True}}, "true is no NUMERIC_FLOAT"),
        ({"pressure": 1.5}, "1.5 is no NUMERICAL_INT"),
        ({"night": "yes"}, '"yes" is no CATEGORICAL_BOOLEAN'),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_by_its_path(metadata, said):
    with pytest.raises(ConfigError, match=r"a\.json") as error:
        values(metadata)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"name": "Weather"}, "expected a list"),
        ([{"name": "Weather"}], "entry 1: expected an object with name, path"),
        ([entry(data_type="FLOAT")], "allowed: NUMERIC_INT"),
        ([entry(default=3)], "defaultValue: 3 is no CATEGORICAL_STRING"),
        ([entry(), entry()], "entry 2: 'Weather' is the name of an entry before it"),
        ([entry(path="")], "name and path must be text"),
    ],
)
def test_a_malformed_schema_is_refused_by_its_entry(entries, said):
    with pytest.raises(ConfigError, match=r"schema\.json") as error:
        schema(entries)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"{", "not valid JSON"),
        (b"[]", "expected an object"),
        (b'{"metadata": {}}', "'file_name', 'type' is missing"),
        (b'{"file_name": "a", "type": "image", "metadata": 3}', "metadata must be an object"),
        (b'{"file_name": "a", "type": "image", "metadata": {"pressure": NaN}}', "NaN"),
    ],
)
def test_a_malformed_file_is_refused(data, said):
    with pytest.raises(ConfigError, match=r"a\.json") as error:
        parse_metadata_file(data, "a.json", schema(FIELDS))
    assert said in str(error.value)


def test_files_are_named_as_lightly_names_them():
    assert file_json("sub/my_video.mp4") == "sub/my_video.json"
    assert frame_json("sub/my_video.mp4", 99, 200) == "sub/my_video-099-mp4.json"
    assert frame_json("my_video.mp4", 99, 1000) == "my_video-0099-mp4.json"
