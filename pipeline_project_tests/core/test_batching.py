import pytest

from pipeline_project.core.batching import Waiting, due, pause_s
from pipeline_project.core.trigger_config import TriggerConfig

LIMITS = TriggerConfig(min_files=10, min_bytes=1000, max_wait_s=60)


@pytest.mark.parametrize(
    ("files", "size_bytes", "age_s", "why"),
    [
        (0, 0, 1e9, None),
        (9, 999, 59, None),
        (10, 0, 0, "min_files"),
        (1, 1000, 0, "min_bytes"),
        (1, 0, 60, "max_wait_s"),
    ],
)
def test_a_run_is_due_by_count_or_bytes_or_age(files, size_bytes, age_s, why):
    reason = due(Waiting(files, size_bytes, age_s), LIMITS)
    assert (reason is None) if why is None else (why in reason)


def test_without_a_limit_on_bytes_they_do_not_count():
    config = TriggerConfig(min_files=10, max_wait_s=60)
    assert due(Waiting(1, 10**12, 0), config) is None


def test_pauses_double_and_end_at_a_day():
    config = TriggerConfig(retry_after_s=60)
    assert [pause_s(n, config) for n in (1, 2, 3, 50)] == [60, 120, 240, 86_400]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"bucket": "footage"}, "bucket"),
        ({"queue_url": "arn:aws:sqs:x", "queue_source": "s3://b"}, "is no address"),
        ({"queue_url": "https://sqs.eu-west-1.amazonaws.com/1/q"}, "needs queue_source"),
        ({"weekly_timezone": "Mars/Olympus"}, "no time zone"),
        ({"min_files": 0}, "min_files"),
        ({"visibility_s": 10}, "visibility_s"),
        ({"fodler": "x"}, "fodler"),
    ],
)
def test_wrong_settings_are_refused(wrong, told):
    with pytest.raises(ValueError, match=told):
        TriggerConfig(**wrong)


def test_nothing_is_watched_by_default():
    config = TriggerConfig()
    assert (config.folder, config.bucket, config.queue_url) == (None, None, None)
    assert not (config.weekly or config.stale)
