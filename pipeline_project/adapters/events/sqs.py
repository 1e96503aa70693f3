"""Takes S3's events from an SQS queue into a book; a message goes only once it is written there."""

from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from pipeline_project.adapters.addresses import bucket_and_key
from pipeline_project.adapters.aws_errors import aws_errors
from pipeline_project.adapters.aws_session import AwsSession
from pipeline_project.adapters.events.book import Book
from pipeline_project.adapters.events.s3_events import ObjectEvent, read_message
from pipeline_project.adapters.sources.folder import MEDIA_SUFFIXES
from pipeline_project.adapters.waiting import Deadline
from pipeline_project.errors import PermanentError

MESSAGES = 10  # as many as SQS hands out at once
MAX_RECEIVES = 5  # of a message that nobody understands
_SHOWN_CHARACTERS = 200


@dataclass(slots=True)
class Taken:
    """What one look at the queue came to.

    Attributes:
        messages: taken out of the queue.
        events: written into the book, which did not know them.
        known: events that the book knew, or knew newer ones of.
        other: events of other places, or of objects that are no media.
        trouble: what is wrong with messages that could not be understood, a line each.
    """

    messages: int = 0
    events: int = 0
    known: int = 0
    other: int = 0
    trouble: list[str] = field(default_factory=list)


class EventQueue:
    """A queue that gets the events of a bucket.

    Args:
        session: makes the client.
        url: of the queue.
        source: `s3://bucket/prefix`; events of other places are passed over.
        visibility_s: how long a message that was received stays hidden from others.
    """

    def __init__(self, session: AwsSession, url: str, source: str, visibility_s: int) -> None:
        self._session = session
        self._url = url
        self._bucket, prefix = bucket_and_key(source)
        self._prefix = prefix if not prefix or prefix.endswith("/") else prefix + "/"
        self._visibility_s = visibility_s

    def take(self, book: Book, deadline: Deadline) -> Taken:
        """Take messages until there are none, or the time is over.

        What cannot be understood stays in the queue, whose redrive policy moves it away; where
        it has come too often, it is kept in the book and deleted.

        Raises:
            PipelineError: the queue cannot be read, or the book not written; messages that were
                not deleted come again, and the book knows what it has.
        """
        taken = Taken()
        while not deadline.passed:
            messages = self._receive()
            if not messages:
                break
            with book.writing():
                understood = [each for each in messages if self._write(each, book, taken)]
            self._delete(understood)
            taken.messages += len(understood)
        return taken

    def _receive(self) -> list[dict[str, Any]]:
        with aws_errors(f"receiving from the queue {self._url}"):
            answer = self._session.client("sqs").receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=MESSAGES,
                VisibilityTimeout=self._visibility_s,
                WaitTimeSeconds=1,  # asks all of SQS's servers; with 0 some are left out
                MessageSystemAttributeNames=["ApproximateReceiveCount"],
            )
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    def _write(self, message: dict[str, Any], book: Book, taken: Taken) -> bool:
        """Write a message's events down; False for one that must stay in the queue."""
        body, message_id = str(message.get("Body", "")), str(message["MessageId"])
        try:
            events = read_message(body)
        except PermanentError as error:
            received = int(message.get("Attributes", {}).get("ApproximateReceiveCount", 1))
            last = received >= MAX_RECEIVES
            end = "it is kept in the book and deleted" if last else "it stays in the queue"
            taken.trouble.append(
                f"Message {message_id} is none of S3's, {error}; received {received} times, {end}. "
                f"It begins: {body[:_SHOWN_CHARACTERS]!r}"
            )
            if last:
                book.refuse(message_id, body, str(error))
            return last
        for event in events:
            if not self._wanted(event):
                taken.other += 1
            elif book.tell(
                f"s3://{event.bucket}/{event.key}",
                event.size_bytes,
                event.etag,
                event.sequencer,
                event.gone,
            ):
                taken.events += 1
            else:
                taken.known += 1
        return True

    def _wanted(self, event: ObjectEvent) -> bool:
        below = event.bucket == self._bucket and event.key.startswith(self._prefix)
        return below and PurePosixPath(event.key).suffix.lower() in MEDIA_SUFFIXES

    def _delete(self, messages: list[dict[str, Any]]) -> None:
        if not messages:
            return
        entries = [
            {"Id": str(number), "ReceiptHandle": each["ReceiptHandle"]}
            for number, each in enumerate(messages)
        ]
        with aws_errors(f"deleting from the queue {self._url} what is written down"):
            # One that could not be deleted comes again; the book knows it then.
            self._session.client("sqs").delete_message_batch(QueueUrl=self._url, Entries=entries)
