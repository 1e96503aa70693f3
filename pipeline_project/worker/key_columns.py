"""The datum keys of all files of a run at once: of a million files none has an object of its own.

They are the keys that `KeysOfFiles` gives one by one, kept as digests: 32 bytes each.
"""

from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline_project.core.hashing import hash_of_digests, hex_digits
from pipeline_project.worker.known import MediaList
from pipeline_project.worker.stages import FRAME_STAGES, KeysOfFiles

_PART = 20_000  # files whose keys are Python objects at a time
_DIGEST_BYTES = 32


@dataclass(frozen=True, slots=True)
class KeyColumns:
    """The keys of the frame stages of n files, in order.

    `digests`: shape (n, stages, 32), uint8; the stages as in `FRAME_STAGES`.
    """

    digests: npt.NDArray[np.uint8]

    @property
    def contents(self) -> str:
        """Hash of all keys: equal to `hash_of_names` of them."""
        return hash_of_digests(self.digests.reshape(-1, _DIGEST_BYTES))

    @property
    def sample(self) -> pa.Array:
        """Each file's key of the stage sample, in hex digits."""
        digits = hex_digits(self.digests[:, FRAME_STAGES.index("sample")])
        fixed = pa.Array.from_buffers(
            pa.binary(digits.shape[1]), len(digits), [None, pa.py_buffer(digits)]
        )
        return fixed.cast(pa.binary()).cast(pa.string())


def key_columns(media: MediaList, keys: KeysOfFiles) -> KeyColumns:
    """Make the keys of these files."""
    digests = np.empty((len(media), len(FRAME_STAGES), _DIGEST_BYTES), np.uint8)
    hashes, kinds = media.table["sha256"], media.table["kind"]
    for kind in pc.unique(kinds).to_pylist():
        places = np.flatnonzero(pc.equal(kinds, kind).to_numpy())
        sample, score, classify, embed = keys.suffixes(kind)
        for start in range(0, len(places), _PART):
            part = places[start : start + _PART]
            found = []
            for contents in hashes.take(pa.array(part)).cast(pa.binary()).to_pylist():
                sampled = sha256(contents + sample)
                name = sampled.hexdigest().encode("ascii")
                scored = sha256(name + score)
                classified = sha256(scored.hexdigest().encode("ascii") + classify)
                found += [
                    sampled.digest(),
                    scored.digest(),
                    classified.digest(),
                    sha256(name + embed).digest(),
                ]
            digests[part] = np.frombuffer(b"".join(found), np.uint8).reshape(
                len(part), len(FRAME_STAGES), _DIGEST_BYTES
            )
    if keys.kept:
        mask = pc.is_in(hashes, value_set=pa.array(list(keys.kept), pa.string()))
        for place in np.flatnonzero(mask.to_numpy()).tolist():
            older = bytes.fromhex("".join(keys.kept[hashes[place].as_py()].all()))
            digests[place] = np.frombuffer(older, np.uint8).reshape(digests.shape[1:])
    return KeyColumns(digests)
