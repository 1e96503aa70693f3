"""Selections that look at what lies beside the media, by real runs."""

import json

import pytest

from pipeline_project.errors import ConfigError
from pipeline_project_tests.worker.footage import film, still
from pipeline_project_tests.worker.house import House


@pytest.fixture
def house(tmp_path):
    """Eight stills, four by each of two cameras."""
    house = House(tmp_path)
    for number in range(8):
        camera = house.media / f"cam{number % 2}"
        camera.mkdir(exist_ok=True)
        still(camera / f"{number}.png", number)
    return house


def rule(input_, strategy, **more):
    return {"input": {**input_}, "strategy": {"type": strategy, **more}}


def metadata(key, strategy, **more):
    return rule({"type": "METADATA", "key": key}, strategy, **more)


def names(house, outcome):
    by_hash = {row["sha256"]: row["name"] for row in house.rows("media_sources")}
    return [by_hash[frame.partition(":")[0]] for frame in house.picked(outcome.result)]


def beside(house, path, value):
    file = house.media / ".lightly" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(value if isinstance(value, str) else json.dumps(value))


def test_picks_are_balanced_by_a_part_of_their_paths(house):
    balance = metadata("camera", "BALANCE", target={"cam1": 1.0})
    outcome = house.run(
        selection={"n_samples": 3, "strategies": [balance]},
        metadata={"path_pattern": "^(?P<camera>[^/]+)/"},
    )
    assert len(names(house, outcome)) == 3
    assert all(name.startswith("cam1/") for name in names(house, outcome))


@pytest.mark.parametrize("group", ["(?P<camera>", "(?<camera>"])
def test_lightlys_path_regex_makes_keys_of_paths(house, group):
    balance = metadata("camera", "BALANCE", target={"cam1": 1.0})
    selection = {"n_samples": 3, "strategies": [balance]}
    selection["lightlyPathRegex"] = f"^{group}[^/]+)/"
    outcome = house.run(selection=selection)
    assert len(names(house, outcome)) == 3
    assert all(name.startswith("cam1/") for name in names(house, outcome))


def test_options_of_lightlys_old_container_are_translated_and_it_is_said_how(house):
    old = {"method": "coreset", "stopping_condition": {"n_samples": 2}, "dump_dataset": True}
    outcome = house.run(selection=old)
    assert outcome.counts["picked"] == 2
    assert "selection: stopping_condition.n_samples=2 is now n_samples: 2." in outcome.said
    assert any("dump_dataset=True was left out" in said for said in outcome.said)
    assert house.run(selection={"n_samples": 2}).result.reused


def test_digits_of_a_path_are_classes_where_picks_are_balanced(house):
    balance = metadata("camera", "BALANCE", target={"0": 1.0})
    outcome = house.run(
        selection={"n_samples": 2, "strategies": [balance]},
        metadata={"path_pattern": "cam(?P<camera>[0-9])/"},
    )
    assert all(name.startswith("cam0/") for name in names(house, outcome))


def test_a_threshold_on_a_table_takes_out_what_is_beyond_it_and_what_has_no_value(house):
    rows = "file,speed\n" + "".join(f"cam{n % 2}/{n}.png,{n}\n" for n in range(6))
    (house.media / "table.csv").write_text(rows)
    fast = metadata("speed", "THRESHOLD", threshold=3, operation="BIGGER")
    diverse = rule({"type": "EMBEDDINGS"}, "DIVERSITY")
    outcome = house.run(
        selection={"n_samples": 8, "strategies": [fast, diverse]}, metadata={"csv": "table.csv"}
    )
    assert sorted(names(house, outcome)) == ["cam0/4.png", "cam1/5.png"]
    assert outcome.counts["excluded_threshold"] == 6
    judged = {row["measure"]: row["value"] for row in house.rows("exclusions")}
    assert set(judged) == {"speed", "speed (missing)"}
    assert any("2 instead of 8 were picked" in said for said in outcome.result.warnings)
    house.publish(outcome.result)


def test_weights_prefer_high_values_of_a_table(house):
    rows = "file,wanted\n" + "".join(f"cam{n % 2}/{n}.png,{n}\n" for n in range(8))
    (house.media / "table.csv").write_text(rows)
    outcome = house.run(
        selection={"n_samples": 2, "strategies": [metadata("wanted", "WEIGHTS")]},
        metadata={"csv": "table.csv"},
    )
    assert names(house, outcome) == ["cam1/7.png", "cam0/6.png"]


def test_a_changed_table_selects_anew_and_the_same_one_does_not(house):
    table = house.media / "table.csv"
    given = {
        "selection": {"n_samples": 1, "strategies": [metadata("wanted", "WEIGHTS")]},
        "metadata": {"csv": "table.csv"},
        "datapool": {"enabled": False},
    }
    table.write_text("file,wanted,note\ncam0/0.png,1,a\ncam1/1.png,2,a\n")
    first = house.run(**given)
    table.write_text("file,wanted,note\ncam0/0.png,1,b\ncam1/1.png,2,b\n")
    assert house.run(**given).result.reused  # the note decides nothing
    table.write_text("file,wanted,note\ncam0/0.png,3,a\ncam1/1.png,2,a\n")
    second = house.run(**given)
    assert not second.result.reused and second.counts["decoded_files"] == 0
    assert (names(house, first), names(house, second)) == (["cam1/1.png"], ["cam0/0.png"])


