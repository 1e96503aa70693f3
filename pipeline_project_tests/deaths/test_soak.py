"""Runs with a real worker ended at random moments: no box is left on, no row lost or doubled."""

import shutil
import signal
import time
from collections import Counter

import pytest

from pipeline_project.adapters.instances.ec2 import CLOSING_S
from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.build import open_lake
from pipeline_project.sample import sample_dir
from pipeline_project.settings import load_settings
from pipeline_project_tests.deaths.test_from_the_command_line import GRACE_S, LEASE_S
from pipeline_project_tests.seaweed import environment as set_variables
from pipeline_project_tests.worker.test_crashes import seed_and_count

ENDS = [signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT]
KILLS_PER_HOME = 4


def state(scene):
    """What the lake holds, without run ids and times; each key once."""
    with set_variables({**scene.variables, "PIPELINE_HOME": str(scene.folder / ".pipeline")}):
        lake = open_lake(load_settings())
    rows = {}
    for name in ("media", "datums", "frames", "scores", "labels"):
        table = TABLES[name]
        key = [each for each in table.key if each != "commit_id"]
        read = lake.read(table, columns=key).to_pylist()
        counted = Counter(tuple(row.values()) for row in read)
        doubled = [each for each, count in counted.items() if count > 1]
        assert doubled == [], f"{name}: {doubled[:3]}"
        rows[name] = sorted(map(str, counted))
    picks = lake.read(TABLES["selections"], columns=["frame_id", "rank"]).to_pylist()
    rows["picks"] = sorted((row["rank"], row["frame_id"]) for row in picks)
    return rows


def use_home(scene, name):
    scene.variables["PIPELINE_AWS__PREFIX"] = name
    shutil.rmtree(scene.folder / ".pipeline", ignore_errors=True)


def safeguards(scene, chance):
    """Give the reaper, or the switch on the box, its time; then the box must be off."""
    scene.wait(lambda: scene.bed.state() not in ("pending", "stopping"), "the box being settled")
    if chance.random() < 0.5:
        scene.reap(later_s=CLOSING_S + LEASE_S)
    elif scene.bed.state() == "running":
        scene.tick_switch(later_s=LEASE_S + GRACE_S + 1)
    scene.demand_stopped()


@pytest.mark.soak
def test_runs_ended_at_any_moment_leave_no_box_on_and_no_row_lost_or_doubled(scene):
    clip = min(sample_dir().glob("*.mp4"), key=lambda path: path.stat().st_size)
    shutil.copy(clip, scene.footage)
    chance, count = seed_and_count(4)
    use_home(scene, "undisturbed")
    scene.variables["PIPELINE_LIMITS__CHECKPOINT_S"] = "0.001"
    began = time.monotonic()
    assert scene.ended(scene.start()) == 0, scene.log()
    whole_s = time.monotonic() - began
    scene.demand_stopped()
    undisturbed = state(scene)
    done = 0
    while done < count:
        use_home(scene, f"home-{done}")
        for _ in range(min(KILLS_PER_HOME, count - done)):
            run = scene.start()
            time.sleep(chance.uniform(0, whole_s))
            if run.poll() is None:
                scene.kill(run, chance.choice(ENDS))
            scene.ended(run)
            safeguards(scene, chance)
            done += 1
        assert scene.ended(scene.start()) == 0, scene.log()
        safeguards(scene, chance)  # the lease of a killed run may outlive this one
        assert state(scene) == undisturbed, f"after {done} ends"
