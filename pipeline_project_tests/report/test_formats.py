"""How numbers, times and names are written."""

import math

import pytest

from pipeline_project.report import formats


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, "0:00:00.0"),
        (61.04, "0:01:01.0"),
        (59.96, "0:01:00.0"),
        (3599.97, "1:00:00.0"),
        (36_610.5, "10:10:10.5"),
        (-0.04, "0:00:00.0"),
        (None, ""),
        (math.nan, ""),
    ],
)
def test_clock(seconds, written):
    assert formats.clock(seconds) == written


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0.04, "0.0 s"),
        (9.96, "10 s"),
        (59.7, "1 min"),
        (252, "4 min 12 s"),
        (7_500, "2 h 5 min"),
        (3_600, "1 h"),
        (math.inf, "unknown"),
    ],
)
def test_span(seconds, written):
    assert formats.span(seconds) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (1184, "1,184"),
        (1184.4, "1,184"),
        (0.81237, "0.812"),
        (0.00002, "2.0e-05"),
        (-3.0, "-3"),
        (math.nan, "not a number"),
        (math.inf, "∞"),
    ],
)
def test_number(value, written):
    assert formats.number(value) == written


def test_percent_keeps_a_hundred_for_certainty():
    assert formats.percent(0.9999) == "99 %"
    assert formats.percent(1.0) == "100 %"


def test_identifiers_become_words():
    assert formats.words("p_moire") == "probability of moiré"
    assert formats.words("fft_high_frequency") == "FFT high frequency"


@pytest.mark.parametrize(
    "text", ["javascript:alert(1)", "data:text/html,x", "//host/x", "http://", "http://[", "plain"]
)
def test_only_web_addresses_become_links(text):
    assert formats.web_link(text) == ""


def test_a_web_address_becomes_a_link():
    assert formats.web_link(" https://www.pexels.com/@ada ") == "https://www.pexels.com/@ada"


def test_a_frames_path_cannot_leave_its_folder():
    assert formats.frame_path("../../a b#?.jpg") == "frames/..%2F..%2Fa%20b%23%3F.jpg"


def test_a_moment_that_cannot_be_read_stays_as_it_is():
    assert formats.moment("yesterday") == "yesterday"
    assert formats.moment("2025-06-03T14:21:07+00:00") == "3 June 2025, 14:21 UTC"


def test_a_credit_links_the_author_to_the_authors_page():
    parts = formats.credits(
        {
            "author": "Ada <b>",
            "author_url": "https://www.pexels.com/@ada",
            "url": "https://www.pexels.com/video/1/",
            "license": "",
        }
    )
    assert parts == [
        formats.Credit("Ada <b>", "https://www.pexels.com/@ada"),
        formats.Credit("source", "https://www.pexels.com/video/1/"),
    ]


def test_a_credit_with_a_script_for_an_address_is_text():
    parts = formats.credits({"author": "Ada", "author_url": "javascript:alert(1)"})
    assert parts == [formats.Credit("Ada", "")]
