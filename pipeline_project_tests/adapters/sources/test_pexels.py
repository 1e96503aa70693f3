"""Pexels, against a local HTTP server that answers as the API does."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from pipeline_project.adapters.sources.pexels import PexelsSource
from pipeline_project.errors import ConfigError, MediaUnreadable, PermanentError, TransientError

KEY = "abcDEF123456"
VIDEO = b"an mp4 " * 1000


def entry(number, base, widths=(640, 1920, 3840)):
    return {
        "id": number,
        "url": f"https://www.pexels.com/video/{number}/",
        "user": {"name": f"Maker {number}", "url": "https://www.pexels.com/@maker"},
        "video_files": [
            {"id": w, "file_type": "video/mp4", "width": w, "link": f"{base}/file/{number}/{w}"}
            for w in widths
        ],
    }


class Api(ThreadingHTTPServer):
    """Answers searches over `total` videos; `status` and `body` replace the answer."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.total = 200
        self.status = 200
        self.body = None
        self.file_status = 200
        self.cut = 0
        self.asked = []

    @property
    def base(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        api = self.server
        address = urlsplit(self.path)
        api.asked.append((self.path, self.headers.get("Authorization")))
        if address.path.startswith("/file/"):
            self.answer(api.file_status, VIDEO, len(VIDEO) + api.cut)
        elif self.headers.get("Authorization") != KEY:
            self.answer(401, b"{}")
        else:
            query = {key: values[0] for key, values in parse_qs(address.query).items()}
            first = (int(query["page"]) - 1) * int(query["per_page"])
            numbers = range(first, min(first + int(query["per_page"]), api.total))
            page = {
                "total_results": api.total,
                "videos": [entry(number, api.base) for number in numbers],
            }
            self.answer(api.status, json.dumps(page).encode() if api.body is None else api.body)

    def answer(self, status, body, length=None):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.send_header("X-Ratelimit-Reset", "1900000000")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def api():
    server = Api()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
    yield server
    server.shutdown()
    server.server_close()


def source(api, spec="pexels:cats & dogs", key=KEY, seed=1):
    return PexelsSource(spec, key, seed=seed, base_url=f"{api.base}/v1", timeout_s=5)


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
