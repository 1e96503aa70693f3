"""What lies beside media in a bucket, and what only a part of the files have."""

import json

import pytest

from pipeline_project.adapters.sources.bucket import BucketSource
from pipeline_project.core.config import MetadataConfig
from pipeline_project.core.records import MediaInfo
from pipeline_project.errors import ConfigError
from pipeline_project.worker.identify import KnownMedia
from pipeline_project.worker.sidecars import SidecarReader, frame_number, root_of

SCHEMA = [
    {"name": "Scene", "path": "scene", "defaultValue": "none",
     "valueDataType": "CATEGORICAL_STRING"},
]  # fmt: skip
STILL = MediaInfo("image", "png", 8, 8)


@pytest.fixture
def filled(seaweed, bucket):
    """Two images, of one of which something is known."""
    client = seaweed.session().client("s3")
    known = {"file_name": "a b.png", "type": "image", "metadata": {"scene": "street"}}
    for key, body in {
        "in/day/a b.png": b"a",
        "in/day/c.png": b"c",
        "in/table.csv": b"file,speed\nday/c.png,3\n",
        "in/.lightly/metadata/schema.json": json.dumps(SCHEMA).encode(),
        "in/.lightly/metadata/day/a b.json": json.dumps(known).encode(),
    }.items():
        client.put_object(Bucket=bucket, Key=key, Body=body)
    return BucketSource(f"s3://{bucket}/in", session=seaweed.session(attempts=1))


def reader(source, **given):
    media = [KnownMedia(ref.name, ref, STILL) for ref in source.list()]
    return SidecarReader(
        config=MetadataConfig(**given),
        fetch=source.fetch,
        root=root_of(media[0].ref),
        frames={each.ref.name: [0] for each in media},
        media={each.ref.name: each for each in media},
    )


def test_metadata_of_a_bucket_is_read_and_what_is_missing_has_the_default(filled):
    found = reader(filled, csv="table.csv").read({"Scene", "speed"}, ())
    names = ["day/a b.png", "day/c.png"]
    assert found.table_of("Scene").column("Scene", names, [0, 0]).tolist() == ["street", "none"]
    assert found.table_of("speed").column("speed", names[1:], [0]).tolist() == [3]


def test_a_table_that_a_bucket_lacks_is_refused_by_its_address(filled):
    with pytest.raises(ConfigError, match=r"no file at s3://.*/in/other\.csv"):
        reader(filled, csv="other.csv").read(set(), ())


def test_a_bucket_without_predictions_has_no_tasks(filled):
    with pytest.raises(ConfigError, match="known tasks: none"):
        reader(filled).read(set(), {"pets"})


@pytest.mark.parametrize(("time", "number"), [(0.0, 0), (1.0, 25), (3.96, 99)])
def test_frames_are_numbered_by_time_and_frame_rate(filled, time, number):
    ref = next(filled.list())
    video = KnownMedia("v", ref, MediaInfo("video", "h264", 8, 8, fps=25.0, duration_s=8.0))
    assert frame_number(video, time) == number
    assert frame_number(KnownMedia("s", ref, STILL), time) == 0
