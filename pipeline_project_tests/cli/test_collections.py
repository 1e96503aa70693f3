"""`pipeline collections` as a user meets it."""

import json

import pytest

from pipeline_project_tests.commands import run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("user")
    assert run(folder, "pipeline", "collections", "init", "quality").returncode == 0
    return folder


def collections(folder, *words: str):
    return run(folder, "pipeline", "collections", *words, PIPELINE_LIMITS__THREADS="1")


def test_the_example_is_planned_run_and_shown(folder):
    planned = collections(folder, "plan", "quality", "--json")
    assert json.loads(planned.stdout.splitlines()[-1])["new"] == 7
    done = collections(folder, "run", "quality/defs.yaml")
    assert done.returncode == 0, done.stderr
    assert "Commit " in done.stderr

    written = collections(folder, "show", "quality", "cls", "--out", "labels")
    assert written.returncode == 0, written.stderr
    labels = {
        path.stem: json.loads(path.read_text())["label"] for path in (folder / "labels").iterdir()
    }
    assert labels == {name: name.partition("_")[2] for name in labels}
    assert len(labels) == 7

    again = collections(folder, "plan", "quality")
    assert again.stdout.splitlines()[-1].split() == ["cls", "0", "0", "0", "7", "0", "0", "7"]
    listed = collections(folder, "show", "quality", "--json")
    assert json.loads(listed.stdout.splitlines()[-1]) == {
        "collection": "cls",
        "reads": ["features"],
        "files": 7,
    }


def test_a_branch_has_collections_of_its_own(folder, tmp_path):
    home = {"PIPELINE_HOME": str(tmp_path)}

    def on(branch, *words):
        given = {**home, "PIPELINE_BRANCH": branch, "PIPELINE_LIMITS__THREADS": "1"}
        return run(folder, "pipeline", *words, **given)

    command = ("collections", "run", "quality", "--step", "vol")
    missing = on("try", *command)
    assert missing.returncode == 1 and "no branch, tag or commit" in missing.stderr
    first = on("main", *command)
    assert first.returncode == 0, first.stderr
    assert on("main", "branch", "try").returncode == 0
    tried = on("try", "collections", "run", "quality")
    assert tried.returncode == 0, tried.stderr

    def counted(branch):
        lines = on(branch, "collections", "show", "quality", "--json").stdout.splitlines()
        return {row["collection"]: row["files"] for row in map(json.loads, lines)}

    assert counted("main")["vol"] == counted("try")["vol"] == 7
    assert (counted("main")["cls"], counted("try")["cls"]) == (0, 7)


def test_the_example_is_never_written_over(folder):
    done = collections(folder, "init", "quality")
    assert (done.returncode, "is there already" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("plan", "missing.yaml"), "Reading the pipeline missing.yaml: No such file"),
        (("plan", "wrong.yaml"), "wrong.yaml:4: there is no collection or step 'here'"),
        (("run", "quality", "--step", "clas"), "it has vol, sob, fft, features, cls"),
        (("show", "quality", "clas"), "it has images, vol, sob, fft, features, cls"),
    ],
)
def test_wrong_use_says_what_is_allowed(folder, words, said):
    (folder / "wrong.yaml").write_text(
        "name: x\ncollections:\n  there: {source: .}\n"
        "steps: [{name: y, input: {collection: here, glob: /*}, transform: {merge: true}}]\n"
    )
    done = collections(folder, *words)
    assert done.returncode == 2
    assert said in done.stderr


def test_a_step_of_which_nothing_could_be_done_ends_with_code_1(folder):
    (folder / "texts").mkdir()
    (folder / "texts" / "a.txt").write_text("no image")
    (folder / "dead.yaml").write_text(
        "name: dead\ncollections:\n  texts: {source: texts}\n"
        "steps: [{name: y, input: {collection: texts, glob: /*}, transform: {measure: entropy}}]\n"
    )
    done = collections(folder, "run", "dead.yaml")
    assert done.returncode == 1
    assert "No datum of step y could be done, of 1: MediaUnknown" in done.stderr
