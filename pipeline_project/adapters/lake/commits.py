"""The commit log of a lake: one object per commit, created conditionally, never changed.

`commits/<branch>/<sequence>.json` is both the record and the move of the branch's head: of two
writers racing for a sequence number exactly one creates the object, the other takes the next
number with the winner as its parent. Rows never name their parents, so this needs no rewriting.
A branch that was started from a commit goes on with that commit's sequence number.
"""

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from itertools import islice

from pipeline_project.adapters.lake.base import Branch, Commit
from pipeline_project.adapters.lake.refs import MAIN, Refs, checked, is_commit_id
from pipeline_project.adapters.object_store.base import ObjectStore
from pipeline_project.errors import ConfigError, LakeError, StoreConflict

RECORD_VERSION = 2
_HUNDRED = 100  # a record names its ancestors back to the last multiple of this
_RACES = 10_000  # far more racing writers than any lake has; a loop without end hides bugs


def commit_id_at(milliseconds: int, randomness: str) -> str:
    """Make an id that sorts by time: 12 hex digits of milliseconds, 12 of randomness."""
    return f"{milliseconds:012x}{randomness}"


class CommitLog:
    """Reads and extends the branches and tags of one lake."""

    def __init__(
        self, store: ObjectStore, now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    ) -> None:
        self._store = store
        self._now_ms = now_ms
        self._refs = Refs(store)
        self._known: dict[str, Commit] = {}  # by key; records never change
        self._heads: dict[str, int] = {}  # by branch: the newest sequence seen; 0 for none

    def head(self, branch: str) -> Commit | None:
        """The newest commit that a branch sees; None when there is none, or it was deleted."""
        if branch not in self._heads and self._refs.deleted_at(checked(branch)):
            return None
        return self._last(branch)

    def _last(self, branch: str, *, keep: bool = True) -> Commit | None:
        """The newest commit of a branch that may be deleted; it is looked for anew if not kept."""
        if (sequence := self._heads.get(branch)) is None:
            keys = [item.key for item in self._store.list(f"commits/{checked(branch)}")]
            base = self._refs.base(branch)
            start = base.sequence if base else 0
            sequence = self._load(keys[-1]).sequence if keys else start
        # A branch grows by one number at a time, so from here on its next numbers tell all.
        while self._store.exists(_key(branch, sequence + 1)):
            sequence += 1
        if keep and (sequence or branch == MAIN):  # another name may yet be started from a commit
            self._heads[branch] = sequence
        return self._load(self._place(branch, sequence)) if sequence else None

    def new_commit_id(self, branch: str) -> str:
        """Make an id for a commit to come; never below its branch's, should the clock go back."""
        head = self.head(branch)
        newest = max(head.commit_id, head.floor) if head else "0"
        return commit_id_at(max(self._now_ms(), int(newest[:12], 16)), os.urandom(6).hex())

    def open_branch(self, name: str) -> None:
        """Make sure that commits may go to this branch; one that is not there begins empty.

        Raises:
            ConfigError: the name is a tag's or a deleted branch's, or has the form of a commit id.
        """
        if not self._is_branch(name):
            self._refs.check_not_a_tag(name)
            self._check_not_deleted(name)
            self._refs.create_branch(name, None)

    def start_branch(self, name: str, base: Commit) -> None:
        """Start a branch from a commit.

        Raises:
            ConfigError: the name is taken or not allowed.
        """
        self._refs.check_not_a_tag(checked(name))
        self._check_not_deleted(name)
        if self._is_branch(name) or not self._refs.create_branch(name, base):
            raise ConfigError(f"Branch {name} exists already; choose another name.")

    def branches(self) -> list[Branch]:
        """All branches, by name; `main` only with commits."""
        names = self._refs.branch_names()
        names |= {item.key.split("/")[1] for item in self._store.list("commits")}
        found = []
        for name in sorted(names):
            if self._refs.deleted_at(name):
                continue
            base = self._refs.base(name)
            found.append(Branch(name, self.head(name), base.commit_id if base else None))
        return found

    def delete_branch(self, name: str) -> int:
        """Delete a branch; returns how many commits no branch and no tag sees any more.

        Raises:
            ConfigError: it is `main`.
            LakeError: there is no such branch.
        """
        if name == MAIN:
            raise ConfigError("Deleting branch main: it is always there; name another one.")
        if not self._is_branch(checked(name)):
            raise LakeError(
                f"Deleting branch {name}: there is none of this name; `pipeline branch` lists them."
            )
        before = self._reach(self.roots())
        with contextlib.suppress(StoreConflict):  # somebody else deleted it meanwhile
            self._refs.delete_branch(name)
        self._heads.pop(name, None)
        return self._lost(before)

    def delete_tag(self, name: str) -> int:
        """Delete a tag; returns how many commits no branch and no tag sees any more.

        Raises:
            LakeError: there is no such tag.
        """
        if self._refs.tagged(checked(name)) is None:
            raise LakeError(
                f"Deleting tag {name}: there is none of this name; `pipeline tag` lists them."
            )
        before = self._reach(self.roots())
        self._refs.delete_tag(name)
        return self._lost(before)

    def roots(self, deleted_after: str = "") -> list[Commit]:
        """The commits from which everything can be seen that is kept.

        The heads of all branches, and what tags name that no branch sees.

        Args:
            deleted_after: also heads of branches that were deleted later, ISO 8601 UTC; empty
                means none.
        """
        found = [branch.head for branch in self.branches() if branch.head is not None]
        for name in sorted(self._refs.branch_names()) if deleted_after else ():
            if self._refs.deleted_at(name) > deleted_after:
                last = self._last(name, keep=False)
                found += [last] if last is not None else []
        return found + self._tagged_outside(found)

    def unseen(self, deleted_after: str) -> list[str]:
        """Keys of the records of deleted branches that nothing sees; see `roots`."""
        seen = self._reach(self.roots(deleted_after))
        return [
            item.key
            for name in sorted(self._refs.branch_names())
            if self._refs.deleted_at(name)
            for item in self._store.list(f"commits/{name}")
            if item.key > _key(name, seen.get(name, 0))
        ]

    def append(self, commit: Commit) -> Commit:
        """Write the record at the end of its branch; returns it with parent and sequence.

        Raises:
            LakeError: garbage collection gave this writer up, or the branch was deleted.
        """
        self._check_there(commit)
        head = self.head(commit.branch)
        for _ in range(_RACES):
            if head is not None and commit.commit_id < head.floor:
                raise LakeError(
                    f"Committing {commit.commit_id} to {commit.branch}: it was begun so long ago "
                    "that `pipeline gc` took its rows for those of a run that died. Nothing "
                    "became visible; run again, and give gc a longer --older-than."
                )
            placed = self._placed(commit, head)
            key = _key_of(placed)
            try:
                self._store.put_new(key, json.dumps(asdict(placed), indent=1).encode())
            except StoreConflict:
                head = self._load(key)
                continue
            self._check_there(commit)  # once more: it may have been deleted just before
            return placed
        raise LakeError(
            f"Committing {commit.commit_id} to {commit.branch}: lost {_RACES} races in a row; "
            "nothing became visible. Run again."
        )

    def ancestors(self, commit: Commit) -> Iterator[Commit]:
        """Yield the commit and all before it, newest first."""
        for sequence in range(commit.sequence, 0, -1):
            yield self._load(self._place(commit.branch, sequence))

    def ancestor_ids(self, commit: Commit) -> Iterator[str]:
        """Yield the ids of the commit and all before it, newest first; reads few records."""
        yield commit.commit_id
        while commit.sequence > 1:
            yield from commit.earlier
            before = commit.sequence - max(1, len(commit.earlier))
            named = bool(commit.earlier)
            commit = self._load(self._place(commit.branch, before))
            if not named:  # a record of an older version names its parent alone
                yield commit.commit_id

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
        return self._load(self._place(commit.branch, commit.sequence - int(steps)))

    def tag(self, name: str, commit: Commit) -> None:
        """Write a tag; it can never be moved.

        Raises:
            ConfigError: the name is a branch's, begins a commit's id, or is taken.
        """
        if self._is_branch(checked(name)):
            raise ConfigError(f"Making tag {name}: a branch has this name. Choose another name.")
        if is_commit_id(name) or self._commit_beginning_with(name) is not None:
            raise ConfigError(
                f"Making tag {name}: it would stand for a commit id. Choose another name."
            )
        self._refs.create_tag(name, commit.commit_id, _key_of(commit))

    def tags(self) -> dict[str, str]:
        """All tags and the commit ids they name."""
        return self._refs.tags()

    def _check_there(self, commit: Commit) -> None:
        if self._refs.deleted_at(commit.branch):
            raise LakeError(
                f"Committing {commit.commit_id} to {commit.branch}: the branch was deleted. "
                "Nothing became visible; run again on another branch."
            )

    def _check_not_deleted(self, name: str) -> None:
        if self._refs.deleted_at(name):
            raise ConfigError(
                f"Starting branch {name}: a branch of this name was deleted, and its commits may "
                "still be seen by tags. Choose another name."
            )

    def _tagged_outside(self, roots: Iterable[Commit]) -> list[Commit]:
        """What tags name and these commits do not see."""
        seen = self._reach(roots)
        tagged = [self._load(key) for key in self._refs.tag_keys().values()]
        return [each for each in tagged if each.sequence > seen.get(each.branch, 0)]

    def _reach(self, roots: Iterable[Commit]) -> dict[str, int]:
        """Of each branch whose records these commits see: the number of the newest of them."""
        found: dict[str, int] = {}
        for commit in roots:
            branch, sequence = commit.branch, commit.sequence
            found[branch] = max(sequence, found.get(branch, 0))
            while (base := self._refs.base(branch)) is not None:
                branch, sequence = base.branch, base.sequence
                found[branch] = max(sequence, found.get(branch, 0))
        return found

    def _lost(self, before: Mapping[str, int]) -> int:
        """How many commits were seen before and are no more."""
        now, lost = self._reach(self.roots()), 0
        for branch, newest in before.items():
            base = self._refs.base(branch)
            lost += newest - now.get(branch, base.sequence if base else 0)
        return lost

    def _placed(self, commit: Commit, head: Commit | None) -> Commit:
        """Give a commit its place after the head of its branch."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        if head is None:
            return replace(commit, sequence=1, parent=None, created_at=now)
        earlier = [head.commit_id]
        if head.sequence % _HUNDRED:
            earlier = list(islice(self.ancestor_ids(head), head.sequence % _HUNDRED + 1))
            # A history of fewer than a hundred ends with its first commit.
            earlier = earlier[: head.sequence]
        versions = dict(head.table_versions)
        for table, version in commit.table_versions.items():
            versions[table] = max(version, versions.get(table, 0))
        return replace(
            commit,
            sequence=head.sequence + 1,
            parent=head.commit_id,
            created_at=max(now, head.created_at),
            earlier=earlier,
            floor=max(commit.floor, head.floor),
            table_versions=versions,
        )

    def _place(self, branch: str, sequence: int) -> str:
        """Key of the commit with this sequence number in a branch's history."""
        while (base := self._refs.base(branch)) is not None and sequence <= base.sequence:
            branch = base.branch
        return _key(branch, sequence)

    def _is_branch(self, name: str) -> bool:
        if name == MAIN:
            return True
        if self._refs.has_branch(checked(name)):
            return not self._refs.deleted_at(name)
        return self.head(name) is not None

    def _named(self, name: str) -> Commit | None:
        head = self.head(checked(name))
        if head is not None or self._is_branch(name):
            return head
        if (key := self._refs.tagged(name)) is not None:
            return self._load(key)
        if (commit := self._commit_beginning_with(name)) is not None:
            return commit
        raise LakeError(
            f"Looking for revision {name}: no branch, tag or commit has this name. "
            "Check how it is written; `pipeline log` and `pipeline branch` list what there is."
        )

    def _commit_beginning_with(self, name: str) -> Commit | None:
        heads = [branch.head for branch in self.branches() if branch.head is not None]
        return self._beginning_with(name, heads) or self._beginning_with(
            name, self._tagged_outside(heads)
        )

    def _beginning_with(self, name: str, roots: Iterable[Commit]) -> Commit | None:
        for root in roots:
            for back, commit_id in enumerate(self.ancestor_ids(root)):
                if commit_id.startswith(name):
                    return self._load(self._place(root.branch, root.sequence - back))
        return None

    def _load(self, key: str) -> Commit:
        if key not in self._known:
            try:
                fields = json.loads(self._store.get(key))
                found = fields["schema_version"]
                if found <= RECORD_VERSION:
                    self._known[key] = Commit(**fields)
            except (ValueError, TypeError, KeyError) as error:
                raise LakeError(
                    f"Reading commit record {key}: {error!r}. The record is damaged; restore it "
                    "from a backup, or read an older revision."
                ) from error
            if found > RECORD_VERSION:
                raise LakeError(
                    f"Commit record {key} has schema version {found}; this version of "
                    f"pipeline_project reads up to {RECORD_VERSION}. Upgrade it."
                )
        return self._known[key]


def _key(branch: str, sequence: int) -> str:
    return f"commits/{branch}/{sequence:012d}.json"


def _key_of(commit: Commit) -> str:
    return _key(commit.branch, commit.sequence)
