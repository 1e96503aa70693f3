"""What every engine that spreads work over files offers."""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Engine(Protocol):
    """Runs one generator function per item, several at once, with bounded memory."""

    def flat_map(
        self, function: Callable[[Item], Iterable[Result]], items: Iterable[Item]
    ) -> Iterator[Result]:
        """Yield every result of `function(item)` for every item, in no promised order.

        At most a few results wait to be consumed, however many an item yields. An exception in
        `function` is raised here and ends the work; closing the iterator ends it too, within
        about a second: what a thread is amid of then is abandoned.
        """
        ...
