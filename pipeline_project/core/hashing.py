"""Names made from contents: datum keys, set keys, pixel hashes, the perceptual hash."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from pipeline_project.core.records import Pixels

_HEX = np.frombuffer(bytes(range(256)).hex().encode("ascii"), np.uint16)  # two digits a byte
_HASHED_AT_ONCE = 100_000


def canonical_json(value: object) -> str:
    """Write a JSON value in the one form that is hashed: sorted keys, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def datum_key(
    *,
    input_sha256: str,
    stage: str,
    stage_version: str,
    params: Mapping[str, Any],
    model_sha256: str = "",
) -> str:
    """Name the result of one stage on one input.

    A stage runs only where this key is missing: new data, changed data, changed code (the stage
    version), changed parameters and a changed model each give a new key. The input of a later
    stage is the key of the stage before it, so a change reaches everything after it and nothing
    before.

    Args:
        input_sha256: hash of the file's bytes, or the datum key of the stage before.
        stage: name of the stage.
        stage_version: changes with the stage's code.
        params: JSON values that the result depends on, and only those.
        model_sha256: hash of the model's bytes; empty when no model takes part.

    Returns:
        64 hex digits.
    """
    suffix = datum_key_suffix(stage, stage_version, params, model_sha256)
    return hashlib.sha256((input_sha256 + suffix).encode("ascii")).hexdigest()


def datum_key_suffix(
    stage: str, stage_version: str, params: Mapping[str, Any], model_sha256: str = ""
) -> str:
    """All of a datum key's text but the input, for whoever names very many data of one stage."""
    return "\n".join(["", stage, stage_version, canonical_json(dict(params)), model_sha256])


def set_key(
    *, members: Iterable[str], stage_versions: Mapping[str, str], config: object, pool: str
) -> str:
    """Name the result of the stages that look at a whole set.

    Args:
        members: datum keys of everything in the set; their order does not matter.
        stage_versions: version of each set stage.
        config: JSON value of every setting that the result depends on.
        pool: version of the datapool that the picks must stay away from; empty when unused.

    Returns:
        64 hex digits.
    """
    contents = hash_of_names(members)
    return set_key_of(contents=contents, stage_versions=stage_versions, config=config, pool=pool)


def set_key_of(
    *, contents: str, stage_versions: Mapping[str, str], config: object, pool: str
) -> str:
    """Name as `set_key` does, where the hash of the members' names is known already."""
    parts = [contents, canonical_json(dict(stage_versions)), canonical_json(config)]
    return hashlib.sha256("\n".join([*parts, pool]).encode("ascii")).hexdigest()


def hash_of_names(names: Iterable[str]) -> str:
    """Hash a set of names; order and repetition do not matter."""
    return hashlib.sha256("\n".join(sorted(set(names))).encode("utf-8")).hexdigest()


def hash_of_digests(digests: npt.NDArray[np.uint8]) -> str:
    """Hash a set of names as `hash_of_names` does, given as digests: for millions of them.

    Args:
        digests: shape (n, 32), uint8; each stands for the name of its 64 hex digits.
    """
    if not len(digests):
        return hash_of_names([])
    first = np.ascontiguousarray(digests).view(">u8")[:, 0].astype(np.uint64)
    order = np.argsort(first)
    if (np.diff(first[order]) == 0).any():  # two are the same, or nearly: compared in full
        whole = np.ascontiguousarray(digests).view("S32").ravel()
        order = np.unique(whole, return_index=True)[1]
    digest = hashlib.sha256()
    for start in range(0, len(order), _HASHED_AT_ONCE):
        part = digests[order[start : start + _HASHED_AT_ONCE]]
        lines = np.full((len(part), 65), ord("\n"), np.uint8)
        lines[:, :64] = hex_digits(part)
        last = start + len(part) == len(order)
        digest.update(lines.reshape(-1)[: -1 if last else None].data)
    return digest.hexdigest()


def hex_digits(digests: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Write bytes, shape (n, m), as hex digits in ASCII, shape (n, 2 m)."""
    return np.ascontiguousarray(_HEX[digests]).view(np.uint8)


def pixels_sha256(pixels: Pixels) -> str:
    """Hash decoded pixels and their shape: equal for exact copies only."""
    digest = hashlib.sha256(str(pixels.shape).encode("ascii"))
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def perceptual_hash(pixels: Pixels) -> int:
    """Hash what a picture looks like; similar pictures differ in few of the 64 bits.

    The signs of the 8x8 lowest DCT frequencies of the 32x32 grey picture against their median.
    Survives resizing, recompression and brightness; not cropping, mirroring or rotation.

    Args:
        pixels: shape (H, W, 3), uint8, RGB.

    Returns:
        64-bit unsigned integer; compare by Hamming distance.

    References:
        Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010.
    """
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = cv2.dct(small)[:8, :8].ravel()
    bits = low > np.median(low[1:])  # the first coefficient is the mean brightness
    return int.from_bytes(np.packbits(bits).tobytes(), "big")
