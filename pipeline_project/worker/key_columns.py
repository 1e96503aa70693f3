"""What the datum keys of all files of a run come to; of a million files none has an object.

Each key is made of a file's hash and of what its kind's stages depend on. So a set of files is
named by those two, and keys are made only where they are compared with others.
"""

from functools import cached_property
from hashlib import sha256

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline_project.core.hashing import (
    canonical_json,
    hash_of_digests,
    hash_of_names,
    hex_digits,
)
from pipeline_project.worker.known import MediaList
from pipeline_project.worker.stages import FrameKeys, KeysOfFiles

_PART = 20_000  # files whose keys are Python objects at a time
_DIGEST_BYTES = 32


class KeyColumns:
    """The keys of the frame stages of some files, in their order."""

    def __init__(self, media: MediaList, keys: KeysOfFiles) -> None:
        """Make nothing yet."""
        self._hashes, self._kinds = media.table["sha256"], media.table["kind"]
        self._keys = keys

    @cached_property
    def contents(self) -> str:
        """Name of the set of all keys: another one for other files, code, settings or models.

        The order of the files does not matter, nor whether one is there twice.
        """
        kept, usual = self._kept
        files = pa.table({"sha256": self._hashes, "kind": self._kinds})
        if kept:
            files = files.filter(pa.array(usual))
        parts = {
            kind: [
                [each.decode("ascii") for each in self._keys.suffixes(kind)],
                hash_of_digests(_digests(files.filter(pc.equal(files["kind"], kind))["sha256"])),
            ]
            for kind in pc.unique(files["kind"]).to_pylist()
        }
        older = [key for keys in kept.values() for key in keys.all()]
        return hash_of_names([canonical_json([parts, hash_of_names(older)])])

    @cached_property
    def sample(self) -> pa.Array:
        """Each file's key of the stage sample, in hex digits."""
        digests = np.empty((len(self._hashes), _DIGEST_BYTES), np.uint8)
        for kind in pc.unique(self._kinds).to_pylist():
            places = np.flatnonzero(pc.equal(self._kinds, kind).to_numpy())
            suffix = self._keys.suffixes(kind)[0]
            for start in range(0, len(places), _PART):
                part = places[start : start + _PART]
                names = self._hashes.take(pa.array(part)).cast(pa.binary()).to_pylist()
                found = b"".join([sha256(name + suffix).digest() for name in names])
                digests[part] = np.frombuffer(found, np.uint8).reshape(-1, _DIGEST_BYTES)
        kept, usual = self._kept
        for place in np.flatnonzero(~usual).tolist():
            older = bytes.fromhex(kept[self._hashes[place].as_py()].sample)
            digests[place] = np.frombuffer(older, np.uint8)
        return _text(hex_digits(digests))

    @cached_property
    def _kept(self) -> tuple[dict[str, FrameKeys], npt.NDArray[np.bool_]]:
        """Files with other keys than their kind's, and which files are none of them."""
        usual = np.ones(len(self._hashes), bool)
        if not self._keys.kept:
            return {}, usual
        named = pa.array(list(self._keys.kept), pa.string())
        kept = {}
        for place in np.flatnonzero(pc.is_in(self._hashes, value_set=named).to_numpy()).tolist():
            name, kind = self._hashes[place].as_py(), self._kinds[place].as_py()
            if self._keys.kept[name] != self._keys.made(name, kind):
                kept[name] = self._keys.kept[name]
                usual[place] = False
        return kept, usual


def _digests(hashes: pa.ChunkedArray) -> npt.NDArray[np.uint8]:
    """Hashes in hex digits as bytes, shape (n, 32)."""
    parts = [bytes.fromhex("".join(chunk.to_pylist())) for chunk in _parts(hashes)]
    return np.frombuffer(b"".join(parts), np.uint8).reshape(-1, _DIGEST_BYTES)


def _parts(hashes: pa.ChunkedArray) -> list[pa.ChunkedArray]:
    return [hashes.slice(start, _PART) for start in range(0, len(hashes), _PART)]


def _text(digits: npt.NDArray[np.uint8]) -> pa.Array:
    fixed = pa.Array.from_buffers(
        pa.binary(digits.shape[1]), len(digits), [None, pa.py_buffer(digits)]
    )
    return fixed.cast(pa.binary()).cast(pa.string())
