"""The step that brings videos from Pexels: what is stored, credited, known and passed over."""

import hashlib
import json
from datetime import UTC, datetime

import pytest

from pipeline_project.adapters.lake.lance import LanceLake
from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.adapters.object_store.local import LocalObjectStore
from pipeline_project.adapters.sources import open_source
from pipeline_project.adapters.sources.pexels import PexelsSource
from pipeline_project.adapters.sources.pexels_http import PexelsHttp
from pipeline_project.resources.source import Sources
from pipeline_project.worker.request import listing_key, load_listing
from pipeline_project_tests.jobs.test_curation import failure_of, metadata_of, run
from pipeline_project_tests.jobs.wiring import House
from pipeline_project_tests.stand_ins.http import Answer
from pipeline_project_tests.stand_ins.pexels import KEY, pexels

STEP = "download_random_video_from_pexels"


@pytest.fixture
def api():
    with pexels() as it:
        yield it


@pytest.fixture
def house(tmp_path):
    return House(tmp_path / "home")


@pytest.fixture
def lake(tmp_path):
    root = tmp_path / "lake"
    return LanceLake(root.as_uri(), LocalObjectStore(root))


@pytest.fixture
def go(api, house, lake):
    """Run the job on a source; gives the result and what was listed."""

    def open_pexels(ask):
        http = PexelsHttp(
            KEY,
            api_url=f"{api.base}/v1",
            timeout_s=5,
            max_wait_s=1,
            deadline=ask.deadline,
            sleep=lambda seconds: None,
        )
        return PexelsSource(ask.spec, http, ask.config, seed=ask.seed, known=ask.known)

    def go(spec="pexels:cats", **config):
        result = run(
            house,
            house.config(source=spec, pexels=config),
            None,
            source=Sources(open_source, open_pexels),
            lake=lake,
        )
        refs = []
        if result.success:
            refs = list(load_listing(house.objects.get(listing_key(result.run_id))))
        return result, refs

    return go


def remember(lake, refs, provider="Pexels"):
    """What the worker writes about files that it has read."""
    writer = lake.begin(run_id="earlier")
    rows = [
        {
            "uri": ref.uri,
            "sha256": ref.uri.rpartition("/")[2].removesuffix(".mp4"),
            "name": ref.name,
            "source": ref.source,
            "size_bytes": ref.size_bytes,
            "fingerprint": ref.fingerprint,
            "attribution": json.dumps({**ref.attribution, "provider": provider}),
            "seen_at": datetime.now(UTC),
        }
        for ref in refs
    ]
    writer.append(TABLES["media_sources"], rows)
    writer.commit("earlier run")


def test_a_video_is_stored_under_its_contents_with_its_maker(go, house, api):
    result, (ref,) = go()
    assert result.success
    number = ref.name.removeprefix("pexels-").removesuffix(".mp4")
    name = f"input/{hashlib.sha256(api.content(number)).hexdigest()}.mp4"
    assert [stored.key for stored in house.objects.list("input")] == [name]
    assert ref.uri == f"{house.objects.root}/{name}"
    assert (ref.size_bytes, ref.source) == (len(api.content(number)), "pexels:cats")
    assert ref.attribution["credit"] == f"Video by Maker {number} on Pexels"


def test_the_runs_page_credits_the_makers_and_links_to_pexels(go):
    result, refs = go(count=3)
    credits = metadata_of(result, STEP)["credits"].value
    for ref in refs:
        assert f"[{ref.attribution['credit']}]({ref.attribution['credit_url']})" in credits
    assert "[Pexels](https://www.pexels.com)" in credits


def test_the_key_stands_nowhere_in_what_the_run_recorded(go):
    result, _ = go()
    assert KEY not in str(result.all_events)


def test_no_video_is_brought_twice(go, lake):
    brought = []
    for _ in range(4):
        result, refs = go(count=3)
        assert result.success
        remember(lake, refs)
        brought += [ref.name for ref in refs]
    assert len(set(brought)) == 12


def test_a_file_of_the_user_that_has_a_videos_name_does_not_stand_for_it(go, lake, api):
    api.total = 1
    _, refs = go()
    remember(lake, refs, provider="nobody")
    result, again = go()
    assert result.success and again[0].name == refs[0].name


def test_when_nothing_new_matches_the_step_says_so_and_forbids_retries(go, lake, api):
    api.total = 2
    _, refs = go(count=2)
    remember(lake, refs)
    result, _ = go()
    step, failure = failure_of(result)
    assert step == STEP
    assert "none of the 2 matches is new" in failure.description
    assert failure.metadata["error_class"].value == "ConfigError"


def test_a_video_asked_for_by_its_id_is_downloaded_once(go, lake, api):
    result, first = go("pexels:id:7")
    remember(lake, first)
    api.server.asked.clear()
    result, again = go("pexels:id:7")
    assert result.success
    assert api.server.asked == []
    assert again[0].uri == first[0].uri
    assert again[0].attribution["credit"] == "Video by Maker 7 on Pexels"


def test_a_video_asked_for_by_its_id_that_left_the_store_is_downloaded_again(go, lake, api, house):
    _, first = go("pexels:id:7")
    remember(lake, first)
    for item in list(house.objects.list("input")):
        house.objects.delete(item.key)
    result, _ = go("pexels:id:7")
    assert result.success
    assert len(list(house.objects.list("input"))) == 1


def test_a_video_that_is_gone_costs_that_video_alone(go, api):
    api.file_faults = [Answer(404)]
    result, refs = go(count=3)
    assert result.success
    assert len(refs) == 2


def test_when_every_video_is_gone_the_step_fails(go, api):
    api.file_faults = [Answer(404)] * 2
    result, _ = go(count=2)
    step, failure = failure_of(result)
    assert step == STEP
    assert "HTTP 404" in failure.description


def test_a_download_that_breaks_off_for_good_leaves_nothing_in_the_store(go, api, house):
    api.file_faults = [api.cut(1000)] * 9
    result, _ = go()
    step, failure = failure_of(result)
    assert step == STEP
    assert failure.metadata["error_class"].value == "TransientError"
    assert list(house.objects.list("input")) == []
