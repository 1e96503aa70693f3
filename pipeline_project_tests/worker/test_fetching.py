import pytest

from pipeline_project.adapters.sources.folder import fetch_file
from pipeline_project.core.config import SourceAccessConfig
from pipeline_project.core.records import MediaRef
from pipeline_project.worker.fetching import opened_fetch

ACCESS = SourceAccessConfig(region="eu-central-1")


def ref(uri):
    return MediaRef(uri, "a.png", "somewhere", 1, "fingerprint")


def test_files_of_a_folder_are_read_where_they_are():
    with opened_fetch([ref("file:///a.png"), ref("file:///s3:/b.png")], "/home", ACCESS) as fetch:
        assert fetch is fetch_file


@pytest.mark.parametrize("bucket", ["s3://bucket/a.png", "S3://bucket/a.png"])
def test_of_a_listing_with_objects_of_a_bucket_only_these_are_downloaded(tmp_path, bucket):
    path = tmp_path / "a.png"
    path.write_bytes(b"here")
    with opened_fetch([ref(path.as_uri()), ref(bucket)], "/home", ACCESS) as fetch:
        assert fetch is not fetch_file
        with fetch(path.as_uri()) as place:
            assert place == path
