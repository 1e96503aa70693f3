"""Plain lists: file names or addresses, and the sample names of the Lightly service."""

import re
from collections.abc import Sequence
from pathlib import Path

from pipeline_project.errors import ConfigError
from pipeline_project.exports.added import Added
from pipeline_project.exports.folder import read_lines, write_text
from pipeline_project.exports.frames import ExportFrame
from pipeline_project.exports.places import Place

_TAG = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9 .:;=@_-]{2,}")  # what the Lightly service takes


def add_files(folder: Path, frames: Sequence[ExportFrame], place: Place) -> Added:
    """Add to `files.txt` one line per picture: its path below the folder, or its address.

    A picture whose address has changed (a new signature) keeps its line.
    """
    path = folder / "files.txt"
    lines = dict.fromkeys(read_lines(path))
    known = {line.partition("?")[0].rpartition("/")[2]: line for line in lines}
    new = [frame for frame in frames if frame.name not in known]
    write_text(path, "".join(f"{line}\n" for line in [*lines, *(place(f.name) for f in new)]))
    return Added(len(new), path, f"One picture per line: {path}")


def demand_tag(tag: str) -> None:
    """Refuse a tag's name that the Lightly service would refuse, or that leaves the folder.

    Raises:
        ConfigError: it is no such name.
    """
    if not _TAG.fullmatch(tag):
        raise ConfigError(
            f"--tag {tag}: expected three or more letters, digits, blanks and . : ; = @ _ -, "
            "beginning with a letter or digit, as the Lightly service does."
        )


def add_lightly_tag(folder: Path, frames: Sequence[ExportFrame], place: Place, tag: str) -> Added:
    """Add to `TAG.txt` one line per frame: the name of its sample in the Lightly service.

    A frame's number is its time times the declared frame rate: exact for a constant rate.

    References:
        https://docs.lightly.ai/docs/videos-as-input
    """
    path = folder / f"{tag}.txt"
    lines = dict.fromkeys(read_lines(path))
    new = [frame for frame in frames if frame.lightly_name not in lines]
    lines |= dict.fromkeys(frame.lightly_name for frame in new)
    write_text(path, "".join(f"{line}\n" for line in lines))
    return Added(
        len(new),
        path,
        "With lightly<1.6 and the dataset's id set on the client:\n"
        f"  names = open({str(path)!r}).read().splitlines()\n"
        f"  client.create_tag_from_filenames(names, new_tag_name={tag!r})",
    )
