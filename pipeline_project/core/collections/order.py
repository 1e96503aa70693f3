"""Steps in an order in which each comes after those that it needs."""

from collections.abc import Mapping, Sequence


def in_order(needs: Mapping[str, Sequence[str]]) -> list[str]:
    """Order names so that each comes after all that it needs; as given where that is free.

    Names on a cycle, and those after it, are left out.
    """
    done: list[str] = []
    ready = set(done)
    waiting = list(needs)
    while True:
        going = [name for name in waiting if all(each in ready for each in needs[name])]
        if not going:
            return done
        done.append(going[0])
        ready.add(going[0])
        waiting.remove(going[0])


def find_cycle(needs: Mapping[str, Sequence[str]]) -> list[str]:
    """Give the names of one cycle, the first of them again at the end; [] where there is none."""
    ordered = set(in_order(needs))
    stuck = [name for name in needs if name not in ordered]
    if not stuck:
        return []
    path = [stuck[0]]
    while True:
        following = next(each for each in needs[path[-1]] if each not in ordered)
        if following in path:
            return [*path[path.index(following) :], following]
        path.append(following)
