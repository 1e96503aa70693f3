"""Which videos of Pexels are chosen, against a local HTTP server that answers as the API does."""

import json
from urllib.parse import urlsplit

import pytest

from pipeline_project.adapters.sources.pexels import PexelsSource
from pipeline_project.adapters.sources.pexels_http import PexelsHttp
from pipeline_project.adapters.waiting import Deadline
from pipeline_project.core.config import PexelsConfig
from pipeline_project.errors import ConfigError, MediaUnreadable, PermanentError, TransientError
from pipeline_project_tests.contracts.media_source import MediaSourceContract
from pipeline_project_tests.stand_ins.http import Answer, json_answer
from pipeline_project_tests.stand_ins.pexels import KEY, pexels


@pytest.fixture
def api():
    with pexels() as it:
        yield it


def http(api, key=KEY, url=None, deadline_s=30.0, now=None, slept=None, max_wait_s=60.0):
    more = {"now": now} if now else {}
    return PexelsHttp(
        key,
        api_url=url or f"{api.base}/v1",
        timeout_s=5,
        max_wait_s=max_wait_s,
        deadline=Deadline(deadline_s),
        sleep=(slept if slept is not None else []).append,
        **more,
    )


def source(
    api, spec="pexels:cats & dogs", seed=1, known=lambda names: (), transport=None, **config
):
    return PexelsSource(
        spec,
        transport or http(api),
        PexelsConfig(**config),
        seed=seed,
        known=known or (lambda names: ()),
    )


def names(of):
    return [ref.name for ref in of.list()]


class TestPexelsSource(MediaSourceContract):
    @pytest.fixture
    def source(self, api):
        return source(api)

    @pytest.fixture
    def gone(self, api):
        api.file_faults = [Answer(404)]
        return f"{api.base}/video-files/1/1080.mp4"


def test_a_video_comes_with_its_maker_its_page_and_pexels(api):
    (ref,) = source(api).list()
    number = ref.name.removeprefix("pexels-").removesuffix(".mp4")
    assert ref.attribution == {
        "author": f"Maker {number}",
        "author_url": "https://www.pexels.com/@m",
        "credit": f"Video by Maker {number} on Pexels",
        "credit_url": f"https://www.pexels.com/video/clip-{number}/",
        "provider": "Pexels",
        "provider_url": "https://www.pexels.com",
    }


@pytest.mark.parametrize(
    ("wanted_px", "own_size", "taken_px"),
    [
        (1080, (3840, 2160), 1080),
        (1000, (3840, 2160), 1080),
        (1, (3840, 2160), 240),
        (9000, (3840, 2160), 2160),
        (1080, (1280, 720), 720),  # the larger files were enlarged
    ],
)
def test_the_smallest_file_that_is_high_enough_and_not_enlarged_is_taken(
    api, wanted_px, own_size, taken_px
):
    api.own_size = dict.fromkeys(range(200), own_size)
    (ref,) = source(api, height_px=wanted_px).list()
    assert ref.uri.endswith(f"/{taken_px}.mp4")


def test_the_height_of_an_upright_video_is_its_width(api):
    entry = api.entry(3) | {"width": 1080, "height": 1920}
    for each in entry["video_files"]:
        each["width"], each["height"] = each["height"], each["width"]
    api.faults = [json_answer(entry)]
    (ref,) = source(api, "pexels:id:3", height_px=720).list()
    assert ref.uri.endswith("/720.mp4")


def test_the_query_reaches_the_versioned_address_whole(api):
    names(source(api))
    (request,) = api.server.asked
    assert request.path == "/v1/videos/search"
    assert request.query == {"query": "cats & dogs", "page": "1", "per_page": "80"} | (
        {"page": request.query["page"]}
    )


@pytest.mark.parametrize("spec", ["pexels:", "pexels:popular"])
def test_the_popular_videos_can_be_asked_for(api, spec):
    assert len(names(source(api, spec))) == 1
    assert api.server.asked[0].path == "/v1/videos/popular"


def test_one_video_can_be_asked_for_by_its_id(api):
    assert names(source(api, "pexels:id:17", known=lambda names: names)) == ["pexels-17.mp4"]
    (request,) = api.server.asked
    assert (request.path, request.query) == ("/v1/videos/videos/17", {})


