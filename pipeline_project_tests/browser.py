"""A real headless Chromium for tests and for the README's pictures."""

import os
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MISSING = "needs Chromium, none of " + ", ".join(NAMES) + " is on PATH (apt-get install chromium)"
_TIMEOUT_S = 90


@dataclass(frozen=True)
class Visit:
    """What a page looked like after its scripts ran, and what it wrote to the console."""

    dom: str
    console: list[str]


def find_chromium() -> str | None:
    """Return the path of an installed Chromium or Chrome; None when there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def dump_dom(url: str, *, width_px: int = 1400, height_px: int = 1000) -> Visit:
    """Open a page, let its scripts run for ten virtual seconds, return its tree and console."""
    result = _run(
        [f"--window-size={width_px},{height_px}", "--virtual-time-budget=10000", "--dump-dom"], url
    )
    console = [line for line in result.stderr.splitlines() if ":CONSOLE" in line]
    return Visit(result.stdout, console)


def screenshot(url: str, path: Path, width: int, height: int, dark: bool = False) -> Path:
    """Photograph the top `height` pixels of a page, as PNG, in light or dark colours."""
    scheme = ["--force-dark-mode", "--blink-settings=preferredColorScheme=0"] if dark else []
    _run(
        [
            f"--window-size={width},{height}",
            "--virtual-time-budget=10000",
            "--hide-scrollbars",
            f"--screenshot={path}",
            *scheme,
        ],
        url,
    )
    if not path.exists():
        raise RuntimeError(f"Chromium ended well but wrote no picture of {url} to {path}")
    return path


def _run(flags: list[str], url: str) -> subprocess.CompletedProcess[str]:
    chromium = find_chromium()
    if chromium is None:
        raise FileNotFoundError(MISSING)
    with tempfile.TemporaryDirectory(prefix="chromium-") as profile:
        command = [
            chromium,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--enable-logging=stderr",
            f"--user-data-dir={profile}",
            *flags,
            url,
        ]
        # Its own group: a browser that hangs is ended with all its child processes.
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        try:
            stdout, stderr = process.communicate(timeout=_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}: {stderr[-2000:]}")
    return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)
