"""The same rules carried out by Lightly's own engine, `lightly-mundig`."""

from collections.abc import Sequence

import numpy as np

from pipeline_project.core.selection.objectives import Rows
from pipeline_project.core.selection.rules import Rule
from pipeline_project.errors import ConfigError


def pick_by_mundig(
    rules: Sequence[Rule], rows: int, before: Sequence[int], open_rows: Rows, wanted: int
) -> list[int]:
    """Pick rows with mundig; no row twice, and none that is not open.

    Args:
        rules: what is multiplied.
        rows: how many rows there are.
        before: rows picked before, each once.
        open_rows: rows that may be picked.
        wanted: how many to pick.

    Raises:
        ConfigError: a rule that mundig does not have.
    """
    import lightly_mundig

    # Mundig cannot leave rows out: it is given only those that count, renumbered.
    known = np.concatenate([np.asarray(before, np.intp), open_rows])
    wanted = min(wanted, len(open_rows))
    selection = lightly_mundig.Selection()
    for rule in rules:
        if rule.beyond_mundig:
            raise ConfigError(
                f"Selecting with the engine mundig: it does not have {rule.beyond_mundig}. "
                "Use the engine own."
            )
        rule.add_to_mundig(selection, known)
    order = selection.run_selection(
        list(range(len(before))), len(known), min(len(before) + wanted, len(known))
    )
    chosen = [int(known[at]) for at in dict.fromkeys(order) if at >= len(before)]
    return chosen[:wanted]
