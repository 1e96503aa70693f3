"""Names made from contents: datum keys, set keys, pixel hashes, the perceptual hash."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import cv2
import numpy as np

from pipeline_project.core.records import Pixels


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
    parts = [hash_of_names(members), canonical_json(dict(stage_versions)), canonical_json(config)]
    return hashlib.sha256("\n".join([*parts, pool]).encode("ascii")).hexdigest()


def hash_of_names(names: Iterable[str]) -> str:
    """Hash a set of names; order and repetition do not matter."""
    return hashlib.sha256("\n".join(sorted(set(names))).encode("utf-8")).hexdigest()


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
