"""The names of a lake: branch records and tags, which never move.

`branches/<name>.json` says which commit a branch was started from, if any; `main` is always there
and has no record. `tags/<name>.json` names one commit. A deleted branch keeps its record, which
then says since when: tags and other branches may stand on its commits.
"""

import contextlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from pipeline_project.adapters.lake.base import Commit
from pipeline_project.adapters.object_store.base import ObjectStore
from pipeline_project.errors import ConfigError, LakeError, StoreConflict

MAIN = "main"  # the branch that is always there, with commits or without
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_COMMIT_ID = re.compile(r"[0-9a-f]{24}")


@dataclass(frozen=True, slots=True)
class Base:
    """The commit that a branch was started from."""

    branch: str
    sequence: int
    commit_id: str


class Refs:
    """Reads and creates the branch records and tags of one lake."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._bases: dict[str, Base | None] = {}  # where a branch began never changes

    def has_branch(self, name: str) -> bool:
        """Tell whether a branch has a record; branches of older lakes have none."""
        return name in self._bases or self._store.exists(_branch_key(name))

    def deleted_at(self, name: str) -> str:
        """Since when a branch is deleted, ISO 8601 UTC; empty where it is not."""
        if name == MAIN or not self._store.exists(_branch_key(name)):
            return ""
        return str(self._read(_branch_key(name)).get("deleted_at", ""))

    def delete_branch(self, name: str) -> None:
        """Mark a branch as deleted.

        Raises:
            StoreConflict: somebody else did meanwhile.
        """
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        key = _branch_key(name)
        if not self._store.exists(key):  # of an older lake
            self._store.put_new(key, json.dumps({"base": None, "deleted_at": now}).encode())
            return
        fields = self._read(key)
        _, etag = self._store.get_with_etag(key)
        self._store.put_if(key, json.dumps({**fields, "deleted_at": now}).encode(), etag)

    def delete_tag(self, name: str) -> None:
        """Remove a tag."""
        self._store.delete(_tag_key(name))

    def base(self, name: str) -> Base | None:
        """The commit that a branch was started from; None where it began empty."""
        if name == MAIN:
            return None
        if name not in self._bases:
            key = _branch_key(name)
            if not self._store.exists(key):
                return None
            self._bases[name] = self._read_base(key)
        return self._bases[name]

    def create_branch(self, name: str, base: Commit | None) -> bool:
        """Write a branch's record; False where there is one."""
        fields = None
        if base is not None:
            fields = {
                "branch": base.branch,
                "sequence": base.sequence,
                "commit_id": base.commit_id,
            }
        try:
            self._store.put_new(_branch_key(name), json.dumps({"base": fields}).encode())
        except StoreConflict:
            return False
        return True

    def branch_names(self) -> set[str]:
        """Every branch that has a record."""
        return {_name_of(item.key) for item in self._store.list("branches")}

    def create_tag(self, name: str, commit_id: str, key: str) -> None:
        """Write a tag; it can never be moved.

        Raises:
            ConfigError: there is one of this name.
        """
        record = json.dumps({"commit_id": commit_id, "key": key}).encode()
        try:
            self._store.put_new(_tag_key(name), record)
        except StoreConflict as error:
            raise ConfigError(f"Tag {name} exists already; choose another name.") from error

    def tagged(self, name: str) -> str | None:
        """Key of the commit record that a tag names; None without such a tag."""
        if not self._store.exists(_tag_key(name)):
            return None
        return str(self._read(_tag_key(name))["key"])

    def tag_keys(self) -> dict[str, str]:
        """All tags and the keys of the commit records that they name."""
        return {
            _name_of(item.key): str(self._read(item.key)["key"])
            for item in self._store.list("tags")
        }

    def tags(self) -> dict[str, str]:
        """All tags and the commit ids they name."""
        return {
            _name_of(item.key): str(self._read(item.key)["commit_id"])
            for item in self._store.list("tags")
        }

    def check_not_a_tag(self, name: str) -> None:
        """Tell whether a branch may have this name.

        Raises:
            ConfigError: a tag has it, or it has the form of a commit id.
        """
        if _COMMIT_ID.fullmatch(checked(name)) or self._store.exists(_tag_key(name)):
            raise ConfigError(
                f"Starting branch {name}: a tag has this name, or a commit could have it. "
                "Choose another name."
            )

    def _read_base(self, key: str) -> Base | None:
        fields = self._read(key)["base"]
        return Base(**fields) if isinstance(fields, dict) else None

    def _read(self, key: str) -> dict[str, object]:
        found: object = None
        with contextlib.suppress(ValueError):
            found = json.loads(self._store.get(key))
        if not isinstance(found, dict) or not {"base", "commit_id"} & set(found):
            raise LakeError(f"Reading {key}: the record is damaged; restore it from a backup.")
        return found


def is_commit_id(name: str) -> bool:
    """Tell whether a name has the form of a commit id."""
    return _COMMIT_ID.fullmatch(name) is not None


def checked(name: str) -> str:
    """Give a name back that may be one.

    Raises:
        ConfigError: it may not.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} cannot name a branch, tag or commit: use letters, digits, '.', '_', '-'."
        )
    return name


def _name_of(key: str) -> str:
    return key.rpartition("/")[2].removesuffix(".json")


def _branch_key(name: str) -> str:
    return f"branches/{name}.json"


def _tag_key(name: str) -> str:
    return f"tags/{name}.json"
