"""The line that every benchmark prints below its table: on what it ran."""

import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

# Some start the servers of `pipeline_project_tests`, which is not installed.
sys.path.append(str(Path(__file__).resolve().parents[1]))


def machine(*packages: str) -> str:
    """Processor, cores, memory, Python, and the versions of some packages."""
    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as file:  # noqa: PTH123 - a device file, no path to speak of
            names = [line.partition(":")[2].strip() for line in file if "model name" in line]
        model = names[0] if names else model
    except OSError:
        pass  # not Linux
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    return (
        f"{model}, {os.cpu_count()} cores, {memory_gb:.0f} GB, Python "
        f"{platform.python_version()}{', ' if versions else ''}{versions}"
    )
