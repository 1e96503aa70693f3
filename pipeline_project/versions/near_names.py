"""Names that are like one that was misspelled."""

from difflib import get_close_matches

import pyarrow as pa
import pyarrow.compute as pc

_SHOWN = 5
_COMPARED = 20_000  # comparing letter by letter is slow


def near(name: str, *columns: pa.ChunkedArray) -> list[str]:
    """Name up to five of these names that are most like another.

    Names that contain it come first, whatever their number; of the others a part is compared.
    """
    found: list[str] = []
    for column in columns:
        names = pc.unique(column)
        containing = names.filter(
            pc.match_substring(names, pattern=name or "/", ignore_case=True)
        ).slice(0, _SHOWN)
        found += containing.to_pylist()
        found += get_close_matches(name, names.slice(0, _COMPARED).to_pylist(), _SHOWN, 0.6)
    return list(dict.fromkeys(found))[:_SHOWN]
