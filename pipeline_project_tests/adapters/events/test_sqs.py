"""The queue of a bucket's events, on moto: what is taken, what stays, what is deleted when."""

import json

import pytest

from pipeline_project.adapters.aws_session import AwsSession
from pipeline_project.adapters.events.book import Book
from pipeline_project.adapters.events.sqs import MAX_RECEIVES, EventQueue
from pipeline_project.adapters.waiting import Deadline
from pipeline_project.errors import PipelineError
from pipeline_project_tests.adapters.events.test_s3_events import body
from pipeline_project_tests.aws_bed.fixtures import aws_bed  # noqa: F401


@pytest.fixture
def sqs(aws_bed):  # noqa: F811
    return aws_bed.client("sqs")


@pytest.fixture
def url(sqs):
    return sqs.create_queue(QueueName="events")["QueueUrl"]


@pytest.fixture
def book(tmp_path):
    opened = Book(tmp_path / "queue.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def take(url, book):
    def look(visibility_s=120, source="s3://footage"):
        queue = EventQueue(AwsSession(), url, source, visibility_s)
        return queue.take(book, Deadline(30))

    return look


def left(sqs, url):
    """Messages in the queue, those included that somebody has received."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(counts[name]) for name in names)


def test_a_bucket_s_own_events_come_decoded_and_leave_the_queue(aws_bed, sqs, url, take, book):  # noqa: F811
    s3 = aws_bed.client("s3")
    s3.create_bucket(
        Bucket="footage", CreateBucketConfiguration={"LocationConstraint": s3.meta.region_name}
    )
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    s3.put_bucket_notification_configuration(
        Bucket="footage",
        NotificationConfiguration={
            "QueueConfigurations": [{"QueueArn": arn["QueueArn"], "Events": ["s3:ObjectCreated:*"]}]
        },
    )
    s3.put_object(Bucket="footage", Key="day one/a+b (é).mp4", Body=b"12345")
    s3.put_object(Bucket="footage", Key="notes.txt", Body=b"no media")
    taken = take()
    assert (taken.events, taken.other, taken.trouble) == (1, 1, [])
    assert taken.messages == 3  # with S3's test message
    assert left(sqs, url) == 0
    assert book.waiting().size_bytes == 5
    assert book._all("select name from files") == [("s3://footage/day one/a+b (é).mp4",)]


def test_duplicates_and_older_news_change_nothing(sqs, url, take, book):
    newer, older = body(sequencer="0A2", size=7), body(sequencer="0A1", size=3)
    for text in (newer, newer, older):
        sqs.send_message(QueueUrl=url, MessageBody=text)
    taken = take()
    assert (taken.events, taken.known) == (1, 2)
    assert book.waiting().size_bytes == 7
    assert left(sqs, url) == 0


def test_events_of_other_buckets_and_prefixes_are_passed_over(sqs, url, take, book):
    sqs.send_message(QueueUrl=url, MessageBody=body(key="raw2/a.mp4"))
    sqs.send_message(QueueUrl=url, MessageBody=body(key="raw/a.mp4"))
    assert take(source="s3://footage/raw").events == 1
    sqs.send_message(QueueUrl=url, MessageBody=body(key="raw/b.mp4"))
    assert take(source="s3://elsewhere").other == 1
    assert book.waiting().files == 1


def test_a_message_is_deleted_only_once_it_is_written_down(sqs, url, take, book):
    sqs.send_message(QueueUrl=url, MessageBody=body())
    book._db.execute("pragma query_only = on")  # as on a disk that cannot be written
    with pytest.raises(PipelineError, match="Free space or mend its permissions"):
        take(visibility_s=0)
    assert left(sqs, url) == 1
    book._db.execute("pragma query_only = off")
    assert take().events == 1
    assert left(sqs, url) == 0


def test_a_message_that_is_taken_is_hidden_from_others_for_as_long_as_asked(sqs, url, take, book):
    sqs.send_message(QueueUrl=url, MessageBody=body())
    book._db.execute("pragma query_only = on")
    with pytest.raises(PipelineError):
        take(visibility_s=600)
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    assert left(sqs, url) == 1


def test_poison_is_told_left_for_the_redrive_policy_and_stops_nothing_else(sqs, url, take, book):
    sqs.send_message(QueueUrl=url, MessageBody='{"hello": "world"}')
    sqs.send_message(QueueUrl=url, MessageBody=body())
    taken = take()
    assert taken.events == 1
    (line,) = taken.trouble
    assert "none of S3's" in line and "stays in the queue" in line and "hello" in line
    assert left(sqs, url) == 1


def test_poison_that_no_policy_moves_away_is_kept_in_the_book_at_last(sqs, url, take, book):
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"hello": "world"}))
    for _ in range(MAX_RECEIVES - 1):
        received = sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)
        assert received["Messages"]
    (line,) = take().trouble
    assert "kept in the book and deleted" in line
    assert left(sqs, url) == 0
    ((_, text, why),) = book.refused()
    assert json.loads(text) == {"hello": "world"}
    assert "no Records" in why


def test_more_messages_than_fit_one_answer_are_all_taken(sqs, url, take, book):
    for number in range(23):
        sqs.send_message(QueueUrl=url, MessageBody=body(key=f"{number}.mp4"))
    assert take().events == 23
    assert left(sqs, url) == 0


def test_a_queue_that_is_not_there_is_one_clear_line(aws_bed, book):  # noqa: F811
    queue = EventQueue(AwsSession(), f"{aws_bed.endpoint}/1/none", "s3://footage", 120)
    with pytest.raises(PipelineError, match=r"receiving from the queue .*/1/none"):
        queue.take(book, Deadline(30))
