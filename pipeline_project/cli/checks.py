"""The checks of `pipeline doctor`, on the real thing: a model embeds, a video decodes.

A check is a function that says what it saw, or raises. To add one, write it here and name it in
`findings`.
"""

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_project.cli.aws_checks import aws_findings
from pipeline_project.cli.findings import Finding, look
from pipeline_project.core.config import BUILT_IN_MODEL
from pipeline_project.errors import ConfigError, PermanentError

if TYPE_CHECKING:
    from pipeline_project.settings import Settings

MODEL_SHA256 = "6ccf49f0bfc796b00d8e16f00b2cba3c5e5a39d6b360969877a406a3f85b6d14"
LEAST_FREE_BYTES = 500_000_000
_PYTHONS = ((3, 11), (3, 14))
_REINSTALL = "install the project again: python -m pip install --force-reinstall pipeline-project"


def findings(
    config_file: Path | None, home: Path | None, *, aws: bool = False
) -> Iterator[Finding]:
    """Run all checks, one after the other; a check that fails never ends the others."""
    from pipeline_project.settings import load_settings

    yield look("python", _python, "use Python 3.11, 3.12 or 3.13")
    flags = {"home": home} if home is not None else None
    settings: list[Settings] = []
    yield look(
        "settings",
        lambda: _settings(settings, load_settings(config_file, flags), config_file),
        "correct what is named; `pipeline init` writes a file with every setting explained",
    )
    if settings:
        found = settings[0]
        elsewhere = "give it write permission and space, or choose another by --home"
        yield look("home", lambda: _home(found), elsewhere)
        yield look("dagster", lambda: _dagster(found), elsewhere)
        yield _pexels(found)
        if found.embedding.model != BUILT_IN_MODEL:
            yield look(
                "configured model",
                lambda: _configured_model(found),
                "put the files where it says, or set embedding.model",
            )
    yield look("classifier", _classifier, _REINSTALL)
    yield look("embedding model", _model, _REINSTALL)
    yield look("images", _images, _REINSTALL)
    yield look("video", _video, _REINSTALL)
    yield look("tables", _tables, "free space in the folder for temporary files (TMPDIR)")
    yield _lightly()
    if aws and settings:
        yield from aws_findings(settings[0])


def _python() -> str:
    if not _PYTHONS[0] <= sys.version_info[:2] < _PYTHONS[1]:
        raise ConfigError(f"Python {platform.python_version()} is not supported")
    return f"{platform.python_version()} at {sys.executable}"


def _settings(found: "list[Settings]", settings: "Settings", config_file: Path | None) -> str:
    from pipeline_project.core.selection.config import parse_selection_config
    from pipeline_project.settings import CONFIG_FILE

    found.append(settings)
    if settings.service == "worker":
        parse_selection_config(settings.selection)
    path = config_file or (Path(CONFIG_FILE) if Path(CONFIG_FILE).is_file() else None)
    return f"valid, from {path.absolute()}" if path else f"defaults; no {CONFIG_FILE} here"


def _home(settings: "Settings") -> str:
    home = settings.home_path
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=home) as file:
        file.write(b"\0" * 4096)
    free = shutil.disk_usage(home).free
    if free < LEAST_FREE_BYTES:
        raise PermanentError(f"{home} has {free / 1e6:.0f} MB left; 500 MB are needed at least")
    return f"{home} can be written; {free / 1e9:.1f} GB free"


def _dagster(settings: "Settings") -> str:
    import yaml

    from pipeline_project.build import DAGSTER_YAML, build_defs, prepare_dagster_home

    home = prepare_dagster_home(settings)
    if not os.access(home, os.W_OK):
        raise PermanentError(f"{home} cannot be written")
    content = yaml.safe_load((home / DAGSTER_YAML).read_text(encoding="utf-8"))
    if content is not None and not isinstance(content, dict):
        raise ConfigError(f"{home / DAGSTER_YAML} holds no settings by name")
    jobs = [job.name for job in build_defs(settings).resolve_all_job_defs()]
    return f"{version('dagster')}, home {home}, jobs {', '.join(sorted(jobs))}"


