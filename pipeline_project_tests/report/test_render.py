"""The page's text: complete, escaped, self-contained."""

import dataclasses
import json
import re
from functools import lru_cache
from html.parser import HTMLParser

import pytest

from pipeline_project.report.render import render_report
from pipeline_project_tests.report.example import NASTY_NAMES, example, nothing


class Page(HTMLParser):
    """The elements of a page as a browser would find them."""

    def __init__(self, html: str):
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text: list[str] = []
        self._inside = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside != "style":
            self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


@lru_cache(maxsize=1)
def full_html() -> str:
    return render_report(example())


@lru_cache(maxsize=1)
def full_page() -> Page:
    return Page(full_html())


def test_hostile_names_add_no_element_and_no_handler():
    page = full_page()
    # Bokeh, the page's own script, and the data of the figures.
    assert len(page.scripts) == 3
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
        assert attributes.get("src") != "x"
        assert not (attributes.get("href") or "").strip().lower().startswith("javascript:")
    assert not page.all("b") or all(not attributes for attributes in page.all("b"))


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>.mp4", '"><img src=x onerror=alert(1)>.mp4']
)
def test_a_hostile_name_is_shown_as_it_is_written(name):
    page = full_page()
    assert name in page.words()
    assert any(attributes.get("title") == name for attributes in page.all("p"))


def test_a_name_that_closes_a_script_stays_inside_the_figures_data():
    names = [
        name
        for item in json.loads(full_page().scripts[0])
        for name in re.findall(r"</script><script>[^\"]*?\.mov", json.dumps(item))
    ]
    assert names
    assert "document.title='owned'" not in full_html().replace("document.title=&#39;owned&#39;", "")


def test_characters_that_cannot_be_seen_are_made_visible():
    words = full_page().words()
    assert "two␊lines␉and a tab.mp4" in words
    assert "[U+202E]gpj.exe.mp4" in words
    assert "broken [U+DCFF] byte.mp4" in words
    full_html().encode("utf-8")


def test_the_page_loads_nothing_from_anywhere():
    page = full_page()
    for tag, attributes in page.elements:
        for name in ("src", "srcset", "poster", "data"):
            assert (attributes.get(name) or "data:").startswith("data:"), (tag, attributes)
        if tag == "link":
            assert attributes["href"].startswith("data:")
    outside = [a["href"] for a in page.all("a") if re.match(r"[a-z]+:|//", a.get("href") or "")]
    assert set(outside) == {
        "https://www.pexels.com/@ada",
        "https://www.pexels.com/video/1234/",
        "http://localhost:3000/runs/b6c0c2f8",
    }
    style = re.search(r"<style>(.*?)</style>", full_html(), re.DOTALL).group(1)
    assert "url(" not in style
    assert "@import" not in style


def test_only_the_pages_own_scripts_may_run():
    policy = next(a["content"] for a in full_page().all("meta") if a.get("http-equiv"))
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert re.fullmatch(r"('sha256-[A-Za-z0-9+/=]{44}' ?){2}", rules["script-src"])
    assert "http" not in policy


def test_every_pick_is_there_once_in_the_order_of_rank():
    data = dataclasses.replace(example(picked=500, frames=60, nasty=False), embedding_map=None)
    page = Page(render_report(data))
    links = [a for a in page.all("a") if "data-pick" in a]
    assert len(links) == 500
    assert [int(re.search(r"\d+", a["aria-label"]).group()) for a in links] == list(range(1, 501))
    assert links[0]["href"] == "frames/0001%20chelsea%20%231%3F_1.5s.jpg"


def test_every_image_has_an_alternative_text_and_loads_lazily():
    images = full_page().all("img")
    assert len(images) > 60
    for image in images[:-1]:  # the last is the empty one of the enlarged view
        assert image["alt"]
        assert (image["loading"], image["decoding"]) == ("lazy", "async")


def test_cut_lists_say_how_many_there_are():
    words = full_page().words()
    assert "Showing 25 of 190 excluded frames." in words
    assert "Showing 17 of 142 here." in words
    assert "Showing 4 of 31 groups." in words
    assert "Showing 420 of 1,184 frames." in words
    assert "These 14 are one" in words


def test_a_list_that_is_whole_says_nothing_of_a_cut():
    data = example(nasty=False)
    data = dataclasses.replace(
        data,
        exclusions_total=len(data.exclusions),
        exclusions_by_judgement={},
        duplicates_total=len(data.duplicates),
        embedding_map=dataclasses.replace(data.embedding_map, total=420),
    )
    assert "Showing" not in Page(render_report(data)).words()


def test_exclusions_show_value_and_threshold_under_their_judgement():
    words = full_page().words()
    assert "Near black 11" in words
    assert "Mean luma 2.4 · threshold 8" in words
    assert "Moiré 37" in words


def test_rejects_show_stage_class_and_message():
    words = full_page().words()
    assert "MediaTruncated Decoded 212 of 900 declared frames" in words
    assert "used in part" in words


def test_warnings_and_counts_stand_at_the_top():
    words = full_page().words()
    assert words.index("4 of 14 files could not be read in full") < words.index("What was picked")
    for tile in ("files 14", "of video 1 h 13 min", "frames looked at 1,184", "picked 24"):
        assert tile in words


def test_a_run_without_anything_gives_a_quiet_page():
    html = render_report(nothing())
    words = Page(html).words()
    for sentence in (
        "No frame was picked.",
        "No frame was embedded, so there is no map.",
        "No frame was judged out.",
        "No frame was shown twice.",
        "Every file could be read in full.",
        "Nothing was scored.",
        "No stage ran.",
    ):
        assert sentence in words
    # Without a figure the page does without the plotting library.
    assert len(html) < 60_000


def test_headings_descend_one_level_at_a_time():
    levels = [int(tag[1]) for tag, _ in full_page().elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(levels, levels[1:], strict=False))


def test_an_unknown_count_still_gets_a_tile():
    data = dataclasses.replace(nothing(), counts={"cameras": 3, "wait_s": 75.0})
    words = Page(render_report(data)).words()
    assert "cameras 3" in words
    assert "wait 1 min 15 s" in words


def test_five_hundred_picks_stay_a_light_page():
    data = dataclasses.replace(example(picked=500, frames=60, nasty=False), embedding_map=None)
    thumbnails = sum(len(pick.card.thumbnail_jpeg) for pick in data.picks)
    others = sum(len(e.card.thumbnail_jpeg) for e in data.exclusions)
    assert len(render_report(data)) < 1.4 * (thumbnails + others) + 2_500_000


def test_nasty_names_are_all_on_the_page():
    assert len(NASTY_NAMES) == sum(
        1 for a in full_page().all("a") if "data-pick" in a and "camera" not in a["href"]
        and not re.match(r"frames/\d{4}%20", a["href"])
    )  # fmt: skip
