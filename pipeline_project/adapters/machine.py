"""The name under which a machine's files are known to others.

A machine's own name is not enough: many a laptop is called `localhost`, and two of them may have a
folder of the same path. So a few random digits follow, and both are kept in the home folder.
"""

import os
import re
import secrets
import socket
from pathlib import Path

from pipeline_project.adapters.addresses import is_here, on_machine, place_of
from pipeline_project.errors import ConfigError

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")
_ODD = re.compile(r"[^a-z0-9]+")
_FILE = "machine"


def addresses_of(written: str, home: Path) -> set[str]:
    """All addresses by which a lake may know a file of this machine, which need not exist.

    Args:
        written: path of the file, or its `file:///` address; any other address has none here.
        home: where the project keeps its state on this machine.

    Raises:
        ConfigError: this machine's name is damaged.
    """
    if "://" in written and not is_here(written):
        return set()
    path = place_of(written)
    try:
        here = {path.absolute().as_uri(), path.resolve().as_uri()}
    except (OSError, RuntimeError, ValueError):  # a loop of links, or a null byte
        return set()
    machine = known_name(home)
    return here | {on_machine(uri, machine) for uri in here if machine is not None}


def known_name(home: Path) -> str | None:
    """Give this machine's name; None where nothing was uploaded from it so far.

    Args:
        home: where the project keeps its state on this machine.

    Raises:
        ConfigError: as `machine_name`.
    """
    return machine_name(home) if os.path.lexists(home / _FILE) else None


def machine_name(home: Path) -> str:
    """Give this machine's name, of lower-case letters, digits and hyphens; made when first asked.

    Args:
        home: where the project keeps its state on this machine.

    Raises:
        ConfigError: the file that keeps it holds something else, or cannot be read or written.
    """
    path = home / _FILE
    try:
        if not os.path.lexists(path):
            _make(path)
        name = path.read_text(errors="replace").strip()
    except OSError as error:
        raise ConfigError(
            f"Reading this machine's name from {path}: {error.strerror}. It names the files that "
            "are uploaded from here: let it be read, and its folder be written."
        ) from error
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"Reading this machine's name from {path}: it holds {name[:80]!r}, which is none. "
            "Delete the file for a new name; files that were uploaded before then count as another "
            "machine's."
        )
    return name


def _make(path: Path) -> None:
    host = _ODD.sub("-", socket.gethostname().partition(".")[0].lower()).strip("-")[:60]
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{_FILE}.{secrets.token_hex(8)}")
    draft.write_text(f"{host or 'machine'}-{secrets.token_hex(4)}\n")
    try:
        os.link(draft, path)  # of several at once the first names it for all
    except FileExistsError:
        pass
    except OSError:  # a file system without hard links, as of a memory stick
        draft.rename(path)
    finally:
        draft.unlink(missing_ok=True)
