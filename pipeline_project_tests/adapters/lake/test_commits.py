import json

import pytest

from pipeline_project.adapters.lake.base import Commit
from pipeline_project.adapters.lake.commits import CommitLog
from pipeline_project.adapters.object_store.local import LocalObjectStore


class Reads(LocalObjectStore):
    """Counts the objects that are read."""

    def __init__(self, root):
        super().__init__(root)
        self.read = 0

    def get(self, key):
        self.read += 1
        return super().get(key)


@pytest.fixture
def store(tmp_path):
    return Reads(tmp_path)


def append(log, branch="main"):
    commit_id = log.new_commit_id(branch)
    return log.append(
        Commit(commit_id, 0, None, branch, "", "run", "1", "message", schema_version=2)
    )


def records(store, count):
    """A long history, written as `append` writes it, but without syncing each object."""
    log, made = CommitLog(store), []
    folder = store.path("commits/main/x").parent
    folder.mkdir(parents=True)
    for number in range(1, count + 1):
        first = max(1, (number - 1) // 100 * 100)
        fields = {
            "commit_id": f"{number:024x}",
            "sequence": number,
            "parent": f"{number - 1:024x}" if number > 1 else None,
            "branch": "main",
            "created_at": "2026-01-01T00:00:00.000+00:00",
            "run_id": "run",
            "code_version": "1",
            "message": "m",
            "earlier": [f"{each:024x}" for each in range(number - 1, first - 1, -1)],
            "schema_version": 2,
        }
        (folder / f"{number:012d}.json").write_text(json.dumps(fields))
        made.append(fields["commit_id"])
    return log, made


def test_a_thousand_commits_are_known_after_a_dozen_reads(store):
    log, made = records(store, 1_000)
    head = log.head("main")
    assert list(log.ancestor_ids(head)) == made[::-1]
    assert store.read <= 12


def test_each_commit_names_its_ancestors_back_to_the_last_hundred(store):
    log, made = records(store, 98)
    commits = [append(log) for _ in range(4)]
    ids = [*made, *(each.commit_id for each in commits)]
    assert [len(each.earlier) for each in commits] == [98, 99, 1, 2]
    for each in commits:
        assert each.earlier == ids[: each.sequence - 1][::-1][: len(each.earlier)]
        assert list(CommitLog(store).ancestor_ids(each)) == ids[: each.sequence][::-1]


def test_records_of_an_older_version_are_walked_one_by_one(store):
    log, made = records(store, 5)
    for path in store.path("commits/main/x").parent.iterdir():
        fields = json.loads(path.read_text())
        del fields["earlier"]
        path.write_text(json.dumps({**fields, "schema_version": 1}))
    newest = append(CommitLog(store))
    assert list(CommitLog(store).ancestor_ids(newest)) == [newest.commit_id, *made[::-1]]


def test_a_clock_that_goes_back_makes_no_id_or_time_smaller_than_its_parents(store):
    times = iter([2_000_000_000_000, 1_000_000_000_000, 1_500_000_000_000])
    log = CommitLog(store, now_ms=lambda: next(times))
    commits = [append(log) for _ in range(3)]
    prefixes = [each.commit_id[:12] for each in commits]
    assert prefixes == sorted(prefixes)
    assert [each.created_at for each in commits] == sorted(each.created_at for each in commits)
    assert [each.sequence for each in log.ancestors(commits[-1])] == [3, 2, 1]


def test_a_branch_that_another_process_started_meanwhile_is_seen_from_its_base(store):
    log = CommitLog(store)
    base = append(log)
    with pytest.raises(Exception, match="side"):
        log.resolve("side")
    CommitLog(store).start_branch("side", base)
    assert log.resolve("side") == base
    assert append(log, "side").parent == base.commit_id
