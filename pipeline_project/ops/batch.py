"""What the ops hand on: a small note about the media of a run, never the list itself."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Batch:
    """The media that a run is about; its listing and request lie in the store.

    Attributes:
        run_id: names the request, the listing and the result in the store.
        source: as the user wrote it, or a name for the bundled sample.
        service: who selects.
        media: files listed.
        size_bytes: of all of them together.
        ignored: objects of the source that are no media, or not in `include`.
        in_place: whether the worker reads the media where they are; otherwise they were
            uploaded when they were collected.
    """

    run_id: str
    source: str
    service: Literal["worker", "lightly"]
    media: int
    size_bytes: int
    ignored: int
    in_place: bool
