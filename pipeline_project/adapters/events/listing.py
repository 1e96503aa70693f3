"""Looks at a folder or a bucket in pieces, so that no look takes long, and notes what it finds."""

from collections.abc import Iterator
from itertools import islice

from pipeline_project.adapters.events.book import Book
from pipeline_project.adapters.sources.base import MediaSource
from pipeline_project.adapters.waiting import Deadline
from pipeline_project.core.records import MediaRef

PIECE = 1000  # files written down at once


class Pass:
    """One pass over a place, in as many looks as it takes.

    The listing is kept open between looks, so a later look goes on where the last one stopped;
    when the process ends, the pass begins anew and finds in the book what it has seen.

    Args:
        source: what is listed.
        settle: whether a file counts only once two passes have found it the same. A folder shows
            files while they are written; a bucket shows whole objects only.
    """

    def __init__(self, source: MediaSource, *, settle: bool) -> None:
        self._source = source
        self._settle = settle
        self._refs: Iterator[MediaRef] | None = None

    def look(self, book: Book, deadline: Deadline) -> bool:
        """Go on with the pass until it or the time is over.

        Returns:
            Whether the pass is complete, and so removals are known, too.

        Raises:
            PipelineError: the place cannot be listed, or the book not written; what was noted
                before stays.
        """
        number = int(book.mark("look") or 0)
        if self._refs is None:
            number += 1
            book.set_mark("look", str(number))
            self._refs = self._source.list()
        try:
            while True:
                piece = list(islice(self._refs, PIECE))
                with book.writing():
                    book.see(piece, number, self._settle)
                    if len(piece) < PIECE:
                        book.forget_unseen(number)
                if len(piece) < PIECE:
                    self._refs = None
                    return True
                if deadline.passed:
                    return False
        except BaseException:
            self._refs = None  # a broken listing cannot be gone on with
            raise
