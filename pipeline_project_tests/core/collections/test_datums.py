import hashlib

import pytest

from pipeline_project.core.collections.datums import File, Listing, datums
from pipeline_project.core.collections.globs import compile_glob
from pipeline_project.core.collections.inputs import Atom, Combined


def listing(*paths: str, salt: str = "") -> Listing:
    return Listing(File(path, hashlib.sha256((path + salt).encode()).hexdigest()) for path in paths)


def atom(collection: str, glob: str, name: str | None = None, **more) -> Atom:
    return Atom(collection, compile_glob(glob), name or collection, **more)


def shown(found) -> list[str]:
    return [" ".join(f"{part.name}:{part.path}" for part in each.parts) for each in found]


IMAGES = listing("/a.jpg", "/b.png", "/day/c.jpg", "/day/d.jpg", "/night/e.jpg")


@pytest.mark.parametrize(
    ("glob", "paths"),
    [
        ("/", ["/"]),
        ("/*", ["/a.jpg", "/b.png", "/day", "/night"]),
        ("/*.jpg", ["/a.jpg"]),
        ("/*/*", ["/day/c.jpg", "/day/d.jpg", "/night/e.jpg"]),
        ("/**", ["/a.jpg", "/b.png", "/day/c.jpg", "/day/d.jpg", "/night/e.jpg"]),
        ("/day", ["/day"]),
        ("/nothing", []),
    ],
)
def test_the_glob_decides_how_a_collection_is_split(glob, paths):
    assert [each.parts[0].path for each in datums(atom("i", glob), {"i": IMAGES})] == paths


def test_a_folder_is_one_datum_with_all_that_is_below_it():
    (day,) = datums(atom("i", "/day"), {"i": IMAGES})
    assert [file.path for file in day.parts[0].files] == ["/day/c.jpg", "/day/d.jpg"]


def test_a_folder_does_not_hold_what_only_begins_like_it():
    held = listing("/day/a", "/day-2/b", "/day.txt")
    (day,) = datums(atom("i", "/day"), {"i": held})
    assert [file.path for file in day.parts[0].files] == ["/day/a"]


def test_an_empty_collection_has_no_datum_even_as_a_whole():
    assert datums(atom("i", "/"), {"i": listing()}) == []


def test_a_cross_is_every_combination():
    both = Combined("cross", (atom("a", "/*"), atom("b", "/*")))
    found = datums(both, {"a": listing("/1", "/2"), "b": listing("/x", "/y")})
    assert shown(found) == ["a:/1 b:/x", "a:/1 b:/y", "a:/2 b:/x", "a:/2 b:/y"]
    assert [each.stem for each in found] == ["/1/x", "/1/y", "/2/x", "/2/y"]


def test_a_union_is_the_datums_of_each_and_none_twice():
    both = Combined("union", (atom("a", "/*"), atom("b", "/*"), atom("a", "/1")))
    found = datums(both, {"a": listing("/1", "/2"), "b": listing("/1")})
    assert shown(found) == ["a:/1", "a:/2", "b:/1"]


def join(**outer: bool) -> Combined:
    return Combined(
        "join",
        tuple(
            atom(name, "/(*).json", join_on="$1", outer_join=outer.get(name, False))
            for name in ("vol", "sob", "fft")
        ),
    )


HELD = {
    "vol": listing("/p.json", "/q.json", "/r.json"),
    "sob": listing("/q.json", "/p.json"),
    "fft": listing("/p.json", "/z.json"),
}


def test_a_join_takes_what_has_the_same_key_in_all():
    found = datums(join(), HELD)
    assert shown(found) == ["vol:/p.json sob:/p.json fft:/p.json"]
    assert (found[0].stem, found[0].captures) == ("/p", ("p", "p", "p"))


def test_an_outer_join_keeps_its_own_where_another_has_no_match():
    found = datums(join(vol=True), HELD)
    assert shown(found) == ["vol:/p.json sob:/p.json fft:/p.json", "vol:/q.json", "vol:/r.json"]
    assert found[1].captures == ("q", "", "")


def test_outer_joins_on_several_inputs_keep_what_they_have_together():
    found = datums(join(vol=True, sob=True), HELD)
    assert shown(found)[1:] == ["vol:/q.json sob:/q.json", "vol:/r.json"]


def test_several_files_of_one_key_join_in_every_combination():
    two = Combined("join", (atom("a", "/(?)*", join_on="$1"), atom("b", "/(?)*", join_on="$1")))
    found = datums(two, {"a": listing("/x1", "/x2"), "b": listing("/x3", "/y")})
    assert shown(found) == ["a:/x1 b:/x3", "a:/x2 b:/x3"]


def test_a_group_is_one_datum_per_key_and_stays_the_same_datum_when_it_grows():
    by_day = Combined("group", (atom("i", "/(*)/*", group_by="$1"),))
    day, night = datums(by_day, {"i": IMAGES})
    assert shown([day, night]) == ["i:/day/c.jpg i:/day/d.jpg", "i:/night/e.jpg"]
    grown, _ = datums(by_day, {"i": listing(*IMAGES.files, "/day/x.jpg")})
    assert grown.datum_id == day.datum_id
    assert grown.contents_sha256() != day.contents_sha256()


def test_a_group_gathers_over_several_collections():
    both = Combined("group", (atom("a", "/(*).*", group_by="$1"), atom("b", "/(*)", group_by="$1")))
    found = datums(both, {"a": listing("/1.x", "/1.y", "/2.x"), "b": listing("/1", "/3")})
    assert shown(found) == ["a:/1.x a:/1.y b:/1", "a:/2.x", "b:/3"]


def test_inputs_nest():
    either = Combined("union", (atom("a", "/(*)", join_on="$1"), atom("b", "/(*)", join_on="$1")))
    joined = Combined("join", (either, atom("c", "/(*)", join_on="$1")))
    crossed = Combined("cross", (joined, atom("d", "/")))
    held = {"a": listing("/1"), "b": listing("/1", "/2"), "c": listing("/1"), "d": listing("/k")}
    assert shown(datums(crossed, held)) == ["a:/1 c:/1 d:/", "b:/1 c:/1 d:/"]


def test_contents_change_the_hash_and_not_the_identity():
    before = datums(atom("i", "/*"), {"i": listing("/a")})[0]
    after = datums(atom("i", "/*"), {"i": listing("/a", salt="x")})[0]
    assert before.datum_id == after.datum_id
    assert before.contents_sha256() != after.contents_sha256()


def test_the_output_is_named_after_the_path_without_its_ending():
    found = datums(atom("i", "/(*)/*"), {"i": listing("/day.1/c.tar.gz", "/day.1/.rc")})
    assert [each.output_path("$0.json") for each in found] == [
        "/day.1/.rc.json",
        "/day.1/c.tar.json",
    ]
    assert found[0].output_path("$1.txt") == "/day.1.txt"


def test_ten_thousand_datums_are_joined_by_hash_not_pairwise():
    paths = [f"/{number:05d}.json" for number in range(10_000)]
    held = {name: listing(*paths) for name in ("vol", "sob", "fft")}
    assert len(datums(join(), held)) == 10_000
