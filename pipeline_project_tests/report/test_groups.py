import re

from pipeline_project_tests.worker.footage import film
from pipeline_project_tests.worker.house import House


def test_groups_of_picked_frames_come_before_larger_ones(tmp_path):
    house = House(tmp_path)
    film(house.media / "a.mp4", 0, 0, 1, 1, 1, 2)
    bright = {"input": {"type": "METADATA", "key": "mean_luma"}, "strategy": {"type": "WEIGHTS"}}
    sizes = {}
    for strength in (1, -1):
        bright["strategy"]["strength"] = strength
        outcome = house.run(
            selection={"n_samples": 1, "strategies": [bright]}, datapool={"enabled": False}
        )
        page = (house.publish(outcome.result).folder / "report.html").read_text()
        titles = re.findall(r"These (\d) are one", page)
        [picked] = house.picked(outcome.result)
        members = [
            row["frame_id"]
            for row in house.rows("duplicates")
            if (row["selection_id"], row["group_id"]) == (outcome.result.selection_id, picked)
        ]
        sizes[len(members)] = titles
    assert sizes.get(2, ["2", "3"]) == ["2", "3"]
    assert sizes.get(3, ["3", "2"]) == ["3", "2"]
    assert 2 in sizes
