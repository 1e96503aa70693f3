"""The set stages: duplicates out, then the pick."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline_project.core.config import CurationConfig
from pipeline_project.core.embedding.space import EmbeddingSpace
from pipeline_project.core.selection.close_vectors import CloseVectors
from pipeline_project.core.selection.config import SelectionConfig, parse_selection_config
from pipeline_project.core.selection.decisions import REJECTED
from pipeline_project.core.selection.engine import run_selection
from pipeline_project.core.selection.near_duplicates import FrameFeatures, find_duplicates
from pipeline_project.core.selection.pool import (
    Column,
    Constraints,
    ObjectEmbeddings,
    PickedRow,
    Predictions,
    SelectionPool,
    SelectionResult,
)
from pipeline_project.core.selection.sequences import (
    joined_column,
    mean_vectors,
    sequences_of,
)
from pipeline_project.errors import ConfigError
from pipeline_project.worker.candidates import Candidates, Exclusion, Judgement
from pipeline_project.worker.datapool import Datapool, Vectors
from pipeline_project.worker.inputs import PoolInputs

EARLIER_PICK = "earlier pick"
THRESHOLD = "threshold"
_BLOCK_ROWS = 10_000  # candidates compared with the earlier picks at once
_NOTHING = PoolInputs()
_Rows = npt.NDArray[np.intp]


@dataclass(slots=True)
class Selected:
    """What was picked of the candidates.

    Attributes:
        picks: in order of rank; `index` counts rows of the candidates.
        duplicates: row -> (frame id that stands for it, kind).
        survivors: rows that could have been picked.
        exclusions: rows that a THRESHOLD of the configuration took out.
        seconds: per stage.
        warnings: why fewer were picked than asked for, or not the best.
    """

    picks: list[PickedRow]
    duplicates: dict[int, tuple[str, str]]
    survivors: list[int]
    exclusions: list[Exclusion] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Demands:
    """What people demand of a selection.

    Attributes:
        forced: rows of candidates that are picked first, in this order, whatever is said of them.
        at_least: how many to pick, where the configuration says fewer.
        rejected: frames that must not be picked, nor what looks like them.
        rejected_vectors: shape (m, dim), theirs.
    """

    forced: Sequence[int] = ()
    at_least: int = 0
    rejected: Sequence[str] = ()
    rejected_vectors: Vectors = field(default_factory=lambda: np.empty((0, 0), np.float32))


_NO_DEMANDS = Demands()


def pick(
    candidates: Candidates,
    judgement: Judgement,
    pool: Datapool,
    config: CurationConfig,
    space: EmbeddingSpace,
    inputs: PoolInputs = _NOTHING,
    demands: Demands = _NO_DEMANDS,
    progress: Callable[[int, int], None] | None = None,
) -> Selected:
    """Group duplicates, keep the sharpest of each, and pick of what is left.

    Args:
        candidates: frames that may be picked.
        judgement: which of them may not, and which rather not.
        pool: what was picked before.
        config: how many, and how.
        space: of the embeddings.
        inputs: columns over the candidates and after them the pool.
        demands: what people decided about single frames.
        progress: called with picks made and wanted, now and then.

    Raises:
        ConfigError: the configuration does not fit the data.
    """
    started = time.perf_counter()
    forced = demands.forced
    excluded = {each.row for each in judgement.exclusions} - set(forced)
    kept = np.asarray([row for row in range(len(candidates)) if row not in excluded], np.intp)
    length = config.constraints.selected_sequence_length
    selection = parse_selection_config(config.selection)
    if length > 1:
        duplicates = _met_again(candidates, kept, pool)
    else:
        rejected = _like_rejected(candidates, kept, demands, space)
        kept = np.asarray([row for row in kept.tolist() if row not in rejected], np.intp)
        duplicates = rejected | _duplicates(candidates, kept, pool, space)
        kept = np.sort(np.concatenate([kept, np.asarray(list(rejected), np.intp)]))
    for row in forced:
        duplicates.pop(row, None)
    survivors = [row for row in kept.tolist() if row not in duplicates]
    grouped = time.perf_counter()
    units = np.asarray(survivors, np.intp)[:, None]
    if length > 1:
        units = _sequences(candidates, survivors, inputs, length)
        selection = _per_sequence(selection, length, units.size)
    selected = Selected([], duplicates, survivors)
    if len(units):
        result = run_selection(
            _selection_pool(candidates, judgement, pool, config, inputs, units, forced),
            selection,
            n=_wanted(selection, demands, units),
            engine=config.engine,
            memory_mb=config.limits.memory_mb,
            progress=progress,
        )
        selected.picks = _picks_of(result, units)
        selected.exclusions = _beyond_thresholds(result, selection, units)
        selected.warnings = _remarks(result, selection, len(units))
    selected.seconds = {
        "deduplicate": grouped - started,
        "select": time.perf_counter() - grouped,
    }
    return selected


def _wanted(selection: SelectionConfig, demands: Demands, units: _Rows) -> int | None:
    """How many to pick where people's decisions ask for more; None for what is configured."""
    least = max(demands.at_least, len(demands.forced))
    return max(selection.samples_of(len(units)), -(-least // units.shape[1])) if least else None


def _like_rejected(
    candidates: Candidates, kept: _Rows, demands: Demands, space: EmbeddingSpace
) -> dict[int, tuple[str, str]]:
    """Candidates that look like a rejected frame."""
    if not demands.rejected:
        return {}
    nothing = pa.array([], pa.string())
    nobody = Datapool("", list(demands.rejected), demands.rejected_vectors, nothing, 0)
    like = _like_earlier_picks(candidates, kept, nobody, space)
    forced = set(demands.forced)
    return {row: (frame, REJECTED) for row, (frame, _) in like.items() if row not in forced}


def _duplicates(
    candidates: Candidates, kept: _Rows, pool: Datapool, space: EmbeddingSpace
) -> dict[int, tuple[str, str]]:
    """Rows that an earlier pick, or another row, stands for."""
    duplicates = _like_earlier_picks(candidates, kept, pool, space)
    left = np.asarray([row for row in kept.tolist() if row not in duplicates], np.intp)
    features = FrameFeatures(
        pixels_sha256=[candidates.pixels_sha256[row] for row in left],
        phash=candidates.phash[left],
        source=[candidates.media_sha256[row] for row in left],
        vectors=candidates.vectors[left],
        rank=_sharpness_rank(candidates)[left],
    )
    for one, (other, kind) in find_duplicates(features, min_cosine=space.duplicate_cosine).items():
        duplicates[int(left[one])] = (candidates.frame_id[int(left[other])], kind)
    return duplicates


def _met_again(candidates: Candidates, kept: _Rows, pool: Datapool) -> dict[int, tuple[str, str]]:
    """Candidates that are earlier picks themselves."""
    before = set(pool.frame_ids)
    return {
        row: (candidates.frame_id[row], EARLIER_PICK)
        for row in kept.tolist()
        if candidates.frame_id[row] in before
    }


def _like_earlier_picks(
    candidates: Candidates, kept: _Rows, pool: Datapool, space: EmbeddingSpace
) -> dict[int, tuple[str, str]]:
    """Candidates that an earlier pick already shows; the pick itself, met again, among them."""
    like = _met_again(candidates, kept, pool)
    rest = np.asarray([row for row in kept.tolist() if row not in like], np.intp)
    if not len(pool.frame_ids) or not len(rest) or space.duplicate_cosine is None:
        return like
    before = len(pool.frame_ids)
    for start in range(0, len(rest), _BLOCK_ROWS):
        block = rest[start : start + _BLOCK_ROWS]
        both = np.concatenate([pool.vectors, candidates.vectors[block]])
        close = CloseVectors(both, space.duplicate_cosine, capacity=before)
        close.add(np.arange(before))
        found = close.first_close(np.arange(before, len(both)))
        for row, match in zip(block.tolist(), found.tolist(), strict=True):
            if match >= 0:
                like[row] = (pool.frame_ids[match], EARLIER_PICK)
    return like


def _sharpness_rank(candidates: Candidates) -> npt.NDArray[np.float64]:
    """Probably sharp before probably not, then by the Laplacian: moiré raises it, so not alone."""
    steps = np.round(candidates.probabilities["p_sharp"], 1) * 1e3
    return np.asarray(steps + np.log1p(candidates.measures["laplacian_variance"]), np.float64)


def _sequences(
    candidates: Candidates, survivors: list[int], inputs: PoolInputs, length: int
) -> _Rows:
    usable = np.zeros(len(candidates), bool)
    usable[survivors] = True
    groups = inputs.sequence_of or candidates.media_sha256
    return sequences_of(groups[: len(candidates)], usable, length)


def _per_sequence(selection: SelectionConfig, length: int, frames: int) -> SelectionConfig:
    """The configuration with sequences for samples; a part of one becomes a whole one."""
    wanted = -(-selection.samples_of(frames) // length)
    return selection.model_copy(update={"n_samples": max(1, wanted), "proportion_samples": None})


def _selection_pool(
    candidates: Candidates,
    judgement: Judgement,
    pool: Datapool,
    config: CurationConfig,
    inputs: PoolInputs,
    units: _Rows,
    forced: Sequence[int],
) -> SelectionPool:
    """One row per unit (a frame or a sequence), and after them the earlier picks."""
    before = len(pool.frame_ids)
    single = units.shape[1] == 1
    vectors = candidates.vectors[units[:, 0]] if single else mean_vectors(candidates.vectors, units)
    past = len(candidates) + np.arange(before)

    def column(values: Column) -> Column:
        own = values[units[:, 0]] if single else joined_column(values, units)
        return np.concatenate([own, values[past]])

    def counts(values: Column) -> Column:
        return np.concatenate([values[units].sum(axis=1), values[past]])

    weights = np.concatenate([judgement.weights[units].min(axis=1), np.ones(before)])
    place = {int(row): unit for unit, each in enumerate(units.tolist()) for row in each}
    return SelectionPool(
        embeddings=np.concatenate([vectors, pool.vectors]),
        metadata={key: column(values) for key, values in inputs.metadata.items()},
        scores={
            task: {name: column(values) for name, values in each.items()}
            for task, each in inputs.scores.items()
        },
        predictions={
            task: Predictions(each.classes, counts=counts(np.asarray(each.counts)))
            for task, each in inputs.predictions.items()
        },
        queries=inputs.queries,
        objects={
            task: _objects_of_units(each, units, past, len(candidates))
            for task, each in inputs.objects.items()
        },
        weights=weights if judgement.weighted else None,
        preselected=np.arange(len(units), len(units) + before),
        forced=list(dict.fromkeys(place[row] for row in forced if row in place)),
        constraints=_constraints(config, inputs, units, past),
    )


def _objects_of_units(
    found: ObjectEmbeddings, units: _Rows, past: _Rows, candidates: int
) -> ObjectEmbeddings:
    """Objects by unit; those of frames that are in none are left out."""
    place = np.full(candidates + len(past), -1, np.intp)
    for number in range(units.shape[1]):
        place[units[:, number]] = np.arange(len(units))
    place[past] = len(units) + np.arange(len(past))
    unit = place[np.asarray(found.row, np.intp)]
    return ObjectEmbeddings(np.asarray(found.vectors)[unit >= 0], unit[unit >= 0])


def _constraints(
    config: CurationConfig, inputs: PoolInputs, units: _Rows, past: _Rows
) -> Constraints | None:
    """Caps and gaps; earlier picks count.

    Which earlier picks of a file were one sequence is not known: so many of them count as one.
    """
    asked = config.constraints
    if asked.max_per_source is None and asked.min_gap_s is None:
        return None
    if inputs.group is None or inputs.time_s is None:
        raise ConfigError("Picking under constraints: nobody said where the frames are from.")
    times = inputs.time_s
    before = inputs.group[past]
    met: Counter[int] = Counter()
    first = []
    for group in before.tolist():
        first.append(met[group] % units.shape[1] == 0)
        met[group] += 1
    return Constraints(
        group=np.concatenate([inputs.group[units[:, 0]], before]),
        max_per_group=asked.max_per_source,
        time_s=np.concatenate([times[units[:, 0]], times[past]]),
        min_gap_s=asked.min_gap_s,
        end_s=np.concatenate([times[units[:, -1]], times[past]]),
        counts=np.concatenate([np.ones(len(units), bool), np.asarray(first, bool)]),
    )


def _picks_of(result: SelectionResult, units: _Rows) -> list[PickedRow]:
    """The picked frames: of a sequence all of them, one rank after the other."""
    length = units.shape[1]
    picks: list[PickedRow] = []
    for each in result.picks:
        for number, row in enumerate(units[each.index].tolist()):
            reason = each.reason
            if length > 1:
                reason = f"frame {number + 1} of sequence {each.rank}: {reason}"
            picks.append(replace(each, index=row, rank=len(picks) + 1, reason=reason))
    return picks


def _beyond_thresholds(
    result: SelectionResult, selection: SelectionConfig, units: _Rows
) -> list[Exclusion]:
    """Which frames each THRESHOLD took out, by its value."""
    rules = [rule for rule in selection.strategies if rule.strategy.type == "THRESHOLD"]
    picked = {each.index for each in result.picks}
    found: dict[int, Exclusion] = {}
    for rule, outcome in zip(rules, result.thresholds, strict=True):
        source = rule.input
        name = source.key or source.score or source.name or source.type
        for unit in outcome.removed.tolist():
            if unit >= len(units) or unit in picked:
                continue
            value = float(outcome.values[unit])
            missing = value != value
            for row in units[unit].tolist():
                found.setdefault(
                    row,
                    Exclusion(
                        row,
                        THRESHOLD,
                        f"{name} (missing)" if missing else name,
                        0.0 if missing else value,
                        float(rule.strategy.threshold or 0.0),
                    ),
                )
    return list(found.values())


_WHY = {
    "minimum_distance": "the rest is nearer to a pick than stopping_condition_minimum_distance",
    "minimum_typicality": "the rest is below stopping_condition_minimum_typicality",
    "max_sum": "stopping_condition_max_sum was reached",
    "constraints": "constraints.max_per_source and min_gap_s allow no other",
    "pool_empty": "there are no others that may be",
}


def _remarks(result: SelectionResult, selection: SelectionConfig, units: int) -> list[str]:
    """What people should know of how the picking went."""
    wanted = selection.n_samples or selection.samples_of(units)
    said = []
    if not result.exact:
        bound = result.coverage_bound
        said.append(
            "The embeddings need more than limits.memory_mb: picked in two levels"
            + ("." if bound is None else f"; no frame is farther than {bound:.3f} from a pick.")
        )
    if len(result.picks) >= wanted or result.stopped_by not in _WHY:
        return said
    return [
        *said,
        f"{len(result.picks)} instead of {wanted} were picked: {_WHY[result.stopped_by]}.",
    ]