def test_the_same_seed_chooses_the_same_videos_and_other_seeds_reach_other_pages(api):
    assert names(source(api, seed=5, count=4)) == names(source(api, seed=5, count=4))
    assert len({names(source(api, seed=seed))[0] for seed in range(12)}) > 6
    assert {request.query["page"] for request in api.server.asked} > {"1"}


def test_the_best_come_in_the_apis_own_order(api):
    assert names(source(api, order="best", count=3)) == [f"pexels-{n}.mp4" for n in range(3)]


def test_no_page_is_asked_for_twice(api):
    assert len(names(source(api, order="best", count=80))) == 80
    assert len(api.server.asked) == 1


def test_known_videos_are_passed_over(api):
    known = {f"pexels-{n}.mp4" for n in range(5)}
    chosen = source(api, order="best", count=2, known=known.intersection)
    assert names(chosen) == ["pexels-5.mp4", "pexels-6.mp4"]
    assert chosen.ignored == 5


def test_when_all_matches_are_known_it_is_said(api):
    api.total = 7
    with pytest.raises(ConfigError, match="none of the 7 matches is new .* 7 are there"):
        names(source(api, known=lambda names: names))


def test_fewer_matches_than_asked_for_are_enough(api):
    api.total = 3
    assert len(names(source(api, count=10))) == 3


def test_a_video_that_is_on_two_pages_is_chosen_once(api):
    api.total = 160
    entries = [api.entry(number) for number in range(80)]
    page = {"page": 1, "per_page": 80, "total_results": 160, "videos": entries}
    api.faults = [json_answer(page), json_answer(page | {"page": 2})]
    chosen = names(source(api, count=80, seed=3))
    assert len(set(chosen)) == len(chosen) == 80


def test_videos_that_are_too_long_or_too_large_are_passed_over(api):
    api.total = 4
    api.duration_s = {0: 3, 1: 500}
    limits = {"order": "best", "min_duration_s": 10.0, "max_duration_s": 60.0}
    assert names(source(api, count=4, **limits)) == ["pexels-2.mp4", "pexels-3.mp4"]
    with pytest.raises(ConfigError, match=r"pexels\.max_bytes"):
        names(source(api, max_bytes=1000))


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"max_duration_s": 5.0}, r"22 s long, outside 0 to 5 s \(pexels\.min_duration_s"),
        ({"max_bytes": 10}, r"no mp4 of at most 10 bytes"),
    ],
)
def test_a_video_asked_for_by_its_id_that_is_not_allowed_says_why(api, config, words):
    with pytest.raises(ConfigError, match=words):
        names(source(api, "pexels:id:3", **config))


def test_limits_that_allow_nothing_are_refused_before_anything_is_asked(api):
    with pytest.raises(ConfigError, match="no video would do"):
        source(api, min_duration_s=9.0, max_duration_s=5.0)
    assert api.server.asked == []


def test_no_match_is_told(api):
    api.total = 0
    with pytest.raises(ConfigError, match="'cats & dogs': no video matches"):
        names(source(api))


def test_an_id_that_is_not_there_is_told(api):
    with pytest.raises(ConfigError, match="video 4711: HTTP 404"):
        names(source(api, "pexels:id:4711"))


@pytest.mark.parametrize("spec", ["pexels:id:", "pexels:id:x", "pexels:id:-1", "pexels:id:٣"])
def test_an_id_that_is_no_number_is_refused(api, spec):
    with pytest.raises(ConfigError, match="no id of a video"):
        source(api, spec)


def test_another_sources_spec_is_refused(api):
    with pytest.raises(ConfigError, match="pexels:QUERY"):
        source(api, spec="folder")


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"[]", b"{}", b'{"total_results": "x"}', b'{"total_results": 1, "videos": [3]}'],
)
def test_an_answer_that_cannot_be_understood_is_a_clear_error(api, body):
    api.faults = [Answer(200, body)]
    with pytest.raises(PermanentError, match="cannot be understood"):
        names(source(api))


@pytest.mark.parametrize("missing", ["id", "user", "video_files", "url", "width"])
def test_an_entry_that_lacks_something_is_a_clear_error(api, missing):
    entry = api.entry(1)
    del entry[missing]
    api.faults = [Answer(200, json.dumps({"total_results": 1, "videos": [entry]}).encode())]
    with pytest.raises(PermanentError, match="cannot be understood"):
        names(source(api))


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (401, ConfigError, "HTTP 401, the key is refused. Check PEXELS_API_KEY"),
        (403, ConfigError, "HTTP 403, this key may not ask that"),
        (418, PermanentError, "HTTP 418"),
    ],
)
def test_a_refusal_is_a_clear_error_without_the_key_and_is_not_repeated(api, status, kind, words):
    api.faults = [Answer(status)]
    with pytest.raises(kind, match=words) as caught:
        names(source(api))
    assert KEY not in str(caught.value)
    assert caught.value.__cause__ is None
    assert len(api.server.asked) == 1


