import json

import pytest

from pipeline_project.adapters.events.s3_events import ObjectEvent, read_message
from pipeline_project.errors import PermanentError


def body(name="ObjectCreated:Put", key="a.mp4", **of):
    s3 = {"bucket": {"name": "footage"}, "object": {"key": key, "size": 5, "eTag": "e", **of}}
    return json.dumps({"Records": [{"eventName": name, "s3": s3}]})


def test_keys_are_decoded():
    (event,) = read_message(body(key="day+one/caf%C3%A9%2B%28a%29.mp4"))
    assert event.key == "day one/café+(a).mp4"


def test_an_event_is_read_with_its_order():
    (event,) = read_message(body(sequencer="0055AED6DCD90281E5"))
    assert event == ObjectEvent("footage", "a.mp4", 5, "e", "0055AED6DCD90281E5", False)


@pytest.mark.parametrize("name", ["ObjectRemoved:Delete", "s3:ObjectRemoved:DeleteMarkerCreated"])
def test_a_removal_has_no_size(name):
    message = {
        "Records": [{"eventName": name, "s3": {"bucket": {"name": "b"}, "object": {"key": "k"}}}]
    }
    (event,) = read_message(json.dumps(message))
    assert event.gone


def test_the_test_message_and_other_events_hold_nothing():
    assert read_message('{"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"}') == []
    assert read_message(body("ObjectTagging:Put")) == []


@pytest.mark.parametrize(
    "poison",
    ["", "no JSON", "[]", "{}", '{"Records": 5}', '{"Records": [{}]}', '{"Records": ["x"]}',
     '{"Records": [{"eventName": "ObjectCreated:Put", "s3": null}]}',
     '{"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "b"},'
     ' "object": {"key": "k", "size": "big"}}}]}'],
)  # fmt: skip
def test_what_is_no_event_says_so(poison):
    with pytest.raises(PermanentError, match="it is|it has|a record of it"):
        read_message(poison)
