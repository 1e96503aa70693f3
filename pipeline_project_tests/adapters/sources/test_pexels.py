"""Pexels, against a local HTTP server that answers as the API does."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from pipeline_project.adapters.sources.pexels import PexelsSource
from pipeline_project.errors import ConfigError, MediaUnreadable, PermanentError, TransientError
from pipeline_project_tests.adapters.sources.pexels_server import KEY, VIDEO, entry, serving
from pipeline_project_tests.contracts.media_source import MediaSourceContract


@pytest.fixture
def api():
    with serving() as server:
        yield server


def source(api, spec="pexels:cats & dogs", key=KEY, seed=1):
    return PexelsSource(spec, key, seed=seed, base_url=f"{api.base}/v1", timeout_s=5)


class TestPexelsSource(MediaSourceContract):
    @pytest.fixture
    def source(self, api):
        return source(api)

    @pytest.fixture
    def gone(self, api):
        return f"{api.base}/file/gone"


def test_one_video_is_chosen_with_its_maker_and_a_file_that_is_large_enough(api):
    (ref,) = source(api).list()
    assert ref.uri.endswith("/1920")
    assert ref.name.startswith("pexels-")
    assert ref.attribution["creator"].startswith("Maker ")
    assert ref.attribution["page"].startswith("https://www.pexels.com/video/")


def test_the_query_reaches_the_api_whole(api):
    list(source(api).list())
    path, _ = api.asked[0]
    assert urlsplit(path).path == "/v1/videos/search"
    assert parse_qs(urlsplit(path).query)["query"] == ["cats & dogs"]


def test_without_a_query_the_popular_videos_are_asked_for(api):
    list(source(api, "pexels:").list())
    assert urlsplit(api.asked[0][0]).path == "/v1/videos/popular"


def test_the_same_seed_chooses_the_same_video_and_other_seeds_reach_other_pages(api):
    def choice(seed):
        (ref,) = source(api, seed=seed).list()
        return ref.name

    assert choice(5) == choice(5)
    assert len({choice(seed) for seed in range(12)}) > 6
    assert any("page=2" in path or "page=3" in path for path, _ in api.asked)


def test_the_video_is_fetched_to_a_file_that_is_gone_afterwards_and_the_key_stays_here(api):
    pexels = source(api)
    (ref,) = pexels.list()
    with pexels.fetch(ref.uri) as path:
        assert path.read_bytes() == VIDEO
    assert not path.exists()
    assert api.asked[-1][1] is None


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (401, ConfigError, "PEXELS_API_KEY"),
        (429, TransientError, "1900000000"),
        (503, TransientError, "HTTP 503"),
        (418, PermanentError, "HTTP 418"),
    ],
)
def test_a_refusal_is_a_clear_error_without_the_key(api, status, kind, words):
    api.status = status
    with pytest.raises(kind, match=words) as caught:
        list(source(api).list())
    assert KEY not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"total_results": "x"}'])
def test_an_answer_that_cannot_be_understood_is_a_clear_error(api, body):
    api.body = body
    with pytest.raises(PermanentError, match="cannot be understood"):
        list(source(api).list())


def test_a_video_without_a_usable_file_is_a_clear_error(api):
    api.body = json.dumps(
        {"total_results": 1, "videos": [{**entry(1, api.base), "video_files": []}]}
    ).encode()
    with pytest.raises(PermanentError, match="Pexels video"):
        list(source(api).list())


def test_no_match_is_told(api):
    api.total = 0
    with pytest.raises(ConfigError, match="no video matches"):
        list(source(api).list())


def test_a_download_that_breaks_off_is_told(api):
    api.cut = 10
    with pytest.raises(TransientError), source(api).fetch(f"{api.base}/file/1/640"):
        pass


def test_a_video_that_is_gone_is_told(api):
    api.file_status = 404
    with pytest.raises(MediaUnreadable, match="404"), source(api).fetch(f"{api.base}/file/1/640"):
        pass


def test_a_server_that_is_not_there_is_told(api):
    pexels = PexelsSource("pexels:x", KEY, seed=1, base_url="http://127.0.0.1:1/v1", timeout_s=1)
    with pytest.raises(TransientError, match="check the network"):
        list(pexels.list())


@pytest.mark.parametrize("key", ["", "s3cret\nkey", "schlüssel", "s3cret key"])
def test_a_key_that_cannot_be_one_is_refused_and_not_shown(api, key):
    with pytest.raises(ConfigError, match="not shown") as caught:
        source(api, key=key)
    assert not key or key not in str(caught.value)


def test_another_sources_spec_is_refused(api):
    with pytest.raises(ConfigError, match="pexels:query"):
        source(api, spec="folder")
