"""What each configured watcher looks at, and how."""

from collections.abc import Callable
from pathlib import Path

from pipeline_project.adapters.aws_session import AwsSession, demand_boto3
from pipeline_project.adapters.events.book import Book
from pipeline_project.adapters.events.listing import Pass
from pipeline_project.adapters.events.sqs import EventQueue, Taken
from pipeline_project.adapters.sources.base import MediaSource
from pipeline_project.adapters.waiting import Deadline
from pipeline_project.core.trigger_config import TriggerConfig
from pipeline_project.jobs.watchers import Log, Watch

OpenPlace = Callable[[str], MediaSource]


def watches(
    config: TriggerConfig, books: Path, open_place: OpenPlace, session: Callable[[], AwsSession]
) -> list[Watch]:
    """Give one watch per place of the configuration; none by default.

    Args:
        config: which places.
        books: folder of the watchers' books.
        open_place: opens a folder or bucket for listing, as a run would.
        session: the account that reads the queue.
    """
    found: list[Watch] = []

    def add(name: str, what: str, source: str, look: Callable[[Book, Deadline, Log], str]) -> None:
        path = books / f"{name}.sqlite"
        found.append(Watch(name, what, source, lambda: Book(path), look))

    if config.folder is not None:
        folder = str(Path(config.folder).expanduser().absolute())
        add("watch_folder", f"the folder {folder}", folder, _listing(folder, open_place, True))
    if config.bucket is not None:
        listing = _listing(config.bucket, open_place, False)
        add("watch_bucket", f"{config.bucket} by listing it", config.bucket, listing)
    if config.queue_url is not None and config.queue_source is not None:
        events = _events(config.queue_url, config.queue_source, config.visibility_s, session)
        what = f"the queue {config.queue_url} for events of {config.queue_source}"
        add("watch_queue", what, config.queue_source, events)
    return found


def _listing(
    place: str, open_place: OpenPlace, settle: bool
) -> Callable[[Book, Deadline, Log], str]:
    under_way: list[Pass] = []

    def look(book: Book, deadline: Deadline, log: Log) -> str:
        going_on = under_way.pop() if under_way else Pass(open_place(place), settle=settle)
        if going_on.look(book, deadline):
            return f"All of {place} was looked at."
        under_way.append(going_on)
        return f"{place} was looked at in part; the next look goes on."

    return look


def _events(
    url: str, source: str, visibility_s: int, session: Callable[[], AwsSession]
) -> Callable[[Book, Deadline, Log], str]:
    def look(book: Book, deadline: Deadline, log: Log) -> str:
        demand_boto3(f"Watching the queue {url}")
        taken: Taken = EventQueue(session().hasty(), url, source, visibility_s).take(book, deadline)
        for line in taken.trouble:
            log(line)
        return (
            f"{taken.messages:,} messages: {taken.events:,} events are new, {taken.known:,} known, "
            f"{taken.other:,} of other objects."
        )

    return look