def test_earlier_picks_count_where_picks_are_balanced(house):
    balance = metadata("camera", "BALANCE", target={"cam0": 0.5, "cam1": 0.5})
    given = {"metadata": {"path_pattern": "^(?P<camera>[^/]+)/"}}
    first = [ref for ref in house.listing() if ref.name in ("cam0/0.png", "cam0/2.png")]
    house.run(first, selection={"n_samples": 2}, **given)
    others = [ref for ref in house.listing() if ref not in first]
    second = house.run(others, selection={"n_samples": 2, "strategies": [balance]}, **given)
    assert all(name.startswith("cam1/") for name in names(house, second))


def test_measures_and_lightlys_names_are_keys(house):
    keys = ["laplacian_variance", "lightly.sharpness", "lightly.sizeInBytes", "width"]
    keys += ["lightly.meanRed", "lightly.contrast", "lightly.snr", "lightly.uniformRowRatio"]
    rules = [metadata(key, "WEIGHTS") for key in keys]
    assert house.run(selection={"n_samples": 2, "strategies": rules}).counts["picked"] == 2
    red = house.run(
        selection={"n_samples": 1, "strategies": [metadata("lightly.meanRed", "WEIGHTS")]},
        datapool={"enabled": False},
    )
    blue = house.run(
        selection={"n_samples": 1, "strategies": [metadata("lightly.meanBlue", "WEIGHTS")]},
        datapool={"enabled": False},
    )
    assert names(house, red) != names(house, blue)


def test_lightlys_metadata_is_read_for_files_frames_and_defaults(tmp_path):
    house = House(tmp_path)
    film(house.media / "a.mp4", 0, 1, 2)
    film(house.media / "b.mp4", 3, 4, 5)
    still(house.media / "c.png", 6)
    schema = [
        {"name": "Light", "path": "scene.light", "defaultValue": "day",
         "valueDataType": "CATEGORICAL_STRING"},
    ]  # fmt: skip
    beside(house, "metadata/schema.json", schema)
    night = {"file_name": "", "metadata": {"scene": {"light": "night"}}}
    beside(house, "metadata/b.json", {**night, "type": "video"})
    beside(house, "metadata/a-08-mp4.json", {**night, "type": "frame"})
    balance = metadata("Light", "BALANCE", target={"night": 1.0})
    outcome = house.run(selection={"n_samples": 4, "strategies": [balance]})
    times = {row["frame_id"]: row["timestamp_s"] for row in house.rows("frames")}
    picked = sorted(
        (name, times[frame])
        for name, frame in zip(names(house, outcome), house.picked(outcome.result), strict=True)
    )
    assert picked == [("a.mp4", 1.0), ("b.mp4", 0.0), ("b.mp4", 1.0), ("b.mp4", 2.0)]


CATEGORIES = [{"id": 0, "name": "cat"}, {"id": 1, "name": "dog"}]


def predicted(house, probabilities):
    beside(house, "predictions/tasks.json", ["pets"])
    schema = {"task_type": "classification", "categories": CATEGORIES}
    beside(house, "predictions/pets/schema.json", schema)
    for number, likely in probabilities.items():
        found = [{"category_id": int(likely < 0.5), "probabilities": [likely, 1 - likely]}]
        file = {"file_name": f"cam{number % 2}/{number}.png", "predictions": found}
        beside(house, f"predictions/pets/cam{number % 2}/{number}.json", file)


def test_unsure_predictions_are_preferred_by_their_score(house):
    predicted(house, {0: 0.9, 1: 0.55, 2: 0.1, 3: 0.48})
    unsure = rule({"type": "SCORES", "task": "pets", "score": "uncertainty_entropy"}, "WEIGHTS")
    outcome = house.run(selection={"n_samples": 2, "strategies": [unsure]})
    assert names(house, outcome) == ["cam1/3.png", "cam1/1.png"]


def test_picks_are_balanced_by_predicted_classes(house):
    predicted(house, {0: 0.9, 1: 0.8, 2: 0.1, 3: 0.2, 4: 0.9, 5: 0.9, 6: 0.7, 7: 0.7})
    classes = {"type": "PREDICTIONS", "task": "pets", "name": "CLASS_DISTRIBUTION"}
    outcome = house.run(
        selection={"n_samples": 2, "strategies": [rule(classes, "BALANCE", target={"dog": 1.0})]}
    )
    assert sorted(names(house, outcome)) == ["cam0/2.png", "cam1/3.png"]