def _pexels(settings: "Settings") -> Finding:
    if settings.pexels_api_key is None:
        return Finding("pexels", "info", "no PEXELS_API_KEY; only `pexels:` sources need it")
    return Finding("pexels", "info", "PEXELS_API_KEY is set (not tried)")


def _lightly() -> Finding:
    there = find_spec("lightly") is not None
    return Finding(
        "lightly",
        "info",
        f"{version('lightly')} is installed"
        if there
        else "not installed; only the Lightly service needs it",
    )


def _classifier() -> str:
    from pipeline_project.core.quality.classifier import classifier

    judge = classifier("default")
    return f"{judge.name}, parameters {judge.sha256[:12]}"


def _model() -> str:
    import numpy as np

    from pipeline_project.adapters.embedder.lite0 import Lite0Embedder

    embedder = Lite0Embedder()
    space = embedder.space
    if space.weights_sha256 != MODEL_SHA256:
        raise PermanentError(
            f"the weights of {space.name} are damaged: SHA-256 {space.weights_sha256[:12]}..., "
            f"expected {MODEL_SHA256[:12]}..."
        )
    ramp = np.arange(64 * 64 * 3, dtype=np.uint32).reshape(64, 64, 3).astype(np.uint8)
    vector = embedder.embed([ramp])[0]
    if vector.shape != (space.dim,) or abs(float(np.linalg.norm(vector)) - 1) > 1e-3:
        raise PermanentError(f"{space.name} gives no unit vector of {space.dim} numbers")
    return f"{space.name} gives {space.dim} numbers; onnxruntime {version('onnxruntime')}"


def _configured_model(settings: "Settings") -> str:
    from pipeline_project.adapters.embedder import open_embedder

    space = open_embedder(settings.embedding).space
    return f"{settings.embedding.model} gives {space.dim} numbers, space {space.name}"


def _images() -> str:
    import cv2

    still = next(path for path in _sample_files() if path.suffix == ".jpg")
    width, height = _first_frame_px(still)
    return f"OpenCV {cv2.__version__} decodes JPEG ({width}x{height} px)"


def _video() -> str:
    import av

    clip = next(path for path in _sample_files() if path.suffix == ".mp4")
    width, height = _first_frame_px(clip)
    return f"PyAV {av.__version__} decodes H.264 ({width}x{height} px)"


def _sample_files() -> list[Path]:
    from pipeline_project.sample import sample_dir

    return sorted(sample_dir().iterdir())


def _first_frame_px(path: Path) -> tuple[int, int]:
    from pipeline_project.adapters.media.reader import LocalMediaReader
    from pipeline_project.core.config import SamplingConfig

    with LocalMediaReader().open(path) as media:
        height, width = next(media.frames(SamplingConfig())).pixels.shape[:2]
    return width, height


def _tables() -> str:
    from pipeline_project.adapters.lake.lance import LanceLake
    from pipeline_project.adapters.lake.schemas import TABLES
    from pipeline_project.adapters.object_store.local import LocalObjectStore

    with tempfile.TemporaryDirectory(prefix="pipeline-doctor-") as folder:
        lake = LanceLake(Path(folder).as_uri(), LocalObjectStore(Path(folder)))
        table = TABLES["thumbnails"]
        writer = lake.begin(run_id="doctor")
        writer.append(table, [{"frame_id": "f:0", "datum_key": "k", "jpeg": b"\xff\xd8"}])
        hidden = lake.read(table).num_rows
        writer.commit("round trip")
        if (hidden, lake.read(table, columns=["jpeg"]).to_pylist()) != (0, [{"jpeg": b"\xff\xd8"}]):
            raise PermanentError("a row that was committed did not come back as it was written")
    return f"Lance {version('pylance')} gives back what was committed"
