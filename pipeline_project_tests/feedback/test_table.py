import pytest

from pipeline_project.errors import ConfigError
from pipeline_project.feedback.table import read_table

NEEDED = ("frame_id", "decision")
ROWS = [("frame_id", "note", "decision"), ("a:1", 'über, "so"; ok', "reject"), ("b:2", "", "")]


def written(path, separator=",", end="\n", encoding="utf-8", rows=ROWS):
    lines = (
        separator.join('"' + cell.replace('"', '""') + '"' for cell in row) + end for row in rows
    )
    path.write_bytes("".join(lines).encode(encoding))
    return path


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_whatever_a_spreadsheet_writes_is_read(tmp_path, separator, end, encoding):
    lines = read_table(written(tmp_path / "t.csv", separator, end, encoding), NEEDED)
    assert [tuple(line.cells.values()) for line in lines] == ROWS[1:]
    assert [line.number for line in lines] == [2, 3]


def test_excels_hint_and_odd_headings_are_read(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"sep=;\r\n Frame_ID ;DECISION;\r\na:1;reject;\r\n\r\n;;\r\n")
    [line] = read_table(path, NEEDED)
    assert (line.cells["frame_id"], line.cells["decision"]) == ("a:1", "reject")


def test_a_row_over_two_lines_is_named_by_its_first(tmp_path):
    rows = [ROWS[0], ("a:1", "two\nlines", "reject"), ("b:2", "", "accept")]
    lines = read_table(written(tmp_path / "t.csv", rows=rows), NEEDED)
    assert [line.number for line in lines] == [2, 4]


def test_a_short_row_has_empty_cells(tmp_path):
    (tmp_path / "t.csv").write_text("frame_id,decision\na:1\n")
    [line] = read_table(tmp_path / "t.csv", NEEDED)
    assert line.cells == {"frame_id": "a:1", "decision": ""}


def test_headings_alone_are_no_rows(tmp_path):
    (tmp_path / "t.csv").write_text("frame_id,decision\n")
    assert read_table(tmp_path / "t.csv", NEEDED) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04rest", "save it as CSV"),
        (b"\xd0\xcf\x11\xe0rest", "save it as CSV"),
        (b"", "nothing is in it"),
        (b" \n", "nothing is in it"),
        (b"frame_id,decision\na\x00b,reject\n", "bytes that no text has"),
        (b"rank,file\n1,a.jpg\n", "no column frame_id and decision; its columns are rank, file"),
    ],
)
def test_what_is_no_such_table_is_refused(tmp_path, content, said):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(ConfigError, match=said):
        read_table(tmp_path / "t.csv", NEEDED)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"gone\.csv: No such file"):
        read_table(tmp_path / "gone.csv", NEEDED)
