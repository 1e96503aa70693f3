"""The same in a bucket: the source, the home, and what is too large for a row."""

from pipeline_project.adapters.aws_session import AwsSession
from pipeline_project.adapters.object_store.s3 import S3ObjectStore
from pipeline_project.core.collections.definition import read_pipeline
from pipeline_project.core.config import SourceAccessConfig
from pipeline_project.worker.collections.contents import collection_files
from pipeline_project.worker.collections.held import Bytes
from pipeline_project.worker.collections.opening import open_place
from pipeline_project.worker.collections.run import run_pipeline
from pipeline_project.worker.collections.walk import Wish
from pipeline_project_tests.seaweed import REGION
from pipeline_project_tests.worker.collections.house import counts

PIPELINE = """\
name: large
collections:
  texts: {{source: "s3://{bucket}/texts"}}
steps:
  - name: large
    input: {{collection: texts, glob: "/**"}}
    transform: {{call: "large:large"}}
    output: $0.txt
  - name: all
    input: {{collection: large, glob: /}}
    transform: {{call: "large:size"}}
"""
CODE = """\
def large(given):
    return given.file.read_bytes() * 10_000


def size(given):
    return sum(len(file.read_bytes()) for file in given)
"""


def test_a_pipeline_whose_source_and_home_are_buckets(tmp_path, seaweed, bucket):
    session = AwsSession(seaweed.access)
    texts = S3ObjectStore(f"s3://{bucket}/texts", session)
    texts.put("a.txt", b"one")
    texts.put("deep/b.txt", b"two")
    (tmp_path / "large.py").write_text(CODE)
    wish = Wish(read_pipeline(PIPELINE.format(bucket=bucket), "p.yaml"), tmp_path)
    place = open_place(
        f"s3://{bucket}/home",
        run_id="run",
        session=session,
        source=SourceAccessConfig(region=REGION, endpoint_url=seaweed.endpoint_url),
        processes=1,
    )
    assert counts(run_pipeline(place, wish))["large"] == {"new": 2}
    texts.put("c.txt", b"three")
    assert counts(run_pipeline(place, wish))["large"] == {"new": 1, "skipped": 2}
    assert run_pipeline(place, wish).commit_id is None
    (total,) = collection_files(place.lake, "large", "all")
    assert Bytes(place.access).read(total) == b"110000\n"
    large = collection_files(place.lake, "large", "large")
    assert [held.path for held in large] == ["/a.txt", "/c.txt", "/deep/b.txt"]
    assert len(list(S3ObjectStore(f"s3://{bucket}/home", session).list("collections"))) > 3
