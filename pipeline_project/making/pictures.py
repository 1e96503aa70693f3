"""Takes the README's pictures from the real report and the real Dagster UI.

Needs Chromium on the path.

    python -m pipeline_project.making.pictures
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "images"
_START_S = 120.0
_QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
]


def main() -> None:
    """Curate the sample in a folder of its own, and photograph what a user sees."""
    with tempfile.TemporaryDirectory(prefix="pictures-") as name:
        folder = Path(name)
        env = {**os.environ, "PIPELINE_HOME": str(folder / "home")}
        env.pop("DAGSTER_HOME", None)
        command = [sys.executable, "-m", "pipeline_project.cli", "curate"]
        done = subprocess.run(
            command, cwd=folder, env=env, check=True, stdout=subprocess.PIPE, text=True
        )
        report = Path(done.stdout.strip().splitlines()[-1]) / "report.html"
        photograph(report.as_uri(), "report.png", 1400, 1560)
        env["DAGSTER_HOME"] = str(folder / "home" / "dagster")
        with web_ui(folder, env) as address:
            job = f"{address}/locations/pipeline_project/jobs/curation_job"
            photograph(job, "job_graph.png", 1700, 950)
            photograph(f"{address}/runs/{_newest_run(address)}", "run.png", 1700, 1000)
            photograph_assets(address)
        collections_graph(folder, env)


def collections_graph(folder: Path, env: dict[str, str]) -> None:
    """Run the collections example as assets, and photograph their graph."""
    pipeline = [sys.executable, "-m", "pipeline_project.cli", "collections", "init", "quality"]
    subprocess.run(pipeline, cwd=folder, env=env, check=True, stdout=subprocess.DEVNULL)
    env = {**env, "PIPELINE_COLLECTIONS": '["quality/defs.yaml"]'}
    steps = ",".join(f"image_quality/{step}" for step in ("vol", "sob", "fft", "features", "cls"))
    run = ["dagster", "asset", "materialize", "-m", "pipeline_project.definitions"]
    made = [sys.executable, "-m", *run, "--select", steps]
    subprocess.run(made, cwd=folder, env=env, check=True)
    with web_ui(folder, env) as address:
        group = f"{address}/locations/pipeline_project/asset-groups/image_quality"
        photograph(group, "collections_graph.png", 1700, 1100)


@contextmanager
def web_ui(folder: Path, env: dict[str, str]) -> Iterator[str]:
    """Run the web server on a free port until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    program = ["-m", "dagster_webserver", "-h", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(
        [sys.executable, *program, "-w", str(ROOT / "workspace.yaml")],
        cwd=folder,
        env=env,
        start_new_session=True,
    )
    try:
        _wait_for(address)
        _ask(address, "mutation { setNuxSeen }")  # else an invitation covers the first page
        yield address
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def photograph_assets(address: str) -> None:
    """Save the graph of the lake's tables, and the checks of one of them."""
    group = f"{address}/locations/pipeline_project/asset-groups/lake/lineage"
    photograph(group, "lineage.png", 1900, 900)
    photograph(f"{address}/assets/scores?view=checks", "asset_checks.png", 1700, 950)


def photograph(address: str, name: str, width_px: int, height_px: int) -> None:
    """Save what a browser window of this size shows."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("Chromium is not on the path: apt-get install chromium")
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="chromium-") as profile:
        subprocess.run(
            [
                chromium,
                *_QUIET,
                f"--user-data-dir={profile}",
                f"--window-size={width_px},{height_px}",
                "--virtual-time-budget=60000",
                f"--screenshot={IMAGES / name}",
                address,
            ],
            check=True,
            timeout=180,
            stderr=subprocess.DEVNULL,
        )
    print(IMAGES / name)


def _wait_for(address: str) -> None:
    deadline = time.monotonic() + _START_S
    while True:
        try:
            with urllib.request.urlopen(f"{address}/server_info", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError) as error:
            if time.monotonic() > deadline:
                raise SystemExit(f"{address} did not answer in {_START_S:.0f} s") from error
            time.sleep(0.5)


def _ask(address: str, query: str) -> dict[str, object]:
    request = urllib.request.Request(
        f"{address}/graphql",
        data=json.dumps({"query": query}).encode(),
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return dict(json.load(answer)["data"])


def _newest_run(address: str) -> str:
    query = "{ runsOrError(limit: 1) { ... on Runs { results { runId } } } }"
    runs = _ask(address, query)["runsOrError"]
    return str(runs["results"][0]["runId"])  # type: ignore[index]  # as the query asks


if __name__ == "__main__":
    main()