@pytest.mark.parametrize("length", [1, 2])
def test_a_threshold_on_predicted_objects_and_on_chance_takes_out_what_is_below(house, length):
    beside(house, "predictions/tasks.json", ["cars"])
    schema = {"task_type": "object-detection", "categories": CATEGORIES}
    beside(house, "predictions/cars/schema.json", schema)
    for number in range(8):
        found = [{"category_id": 1, "score": 0.5, "bbox": [0, 0, 1, 1]}] * number
        file = {"file_name": f"cam{number % 2}/{number}.png", "predictions": found}
        beside(house, f"predictions/cars/cam{number % 2}/{number}.json", file)
    counted = {"type": "PREDICTIONS", "task": "cars", "name": "CATEGORY_COUNT"}
    counted["categories"] = ["dog"]
    many = rule(counted, "THRESHOLD", threshold=6 * length, operation="BIGGER_EQUAL")
    chance = rule({"type": "RANDOM"}, "THRESHOLD", threshold=0, operation="BIGGER_EQUAL")
    outcome = house.run(
        selection={"n_samples": 4, "strategies": [rule({"type": "EMBEDDINGS"}, "DIVERSITY"),
                                                  many, chance]},
        constraints={"selected_sequence_length": length},
    )  # fmt: skip
    left = {1: {"cam0/6.png", "cam1/7.png"}, 2: {"cam1/5.png", "cam1/7.png"}}
    assert set(names(house, outcome)) == left[length]
    out = [row for row in house.rows("exclusions") if row["judgement"] == "threshold"]
    assert {row["measure"] for row in out} == {"CATEGORY_COUNT"}
    assert max(row["value"] for row in out) < 6 * length


def test_similar_pictures_to_those_of_another_dataset_are_preferred(house):
    first = house.run(
        selection={"n_samples": 1, "strategies": [metadata("lightly.meanRed", "WEIGHTS")]},
        dataset="wanted",
    )
    alike = rule({"type": "EMBEDDINGS", "tag_name": "wanted"}, "SIMILARITY")
    outcome = house.run(selection={"n_samples": 1, "strategies": [alike]})
    assert names(house, outcome) == names(house, first)


def test_lightlys_engine_carries_out_the_same_configuration(house):
    outcome = house.run(selection={"n_samples": 3}, engine="mundig")
    assert outcome.counts["picked"] == 3
    assert [row["engine"] for row in house.rows("selection_sets")] == ["mundig"]


WEIGH = {"n_samples": 1, "strategies": [metadata("speed", "WEIGHTS")]}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"selection": WEIGH}, "METADATA has no key 'speed'"),
        ({"selection": WEIGH, "metadata": {"csv": "none.csv"}}, "no file at"),
        (
            {
                "selection": {
                    "strategies": [
                        rule({"type": "SCORES", "task": "cars", "score": "x"}, "WEIGHTS")
                    ]
                }
            },
            "known tasks: none",
        ),
        ({"metadata": {"path_pattern": "(?P<a>nowhere)"}}, "matches none of them"),
        (
            {"selection": {"n_samples": 1, "lightly_path_regex": ".*"}},
            "it names no group",
        ),
        (
            {
                "selection": {
                    "strategies": [rule({"type": "EMBEDDINGS", "tag_name": "nobody"}, "SIMILARITY")]
                }
            },
            "no selection of this id and no dataset of this name",
        ),
    ],
)
def test_what_is_not_there_is_refused_and_what_is_known_is_listed(house, settings, said):
    with pytest.raises(ConfigError) as error:
        house.run(**settings)
    assert said in str(error.value)
    assert house.rows("selection_sets") == [] and not list(house.store.list("output"))
    if "no dataset of this name" not in said:  # told before any frame is looked at
        assert house.rows("frames") == []


def test_an_unknown_key_lists_every_known_one(house):
    (house.media / "table.csv").write_text("file,weather\ncam0/0.png,sun\n")
    with pytest.raises(ConfigError) as error:
        house.run(selection=WEIGH, metadata={"csv": "table.csv"})
    for known in ("weather", "laplacian_variance", "lightly.meanRed"):
        assert known in str(error.value)


def test_an_unknown_score_lists_the_known_ones(house):
    predicted(house, {0: 0.5})
    objects = rule({"type": "SCORES", "task": "pets", "score": "object_frequency"}, "WEIGHTS")
    with pytest.raises(ConfigError, match="allowed: uncertainty_least_confidence"):
        house.run(selection={"n_samples": 1, "strategies": [objects]})


@pytest.mark.parametrize(
    ("path", "content", "said"),
    [
        ("metadata/schema.json", "[{]", "schema.json: not valid JSON"),
        ("predictions/tasks.json", '["cars"]', "known tasks: cars"),
        ("predictions/pets/schema.json", "{}", "'task_type'"),
        (
            "predictions/pets/cam0/0.json",
            '{"file_name": "", "predictions": [{"category_id": 0, "probabilities": [1.0]}]}',
            "2 probabilities are needed",
        ),
    ],
)
def test_a_malformed_file_is_named(house, path, content, said):
    predicted(house, {0: 0.5})
    beside(house, path, content)
    unsure = rule({"type": "SCORES", "task": "pets", "score": "uncertainty_margin"}, "WEIGHTS")
    with pytest.raises(ConfigError) as error:
        house.run(selection={"n_samples": 1, "strategies": [unsure, metadata("speed", "WEIGHTS")]})
    assert said in str(error.value) and ".lightly/" in str(error.value)
