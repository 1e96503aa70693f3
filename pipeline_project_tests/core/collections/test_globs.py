import pytest

from pipeline_project.core.collections.globs import compile_glob, expand
from pipeline_project.errors import ConfigError


@pytest.mark.parametrize(
    ("pattern", "path", "captures"),
    [
        # Examples of Pachyderm's own documentation.
        ("/(*)", "/foo", ("foo",)),
        ("/*/bar-(*)", "/foo/bar-123", ("123",)),
        ("/(*)/*/(??)*.txt", "/foo/bar-123/ABC.txt", ("foo", "AB")),
        ("/*/(bar-(123))/*", "/foo/bar-123/ABC.txt", ("bar-123", "123")),
        ("/", "/", ()),
        ("/*", "/a.jpg", ()),
        ("*.jpg", "/a.jpg", ()),
        ("/**", "/a/b/c.jpg", ()),
        ("/**/(*).jpg", "/a/b/c.jpg", ("c",)),
        ("/{a,b*}.jpg", "/bcd.jpg", ()),
        ("/[a-c]?[!x].jpg", "/bzz.jpg", ()),
        ("/@(cat|dog)_(*).jpg", "/dog_7.jpg", ("dog", "7")),
        ("/a?(b|c).jpg", "/a.jpg", ("",)),
        ("/+(ab).jpg", "/abab.jpg", ("abab",)),
        ("/(a|b).jpg", "/b.jpg", ("b",)),
        (r"/\*.jpg", "/*.jpg", ()),
        ("/a+b (1).jpg".replace("(1)", r"\(1\)"), "/a+b (1).jpg", ()),
        ("/é[à-ü].jpg", "/éö.jpg", ()),
    ],
)
def test_a_pattern_matches_and_captures(pattern, path, captures):
    assert compile_glob(pattern).match(path) == captures


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("/*", "/a/b.jpg"),
        ("/*.jpg", "/aXjpg"),
        ("/?", "/"),
        ("/a[!b]c", "/a/c"),
        ("/[!a]", "/a"),
        ("/{a,b}.jpg", "/c.jpg"),
        ("/", "/a"),
        (r"/\*.jpg", "/a.jpg"),
    ],
)
def test_a_pattern_does_not_match(pattern, path):
    assert compile_glob(pattern).match(path) is None


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("", "empty"),
        ("/(*", "'(' is never closed"),
        ("/*)", "')' closes nothing"),
        ("/{a,b", "'{' is never closed"),
        ("/[ab", "'[' is never closed"),
        ("/[z-a]", "no class"),
        ("/!(a).jpg", "not supported"),
        ("/a\\", "backslash"),
    ],
)
def test_a_bad_pattern_is_refused_with_the_reason(pattern, said):
    with pytest.raises(
        ConfigError,
        match=".*"
        + said.replace("(", r"\(").replace("[", r"\[").replace("{", r"\{").replace(")", r"\)"),
    ):
        compile_glob(pattern)


def test_captures_go_into_a_template():
    assert expand("$1-${2}0$0", ("a", "b"), "/s") == "a-b0/s"


def test_a_template_that_names_too_much_is_refused():
    with pytest.raises(ConfigError, match="group 3"):
        expand("$3", ("a", "b"))
