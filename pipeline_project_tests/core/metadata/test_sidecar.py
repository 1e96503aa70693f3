import numpy as np
import pytest

from pipeline_project.core.metadata.sidecar import match_paths, read_csv
from pipeline_project.errors import ConfigError

LISTED = ["day/a.mp4", "day/b.mp4", "night/c.mp4"]


def table(text, listed=LISTED):
    return read_csv(text.encode(), "labels.csv", listed)


def column(found, key, **given):
    return found.column(key, LISTED, [0] * len(LISTED), **given).tolist()


def test_columns_are_numbers_text_or_flags_by_what_is_written():
    found, warnings = table(
        "file,speed,weather,indoor\nday/a.mp4,3.5,sun,true\nday/b.mp4, 4 ,rain,FALSE\n"
        'night/c.mp4,5e0,"sun, some rain",true\n'
    )
    assert warnings == []
    assert found.kinds == {"speed": "number", "weather": "text", "indoor": "flag"}
    assert column(found, "speed") == [3.5, 4.0, 5.0]
    assert column(found, "weather") == ["sun", "rain", "sun, some rain"]
    assert column(found, "indoor") == ["true", "false", "true"]


@pytest.mark.parametrize(
    "saved",
    [
        "file;Wetter\r\nday/a.mp4;Nässe\r\n".encode("utf-8-sig"),
        "file;Wetter\r\nday/a.mp4;Nässe\r\n".encode("cp1252"),
        "file\tWetter\r\nday/a.mp4\tNässe\r\n".encode("utf-16"),
        "sep=;\r\nfile;Wetter\r\nday/a.mp4;Nässe\r\n".encode(),
    ],
)
def test_tables_are_read_as_spreadsheets_save_them(saved):
    found, _ = read_csv(saved, "labels.csv", LISTED)
    assert column(found, "Wetter") == ["Nässe", None, None]


def test_empty_cells_and_files_without_a_row_are_missing():
    found, _ = table("file,speed,weather\nday/a.mp4,,sun\nday/b.mp4,2,\n")
    assert np.isnan(column(found, "speed")).tolist() == [True, False, True]
    assert column(found, "weather") == ["sun", None, None]


def test_numbers_read_as_classes_stay_as_they_are_written():
    found, _ = table("file,camera\nday/a.mp4,001\nday/b.mp4,02\n")
    assert column(found, "camera", as_text=True) == ["001", "02", None]


def test_rows_of_other_files_are_told_and_left_out():
    found, [warning] = table("file,speed\nday/a.mp4,1\nelsewhere.mp4,2\n")
    assert "1 rows" in warning and "elsewhere.mp4" in warning
    assert set(found.files) == {"day/a.mp4"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,speed\nday/a.mp4,1\n", "no column 'file' (seen: name, speed)"),
        ("", "seen: nothing"),
        ("file,speed\nday/a.mp4,1\nday/a.mp4,2\n", "line 2 and in line 3"),
        ("file,speed\nother.mp4,1\n", "none of its 1 rows"),
        ("file,speed\nday/a.mp4,1,2\n", "line 2 has 3 cells"),
        ("file,speed,speed\nday/a.mp4,1,2\n", "name of its own"),
        ('file,speed\nday/a.mp4,"1\n', "labels.csv"),
    ],
)
def test_what_cannot_be_read_is_refused_by_line_and_name(text, said):
    with pytest.raises(ConfigError) as error:
        table(text)
    assert said in str(error.value) and "labels.csv" in str(error.value)


def test_a_spreadsheets_own_format_is_refused():
    with pytest.raises(ConfigError, match="Save it as CSV"):
        read_csv(b"PK\x03\x04\x14\x00\x06\x00file", "labels.xlsx", LISTED)


def test_named_groups_of_a_pattern_are_keys():
    found = match_paths(r"^(?P<light>day|night)/(?P<letter>[ab])?", LISTED)
    assert column(found, "light") == ["day", "day", "night"]
    assert column(found, "letter") == ["a", "b", None]


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("(?P<a>", "no regular expression"),
        ("day", "names no group"),
        ("(?P<a>dusk)", "none of them. They look like 'day/a.mp4'"),
    ],
)
def test_patterns_that_cannot_work_are_refused(pattern, said):
    with pytest.raises(ConfigError, match="path_pattern") as error:
        match_paths(pattern, LISTED)
    assert said in str(error.value)


def test_the_content_changes_with_the_values_of_the_keys_that_count():
    one, _ = table("file,speed,weather\nday/a.mp4,1,sun\n")
    two, _ = table("file,speed,weather\nday/a.mp4,1,rain\n")
    assert one.content({"speed"}) == two.content({"speed"})
    assert one.content({"weather"}) != two.content({"weather"})
