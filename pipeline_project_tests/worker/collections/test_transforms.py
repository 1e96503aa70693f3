"""What steps can do with a datum, and what they cannot."""

import sys

import pytest

from pipeline_project.errors import ConfigError
from pipeline_project_tests.worker.collections.house import counts

HEAD = "name: texts\ncollections:\n  texts: {source: texts}\nsteps:\n"


def step(transform: str, *more: str, glob: str = "/*") -> str:
    lines = ["- name: out", f'  input: {{collection: texts, glob: "{glob}"}}']
    return HEAD + "\n".join(["  " + line for line in (*lines, f"  transform: {transform}", *more)])


def test_a_command_reads_one_folder_and_fills_another(house):
    house.write(
        "upper.py",
        """
        import pathlib, sys
        for path in pathlib.Path(sys.argv[1]).rglob("*.txt"):
            pathlib.Path(sys.argv[2], path.name.upper()).write_text(path.read_text().upper())
        """,
    )
    text = step(f'{{command: ["{sys.executable}", upper.py, "{{in}}/texts", "{{out}}"]}}')
    house.run(text)
    assert house.outputs("out")["/A.TXT"] == b"SOME WORDS OF A"
    assert house.run(text).commit_id is None
    house.change("upper.py", "import pathlib, sys", "import pathlib, sys  # a comment")
    assert house.run(text).commit_id is None
    house.change("upper.py", ".upper())", ".title())")
    assert counts(house.plan(text))["out"] == {"changed": 3}


def test_a_command_that_fails_is_told_by_its_last_words(house):
    words = f'["{sys.executable}", "-c", "print(\'no luck\'); exit(3)", "{{out}}"]'
    report = house.run(step(f"{{command: {words}}}"))
    assert counts(report)["out"] == {"new": 3, "failed": 3}
    assert "ended with code 3: no luck" in report.steps[0].failures[0].error


def test_a_program_that_is_not_installed_ends_the_run(house):
    with pytest.raises(ConfigError, match="Starting no-such-program"):
        house.run(step('{command: [no-such-program, "{out}"]}'))


def test_a_datum_that_takes_too_long_has_failed(house):
    house.write("slow.py", "import time\ndef wait(given):\n    time.sleep(60)\n")
    text = step('{call: "slow:wait"}', "  timeout_s: 0.1", glob="/a*")
    report = house.run(text)
    assert "did not end within 0.1 s" in report.steps[0].failures[0].error


def test_a_datum_that_kills_its_process_fails_alone(house):
    house.write(
        "deadly.py",
        """
        import os, signal
        def die(given):
            if given.file.path == "/b.txt":
                os.kill(os.getpid(), signal.SIGKILL)
            return 1
        """,
    )
    report = house.run(step('{call: "deadly:die"}'))
    assert counts(report)["out"] == {"new": 3, "failed": 1}
    assert report.steps[0].failures[0].datum == "texts:/b.txt"
    assert sorted(house.outputs("out")) == ["/a.json", "/c.json"]


def test_large_outputs_go_to_the_object_store_and_several_files_may_be_made(house):
    house.write(
        "many.py",
        """
        from pipeline_project.worker.collections.given import Files
        def split(given):
            stem = given.file.path[:-4]
            return Files({f"{stem}/large": b"x" * 100_000, f"{stem}/small": b"y"})
        """,
    )
    house.run(step('{call: "many:split"}'))
    made = house.outputs("out")
    assert (len(made), len(made["/a/large"]), made["/c/small"]) == (6, 100_000, b"y")
    assert len(list((house.folder / "home/store/collections").rglob("[0-9a-f]" * 64))) == 1


def test_two_datums_that_write_one_path_end_the_run_and_publish_nothing(house):
    house.write(
        "clash.py",
        """
        from pipeline_project.worker.collections.given import Files
        def same(given):
            return Files({"/same": b"1"})
        """,
    )
    with pytest.raises(ConfigError, match=r"texts:/a.txt and texts:/b.txt would both .* /same"):
        house.run(step('{call: "clash:same"}'))
    assert house.outputs("out") == {}


def test_what_json_cannot_hold_is_refused(house):
    house.write("odd.py", "def make(given):\n    return {1, 2}\n")
    report = house.run(step('{call: "odd:make"}', glob="/a*"))
    assert "gave back a set, which JSON cannot hold" in report.steps[0].failures[0].error


def test_merging_says_where_two_files_disagree(house):
    house.write("texts/a.txt", '{"x": 1}')
    house.write("texts/b.txt", '{"x": 2}')
    report = house.run(step("{merge: true}", glob="/"))
    assert "'x' is 2 here and 1 in a file before it" in report.steps[0].failures[0].error


def test_what_is_no_image_is_told(house):
    report = house.run(step("{measure: entropy}", glob="/a*"))
    assert report.steps[0].failures[0].error.startswith("MediaUnknown: ")
