"""The commit log of a lake: one object per commit, created conditionally, never changed.

`commits/<branch>/<sequence>.json` is both the record and the move of the branch's head: of two
writers racing for a sequence number exactly one creates the object, the other takes the next
number with the winner as its parent. Rows never name their parents, so this needs no rewriting.
"""

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime

from pipeline_project.adapters.lake.base import Commit
from pipeline_project.adapters.lake.schemas import SCHEMA_VERSION
from pipeline_project.adapters.object_store.base import ObjectStore
from pipeline_project.errors import ConfigError, LakeError, StoreConflict

MAIN = "main"  # the branch that is always there, with commits or without
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_COMMIT_ID = re.compile(r"[0-9a-f]{24}")
_RACES = 10_000  # far more racing writers than any lake has; a loop without end hides bugs


def new_commit_id(now_ns: Callable[[], int] = time.time_ns) -> str:
    """Make an id that sorts by time: 12 hex digits of milliseconds, 12 of randomness."""
    return f"{now_ns() // 1_000_000:012x}{os.urandom(6).hex()}"


class CommitLog:
    """Reads and extends the branches and tags of one lake."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._known: dict[str, Commit] = {}  # by key; records never change
        self._heads: dict[str, int] = {}  # by branch: the newest sequence seen; 0 for none

    def head(self, branch: str) -> Commit | None:
        """The newest commit of a branch; None when it has none."""
        if branch not in self._heads:
            keys = [item.key for item in self._store.list(f"commits/{_checked(branch)}")]
            self._heads[branch] = self._load(keys[-1]).sequence if keys else 0
        # A branch grows by one number at a time, so from here on its next numbers tell all.
        sequence = self._heads[branch]
        while self._store.exists(_key(branch, sequence + 1)):
            sequence += 1
        self._heads[branch] = sequence
        return self._load(_key(branch, sequence)) if sequence else None

    def check_branch(self, name: str) -> None:
        """Tell whether commits may go to this branch, which need not exist yet.

        Raises:
            ConfigError: the name is a tag's, or has the form of a commit id.
        """
        if name == MAIN or self.head(name) is not None:
            return
        if _COMMIT_ID.fullmatch(name) or self._store.exists(_tag_key(name)):
            raise ConfigError(
                f"Starting branch {name}: a tag has this name, or a commit could have it. "
                "Choose another name."
            )

    def append(self, commit: Commit) -> Commit:
        """Write the record at the end of its branch; returns it with parent and sequence."""
        head = self.head(commit.branch)
        for _ in range(_RACES):
            placed = replace(
                commit,
                sequence=head.sequence + 1 if head else 1,
                parent=head.commit_id if head else None,
                created_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            )
            key = _key(placed.branch, placed.sequence)
            try:
                self._store.put_new(key, json.dumps(asdict(placed), indent=1).encode())
            except StoreConflict:
                head = self._load(key)
                continue
            return placed
        raise LakeError(
            f"Committing {commit.commit_id} to {commit.branch}: lost {_RACES} races in a row; "
            "nothing became visible. Run again."
        )

    def ancestors(self, commit: Commit) -> Iterator[Commit]:
        """Yield the commit and all before it on its branch, newest first."""
        for sequence in range(commit.sequence, 0, -1):
            yield self._load(_key(commit.branch, sequence))

    def resolve(self, rev: str) -> Commit | None:
        """Find what a revision names: branch, tag, commit id, or any of them with `~n`."""
        name, _, steps = rev.partition("~")
        commit = self._named(name)
        if not steps or commit is None:
            return commit
        if not steps.isdecimal() or int(steps) >= commit.sequence:
            raise LakeError(
                f"Revision {rev}: {name} has {commit.sequence - 1} ancestors. "
                "Name one of them, from ~1 on."
            )
        return self._load(_key(commit.branch, commit.sequence - int(steps)))

    def tag(self, name: str, commit: Commit) -> None:
        """Write a tag; it can never be moved.

        Raises:
            ConfigError: the name is a branch's, begins a commit's id, or is taken.
        """
        _checked(name)
        if name == MAIN or self.head(name) is not None:
            raise ConfigError(f"Making tag {name}: a branch has this name. Choose another name.")
        if _COMMIT_ID.fullmatch(name) or self._commit_beginning_with(name) is not None:
            raise ConfigError(
                f"Making tag {name}: it would stand for a commit id. Choose another name."
            )
        record = json.dumps({"commit_id": commit.commit_id, "key": _key_of(commit)}).encode()
        try:
            self._store.put_new(_tag_key(name), record)
        except StoreConflict as error:
            raise ConfigError(f"Tag {name} exists already; choose another name.") from error

    def tags(self) -> dict[str, str]:
        """All tags and the commit ids they name."""
        return {
            item.key.removeprefix("tags/").removesuffix(".json"): json.loads(
                self._store.get(item.key)
            )["commit_id"]
            for item in self._store.list("tags")
        }

    def _named(self, name: str) -> Commit | None:
        head = self.head(_checked(name))
        if head is not None or name == MAIN:
            return head
        if self._store.exists(_tag_key(name)):
            return self._load(json.loads(self._store.get(_tag_key(name)))["key"])
        if (commit := self._commit_beginning_with(name)) is not None:
            return commit
        raise LakeError(
            f"Looking for revision {name}: no branch, tag or commit has this name. "
            "Check how it is written."
        )

    def _commit_beginning_with(self, name: str) -> Commit | None:
        for item in self._store.list("commits"):
            if (commit := self._load(item.key)).commit_id.startswith(name):
                return commit
        return None

    def _load(self, key: str) -> Commit:
        if key not in self._known:
            try:
                fields = json.loads(self._store.get(key))
                found = fields["schema_version"]
                if found <= SCHEMA_VERSION:
                    self._known[key] = Commit(**fields)
            except (ValueError, TypeError, KeyError) as error:
                raise LakeError(
                    f"Reading commit record {key}: {error!r}. The record is damaged; restore it "
                    "from a backup, or read an older revision."
                ) from error
            if found > SCHEMA_VERSION:
                raise LakeError(
                    f"Commit record {key} has schema version {found}; this version of "
                    f"pipeline_project reads up to {SCHEMA_VERSION}. Upgrade it."
                )
        return self._known[key]


def _key(branch: str, sequence: int) -> str:
    return f"commits/{branch}/{sequence:012d}.json"


def _key_of(commit: Commit) -> str:
    return _key(commit.branch, commit.sequence)


def _tag_key(name: str) -> str:
    return f"tags/{name}.json"


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} cannot name a branch, tag or commit: use letters, digits, '.', '_', '-'."
        )
    return name
