"""Starts the product as a user does: the real commands, in a folder of their own."""

import os
import subprocess
import sys
from pathlib import Path

BIN = Path(sys.executable).parent


def environment(folder: Path, **more: str) -> dict[str, str]:
    """An environment without any of the developer's own settings."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PIPELINE_", "DAGSTER_"))}
    path = f"{BIN}{os.pathsep}{clean.get('PATH', '')}"
    return {**clean, "PATH": path, "PIPELINE_HOME": str(folder / ".pipeline"), **more}


def run(folder: Path, *command: str, timeout_s: float = 180, **more: str):
    """Run one of the installed commands in a folder; output is captured as text."""
    return subprocess.run(
        [str(BIN / command[0]), *command[1:]],
        cwd=folder,
        env=environment(folder, **more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
