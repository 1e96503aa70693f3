"""What one export came to."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Added:
    """What was added to a folder.

    Attributes:
        new: frames that were not in it.
        file: the file to give to the tool; None where there is nothing new for it.
        next: what to do with it, commands on lines of their own.
        notes: what else the reader must know.
    """

    new: int
    file: Path | None
    next: str
    notes: list[str] = field(default_factory=list)
