import pytest

from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.errors import LakeError
from pipeline_project_tests.worker.footage import still
from pipeline_project_tests.worker.house import House


def test_a_run_on_a_branch_knows_what_its_base_knew_and_leaves_main_alone(tmp_path):
    house = House(tmp_path)
    still(house.media / "a.png", 1)
    house.run(selection={"n_samples": 1})
    house.lake.start_branch("try")
    still(house.media / "b.png", 2)
    aside = house.run(selection={"n_samples": 1}, branch="try")
    assert aside.counts["hashed_files"] == aside.counts["decoded_files"] == 1
    assert house.lake.read(TABLES["frames"], rev="try").num_rows == 2
    assert house.lake.read(TABLES["frames"]).num_rows == 1
    assert aside.result.commit_id == house.lake.resolve("try").commit_id
    with pytest.raises(LakeError, match="typo"):
        house.run(branch="typo")
