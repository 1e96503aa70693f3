"""Downloads that break off, stall, are too large, or change on the way."""

import threading

import pytest

from pipeline_project.adapters.sources.pexels_http import PexelsHttp
from pipeline_project.adapters.waiting import Deadline
from pipeline_project.errors import MediaUnreadable, TransientError
from pipeline_project_tests.stand_ins.http import Answer
from pipeline_project_tests.stand_ins.pexels import KEY, VIDEO, pexels


@pytest.fixture
def api():
    with pexels() as it:
        yield it


@pytest.fixture
def url(api):
    return f"{api.base}/video-files/1/1080.mp4"


def download(api, url, path, max_bytes=10**9, timeout_s=5.0, deadline_s=30.0):
    http = PexelsHttp(
        KEY,
        api_url=f"{api.base}/v1",
        timeout_s=timeout_s,
        max_wait_s=60,
        deadline=Deadline(deadline_s),
        sleep=lambda seconds: None,
    )
    http.download(url, path, max_bytes=max_bytes)
    return path.read_bytes()


def ranges(api):
    return [request.headers.get("Range") for request in api.server.asked]


def test_a_download_that_breaks_off_goes_on_where_it_stopped(api, url, tmp_path):
    api.file_faults = [api.cut(100_000)]
    assert download(api, url, tmp_path / "v.mp4") == api.content(1)
    first, second = ranges(api)
    assert first is None
    assert 0 < int(second.removeprefix("bytes=").removesuffix("-")) <= 100_000


def test_a_page_in_a_videos_place_is_refused(api, url, tmp_path):
    headers = {"Content-Type": "text/html; charset=utf-8"}
    api.file_faults = [Answer(200, b"<html>Please log in to this network</html>", headers)]
    with pytest.raises(MediaUnreadable, match=r"a page came \(text/html\), no video"):
        download(api, url, tmp_path / "v.mp4")


def test_a_file_that_changed_meanwhile_is_fetched_from_its_beginning(api, url, tmp_path):
    old = api.cut(100_000)
    old.headers["ETag"] = '"an older file"'
    old.body = b"x" * len(VIDEO)
    api.file_faults = [old]
    assert download(api, url, tmp_path / "v.mp4") == api.content(1)


@pytest.mark.parametrize("headers", [{}, {"ETag": 'W/"weak"'}])
def test_a_file_whose_version_is_not_known_is_fetched_from_its_beginning(
    api, url, tmp_path, headers
):
    broken = api.cut(100_000)
    broken.headers = headers
    api.file_faults = [broken]
    assert download(api, url, tmp_path / "v.mp4") == api.content(1)
    assert ranges(api) == [None, None]


def test_a_part_that_stops_before_the_end_it_names_is_gone_on_with(api, url, tmp_path):
    true, whole = api.server.answer, api.content(1)

    def answer(request):
        given = true(request)
        if given.status == 206 and len(api.server.asked) == 2:
            given.body = given.body[:50_000]  # less than its Content-Range promises
        return given

    api.server.answer = answer
    api.file_faults = [api.cut(100_000)]
    assert download(api, url, tmp_path / "v.mp4") == whole
    assert len(api.server.asked) == 3


def test_a_download_that_never_comes_whole_is_told(api, url, tmp_path):
    api.file_faults = [api.cut(100_000)] + [Answer(503)] * 9
    with pytest.raises(TransientError, match="HTTP 503"):
        download(api, url, tmp_path / "v.mp4")
    assert len(api.server.asked) == 5


def test_a_server_in_trouble_is_waited_for(api, url, tmp_path):
    api.file_faults = [Answer(500), Answer(429)]
    assert download(api, url, tmp_path / "v.mp4") == api.content(1)


def test_a_server_that_falls_silent_is_asked_again(api, url, tmp_path):
    going = threading.Event()

    def answer(request, true=api.server.answer):
        if len(api.server.asked) == 1:
            going.wait(10)
        return true(request)

    api.server.answer = answer
    try:
        assert download(api, url, tmp_path / "v.mp4", timeout_s=0.3) == api.content(1)
    finally:
        going.set()
    assert len(api.server.asked) == 2


def test_a_file_above_the_limit_is_refused_before_it_is_read(api, url, tmp_path):
    with pytest.raises(MediaUnreadable, match=r"pexels\.max_bytes \(1000\)"):
        download(api, url, tmp_path / "v.mp4", max_bytes=1000)
    assert (tmp_path / "v.mp4").stat().st_size == 0


def test_a_file_of_unknown_length_is_refused_when_the_limit_is_reached(api, url, tmp_path):
    body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(VIDEO), VIDEO)
    api.file_faults = [Answer(200, body, {"Transfer-Encoding": "chunked"})]
    with pytest.raises(MediaUnreadable, match=r"pexels\.max_bytes"):
        download(api, url, tmp_path / "v.mp4", max_bytes=200_000)


def test_a_deadline_ends_a_download_that_drips(api, url, tmp_path):
    with pytest.raises(TransientError, match=r"limits\.max_runtime_s"):
        download(api, url, tmp_path / "v.mp4", deadline_s=0.0)


def test_a_redirect_of_a_file_is_followed(api, url, tmp_path):
    api.file_faults = [Answer(302, headers={"Location": f"{api.base}/video-files/1/720.mp4"})]
    assert download(api, url, tmp_path / "v.mp4") == api.content(1)
    assert all("Authorization" not in request.headers for request in api.server.asked)