def test_trouble_that_passes_is_waited_out(api):
    api.faults = [Answer(503), Answer(500), Answer(429, headers={"Retry-After": "7"})]
    slept = []
    assert len(names(source(api, transport=http(api, slept=slept)))) == 1
    assert slept[2] == 7.0


def test_trouble_that_does_not_pass_is_told(api):
    api.faults = [Answer(503)] * 9
    with pytest.raises(TransientError, match="HTTP 503, the server is in trouble"):
        names(source(api))
    assert len(api.server.asked) == 5


def test_a_rate_limit_that_lifts_too_late_is_told_with_its_time(api):
    api.faults = [Answer(429, headers={"X-Ratelimit-Reset": "1900000000"})]
    transport = http(api, now=lambda: 1_899_999_000.0)
    with pytest.raises(TransientError, match="2030-03-17 17:46:40 UTC, in 1000 s"):
        names(source(api, transport=transport))
    assert len(api.server.asked) == 1


@pytest.mark.parametrize("reset", ["1900000000000", "9" * 400, "²", "soon", "-1", ""])
def test_a_rate_limit_with_an_odd_time_is_told_all_the_same(api, reset):
    api.faults = [Answer(429, headers={"X-Ratelimit-Reset": reset})] * 9
    with pytest.raises(TransientError, match="it is lifted at a time that it does not tell"):
        names(source(api))


def test_a_rate_limit_that_lifts_soon_is_waited_for(api):
    api.faults = [Answer(429, headers={"X-Ratelimit-Reset": "1900000000"})]
    slept = []
    names(source(api, transport=http(api, now=lambda: 1_899_999_990.0, slept=slept)))
    assert slept == [10.0]


def test_when_no_request_is_left_none_is_wasted(api):
    api.headers = {"X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": "1900000000"}
    transport = http(api, now=lambda: 1_899_999_000.0)
    with pytest.raises(TransientError, match="rate limit"):
        names(source(api, order="best", count=80, known=lambda names: names, transport=transport))
    assert len(api.server.asked) == 1


def test_the_key_does_not_follow_a_redirect(api):
    with pexels() as elsewhere:
        api.faults = [Answer(302, headers={"Location": f"{elsewhere.base}/v1/videos/search"})]
        with pytest.raises(PermanentError, match="HTTP 302, a redirect"):
            names(source(api))
        assert elsewhere.server.asked == []


def test_the_hosts_of_the_files_are_not_given_the_key(api):
    with pexels() as files:
        api.file_base = files.base
        chosen = source(api)
        (ref,) = chosen.list()
        assert urlsplit(ref.uri).netloc == urlsplit(files.base).netloc
        with chosen.fetch(ref.uri) as path:
            assert path.read_bytes() == api.content(ref.name[7:-4])
    assert not path.exists()
    assert all("Authorization" not in request.headers for request in files.server.asked)


@pytest.mark.parametrize("key", ["", "s3cret\nkey", "schlüssel", "s3cret key"])
def test_a_key_that_cannot_be_one_is_refused_and_not_shown(api, key):
    with pytest.raises(ConfigError, match="not shown") as caught:
        http(api, key=key)
    assert not key or key not in str(caught.value)


@pytest.mark.parametrize("url", ["http://api.pexels.com/v1", "ftp://x", "api.pexels.com", ""])
def test_the_key_is_not_sent_unencrypted(api, url):
    with pytest.raises(ConfigError, match="only sent over https"):
        http(api, url=url or "nothing")


def test_a_server_that_is_not_there_is_told(api):
    with pytest.raises(TransientError, match="check the network"):
        names(source(api, transport=http(api, url="http://127.0.0.1:1/v1")))


def test_a_video_that_is_gone_is_told(api):
    api.file_faults = [Answer(403)]
    with (
        pytest.raises(MediaUnreadable, match="403"),
        source(api).fetch(f"{api.base}/video-files/1/1080.mp4"),
    ):
        pass
