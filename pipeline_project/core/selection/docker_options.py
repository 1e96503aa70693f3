"""The options of the Lightly Docker container up to 2.6, in today's words.

They were given as `key=value` of Hydra and mixed what is selected with how the worker runs.
Source: the archived Docker documentation in https://github.com/lightly-ai/lightly, and the
`DockerWorkerConfigV4` of `lightly` 1.5.26, which refuses them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline_project.errors import ConfigError

_OFF = -1
_METHODS = ("coreset", "random", "coral")
# What the container did anyway since 2.7, or does no more: the option and why it goes.
_DROPPED = {
    "enable_corruptness_check": "the worker always checks",
    "remove_exact_duplicates": "the worker always removes them",
    "dump_dataset": "what is picked is a tag of the dataset",
    "upload_dataset": "the dataset is always in the service",
    "corruption_threshold": "a worker since 2.7 ends at it; use a THRESHOLD on METADATA "
    "lightly.uniformRowRatio",
}


@dataclass(frozen=True, slots=True)
class Translation:
    """Old options in new places.

    Attributes:
        selection_config: a `selection_config`; {} where the options say nothing of selection.
        worker_config: what is left, for a `worker_config`.
        dataset_name: the name of the datapool; None without one.
        messages: one line per option that was moved or dropped.
    """

    selection_config: dict[str, Any]
    worker_config: dict[str, Any]
    dataset_name: str | None = None
    messages: list[str] = field(default_factory=list)


def translate(options: Mapping[str, Any]) -> Translation:
    """Translate old options; those that are no old ones are left as they are.

    Args:
        options: nested mappings, or flat ones with dotted names
            (`stopping_condition.n_samples`), as of a command line.

    Raises:
        ConfigError: names the option, the value seen, and what is allowed.
    """
    left = _nested(options)
    messages: list[str] = []
    selection = _selection(left, messages)
    dataset_name = _datapool(left, messages)
    training = left.get("lightly")
    loader = training.get("loader") if isinstance(training, dict) else None
    if isinstance(training, dict) and isinstance(loader, dict) and "num_workers" in loader:
        left["num_processes"] = loader.pop("num_workers")
        messages.append("lightly.loader.num_workers is now num_processes of the worker_config.")
        if not loader:
            training.pop("loader")
        if not training:
            left.pop("lightly")
    if left.get("corruptness_check") is not None:
        left.pop("corruptness_check")
        messages.append(f"corruptness_check was left out: {_DROPPED['corruption_threshold']}.")
    for name, why in _DROPPED.items():
        if name in left:
            value = left.pop(name)
            messages.append(f"{name}={value} was left out: {why}.")
    return Translation(selection, left, dataset_name, messages)


def _selection(left: dict[str, Any], messages: list[str]) -> dict[str, Any]:
    method = left.pop("method", None)
    stopping = left.pop("stopping_condition", None)
    task = _object_task(left, messages)
    if method is None and stopping is None and task is None:
        return {}
    method = "coreset" if method is None else method
    if method not in _METHODS:
        raise ConfigError(
            f"Translating the old option method: seen {method!r}; allowed: coreset, random, coral."
        )
    if stopping is None:
        stopping = {}
    if not _is_mapping(stopping) or set(stopping) - {"n_samples", "min_distance"}:
        raise ConfigError(
            f"Translating the old option stopping_condition: seen {stopping!r}; allowed: "
            "n_samples and min_distance."
        )
    selection = _amount(stopping.get("n_samples"), messages)
    distance = _number("stopping_condition.min_distance", stopping.get("min_distance"))
    scored = _scores(left, method)
    strategy: dict[str, Any] = {"type": "WEIGHTS" if method == "random" else "DIVERSITY"}
    source = {"type": "RANDOM" if method == "random" else "EMBEDDINGS"}
    if distance is not None:
        if method == "random":
            raise ConfigError(
                "Translating the old option stopping_condition.min_distance: method random keeps "
                "no distance. Leave it out, or set method to coreset."
            )
        strategy["stopping_condition_minimum_distance"] = distance
        messages.append(
            "stopping_condition.min_distance is now stopping_condition_minimum_distance of "
            "DIVERSITY."
        )
    if task is not None and source["type"] == "EMBEDDINGS":
        source["task"] = task
        messages.append(f"object_level.task_name is now the task {task!r} of EMBEDDINGS.")
    selection["strategies"] = [{"input": source, "strategy": strategy}]
    messages.append(f"method {method} is now the strategy {strategy['type']} on {source['type']}.")
    if scored is not None:
        selection["strategies"].append({"input": scored, "strategy": {"type": "WEIGHTS"}})
        messages.append(
            f"active_learning is now the strategy WEIGHTS on SCORES {scored['score']} of task "
            f"{scored['task']!r}."
        )
    return selection


def _scores(left: dict[str, Any], method: str) -> dict[str, Any] | None:
    """The scores that method coral weighs by, besides diversity."""
    given = left.pop("active_learning", None)
    if method != "coral":
        if given is not None and given.get("task_name"):
            raise ConfigError(
                f"Translating the old option active_learning: method {method} looks at no scores. "
                "Leave it out, or set method to coral."
            )
        return None
    if not _is_mapping(given) or not (given.get("task_name") and given.get("score_name")):
        raise ConfigError(
            f"Translating the old option active_learning: seen {given!r}; method coral needs its "
            "task_name and score_name."
        )
    return {"type": "SCORES", "task": given["task_name"], "score": given["score_name"]}


def _object_task(left: dict[str, Any], messages: list[str]) -> str | None:
    given = left.pop("object_level", None)
    if given is None:
        return None
    if not _is_mapping(given) or set(given) - {"task_name", "crop_dataset_name", "padding"}:
        raise ConfigError(
            f"Translating the old option object_level: seen {given!r}; allowed: task_name, "
            "crop_dataset_name, padding."
        )
    messages += [
        f"object_level.{name}={given[name]!r} was left out: a selection_config has no such field."
        for name in ("crop_dataset_name", "padding")
        if given.get(name)
    ]
    return None if not given.get("task_name") else str(given["task_name"])


def _amount(value: Any, messages: list[str]) -> dict[str, Any]:
    """The number to pick: in the old options a float was a share, and an int a count."""
    name = "stopping_condition.n_samples"
    number = _number(name, value)
    if number is None:
        return {}
    if isinstance(number, float):
        if not 0 < number <= 1:
            raise ConfigError(
                f"Translating the old option {name}: seen {number}; a share must be above 0 and "
                "at most 1."
            )
        messages.append(f"{name}={number} is now proportion_samples: {number}.")
        return {"proportion_samples": number}
    if number < 1:
        raise ConfigError(
            f"Translating the old option {name}: seen {number}; a count must be at least 1, and "
            "-1 leaves it out."
        )
    messages.append(f"{name}={number} is now n_samples: {number}.")
    return {"n_samples": number}


def _datapool(left: dict[str, Any], messages: list[str]) -> str | None:
    pool = left.pop("datapool", None)
    if pool is None:
        return None
    if not _is_mapping(pool) or set(pool) - {"name", "keep_history", "dataset_id"}:
        raise ConfigError(
            f"Translating the old option datapool: seen {pool!r}; allowed: name, keep_history, "
            "dataset_id."
        )
    name = pool.get("name")
    if name is None:
        return None
    left["use_datapool"] = True
    messages.append(f"datapool.name is now the dataset's name, {name!r}, with use_datapool: true.")
    messages += [
        f"datapool.{each}={pool[each]!r} was left out: the dataset keeps its own history."
        for each in ("keep_history", "dataset_id")
        if each in pool
    ]
    return str(name)


def _nested(options: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted names as nested mappings; nothing of the input is changed."""
    nested: dict[str, Any] = {}
    for name, value in options.items():
        place = nested
        *above, last = str(name).split(".")
        for part in above:
            place = place.setdefault(part, {})
            if not _is_mapping(place):
                raise ConfigError(f"Translating the old option {name}: {part} has a value itself.")
        own = _nested(value) if _is_mapping(value) else value
        if _is_mapping(own) and _is_mapping(place.get(last)):
            place[last].update(own)
        else:
            place[last] = own
    return nested


def _number(name: str, value: Any) -> int | float | None:
    if value is None or (not isinstance(value, bool) and value == _OFF):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(
            f"Translating the old option {name}: seen {value!r}; expected a number, -1 for none."
        )
    return value


def _is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping)
