"""What leaves the lake when its file is gone: frames, and all that was made of them.

Nothing is deleted: a row of `removals` says from which commit on a content's frames are not read
any more, and readers of older commits still find them. What a selection picked stays, and so does
the record: `media`, `media_sources`, `datums`, the selections themselves. When the file comes
back, another row of `removals` brings its frames back, and nothing is computed again.
"""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipeline_project.adapters.lake.schemas import Table

_OUTPUTS = frozenset({"frames", "thumbnails", "scores", "labels"})
_SHA256_DIGITS = 64


@dataclass(frozen=True, slots=True)
class Removed:
    """Hashes of contents whose frames are not read any more, and the frames that still are."""

    contents: pa.Array
    kept: pa.Array

    def __bool__(self) -> bool:
        """Whether anything is removed."""
        return len(self.contents) > 0

    def shown(self, rows: pa.Table) -> pa.Table:
        """Leave out what was removed; `rows` have a `frame_id`."""
        names = rows["frame_id"]
        of_removed = pc.is_in(
            pc.utf8_slice_codeunits(names, 0, _SHA256_DIGITS), value_set=self.contents
        )
        if not pc.any(of_removed).as_py():
            return rows
        return rows.filter(pc.or_(pc.invert(of_removed), pc.is_in(names, value_set=self.kept)))


def removed_in(rows: pa.Table) -> Removed:
    """Bring rows of `removals`, one per content, to what readers need."""
    gone = rows.filter(pc.equal(rows["removed"], True))
    return Removed(
        contents=gone["sha256"].combine_chunks(),
        kept=pc.list_flatten(gone["kept"].combine_chunks()),
    )


def holds_outputs(table: Table) -> bool:
    """Whether a table's rows leave with their file."""
    return table.name in _OUTPUTS or table.name.startswith("embeddings_")
