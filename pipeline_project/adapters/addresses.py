"""Addresses of files as URIs, and back."""

import os
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

from pipeline_project.errors import ConfigError


def path_of(uri: str) -> Path:
    """Turn a `file:///` address back into the path it was made from, odd bytes included.

    Raises:
        ConfigError: it is no `file:` address.
    """
    parts = urlsplit(uri)
    if parts.scheme != "file":
        raise ConfigError(f"{uri} is no file on this machine (expected file:///...).")
    return Path(os.fsdecode(unquote_to_bytes(parts.path)))
