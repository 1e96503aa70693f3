"""Footage in a bucket, results in a bucket, and a worker whose home is one: on a real S3 server."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline_project.adapters.sources import open_source
from pipeline_project.core.config import CurationConfig, SourceAccessConfig
from pipeline_project.sample import sample_dir
from pipeline_project.worker.homes import open_home
from pipeline_project.worker.request import (
    WorkerRequest,
    WorkerResult,
    dump_listing,
    listing_key,
    rejects_key,
    request_key,
    result_key,
)
from pipeline_project_tests.commands import environment, run
from pipeline_project_tests.seaweed import Seaweed, running
from pipeline_project_tests.seaweed import environment as variables


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="module")
def footage(server) -> str:
    """Two clips, a picture and a text, in a bucket of their own."""
    with environment_of(server):
        bucket = server.make_bucket()
        client = server.session().client("s3")
        clips = sorted(sample_dir().glob("*.mp4"), key=lambda path: path.stat().st_size)[:2]
        for path in (*clips, sorted(sample_dir().glob("*.jpg"))[0]):
            client.upload_file(str(path), bucket, f"footage/day 1/{path.name}")
        client.put_object(Bucket=bucket, Key="footage/broken+é.jpg", Body=b"no picture")
        client.put_object(Bucket=bucket, Key="footage/notes.txt", Body=b"notes")
    return bucket


def environment_of(server: Seaweed):
    return variables(server.environment)


def keys(client, bucket: str, prefix: str = "") -> dict[str, str]:
    """Keys and ETags."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return {each["Key"]: each["ETag"] for page in pages for each in page.get("Contents", ())}


def test_a_bucket_is_curated_into_a_bucket_and_read_once(server, footage, tmp_path):
    with environment_of(server):
        client = server.session().client("s3")
        results = server.make_bucket()
        before = keys(client, footage)
        given = {**server.environment, "TMPDIR": str(tmp_path / "tmp")}
        (tmp_path / "tmp").mkdir()
        command = ("pipeline", "curate", f"s3://{footage}/footage", "--out", f"s3://{results}/out/")
        tried = run(tmp_path, *command, "--dry-run", "--json", **given)
        assert tried.returncode == 0, tried.stderr
        facts = json.loads(tried.stdout)
        assert (facts["files"], facts["unread_files"], facts["known_files"]) == (4, 4, 0)
        first = run(tmp_path, *command, **given)
        assert first.returncode == 0, first.stderr
        folder = Path(first.stdout.strip().splitlines()[-1])
        facts = json.loads((folder / "selection.json").read_text())
        assert facts["counts"]["media"] == 3 and facts["counts"]["rejected"] == 1
        assert facts["counts"]["ignored"] == 1 and facts["counts"]["picked"] >= 1
        assert facts["rejects"][0]["uri"] == f"s3://{footage}/footage/broken+é.jpg"
        here = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
        there = keys(client, results, f"out/{folder.name}/")
        assert {f"out/{folder.name}/{name}" for name in here} == set(there)
        assert set(keys(client, results)) == set(there)
        page = client.head_object(Bucket=results, Key=f"out/{folder.name}/report.html")
        assert page["ContentType"].startswith("text/html")
        again = run(tmp_path, *command, **given)
        assert again.returncode == 0, again.stderr
        assert "othing was decoded" in again.stderr
        assert keys(client, footage) == before
        assert list((tmp_path / "tmp").glob("pipeline-*")) == []


def test_a_worker_at_home_in_a_bucket_leaves_its_result_there(server, footage, tmp_path):
    with environment_of(server):
        bucket = server.make_bucket()
        root = f"s3://{bucket}/pipeline"
        home = open_home(root)
        access = SourceAccessConfig(endpoint_url=server.endpoint_url)
        source = open_source(f"s3://{footage}/footage", (), access)
        request = WorkerRequest(
            run_id="run-1",
            config=CurationConfig(source=source.spec, source_access=access),
            source=source.spec,
        )
        listed = list(source.list())
        changed = listed[-1].uri.partition("/footage/")[2]
        home.store.put(listing_key("run-1"), dump_listing(listed))
        home.store.put(request_key("run-1"), request.model_dump_json().encode())
        client = server.session().client("s3")
        old = client.get_object(Bucket=footage, Key=f"footage/{changed}")["Body"].read()
        client.put_object(Bucket=footage, Key=f"footage/{changed}", Body=old + b"more")
        try:
            done = subprocess.run(
                [
                    *(sys.executable, "-m", "pipeline_project.worker"),
                    *("--root", root, "--request", request_key("run-1")),
                ],
                env=environment(tmp_path, **server.environment),
                cwd=Path.cwd(),
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            client.put_object(Bucket=footage, Key=f"footage/{changed}", Body=old)
        assert done.returncode == 0, done.stderr
        result = WorkerResult.model_validate_json(home.store.get(result_key("run-1")))
        frames = keys(client, bucket, f"pipeline/{result.output_prefix}/frames/")
        assert len(frames) == result.counts["picked"] >= 1
        rejects = [json.loads(x) for x in home.store.get(rejects_key("run-1")).splitlines()]
        reasons = {each["name"]: each["message"] for each in rejects}
        assert "changed since it was listed" in reasons[changed]
        assert [commit.run_id for commit in home.lake.log()][0] == "run-1"
        assert {key.split("/")[1] for key in keys(client, bucket)} == {
            "lake",
            "output",
            "runs",
            "selections",
        }


@pytest.mark.parametrize("option", ["source", "out"])
def test_a_bucket_that_is_not_there_is_told_before_anything_starts(server, tmp_path, option):
    address = "s3://no-such-bucket-here/p"
    words = ("--out", address) if option == "out" else (address,)
    done = run(tmp_path, "pipeline", "curate", *words, **server.environment)
    assert done.returncode == 2
    assert "there is no such bucket" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / ".pipeline" / "lake").exists()
