"""The set stages of one run: find the same selection again, or pick, write and record anew."""

import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.core.config import CurationConfig
from pipeline_project.core.hashing import canonical_json, hash_of_names, set_key
from pipeline_project.core.selection.config import parse_selection_config
from pipeline_project.worker.candidates import Candidates, Judgement, gather, judge
from pipeline_project.worker.checkpoints import Checkpoints
from pipeline_project.worker.datapool import (
    Datapool,
    EarlierSelection,
    earlier_selections,
    read_datapool,
    same_selection,
)
from pipeline_project.worker.frames import embeddings_of
from pipeline_project.worker.identify import KnownMedia
from pipeline_project.worker.parts import Parts
from pipeline_project.worker.selecting import Selected, pick, selection_rows, selection_set_row
from pipeline_project.worker.stages import SET_STAGES, VERSIONS, FrameKeys
from pipeline_project.worker.write_stage import WriteStage, file_names


@dataclass(slots=True)
class SelectionFacts:
    """What the set stages came to."""

    selection_id: str
    reused: bool
    counts: dict[str, float]
    warnings: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SelectionStage:
    """Runs deduplicate, select and write over the finished files of one run."""

    parts: Parts
    config: CurationConfig
    run_id: str

    def run(
        self, media: Sequence[KnownMedia], keys: dict[str, FrameKeys], checkpoints: Checkpoints
    ) -> SelectionFacts:
        """Return the selection of these very files and settings, made now or earlier."""
        lake = self.parts.lake
        embeddings = embeddings_of(self.parts.embedder)
        space = embeddings.name
        members = [key for each in media for key in keys[each.sha256].all()]
        contents, config = hash_of_names(members), canonical_json(self._deciding())
        earlier = earlier_selections(lake, self.config.dataset, space)
        same = same_selection(earlier, contents, config)
        if same is not None:
            return self._again(same, media, checkpoints)
        pool = read_datapool(lake, earlier if self.config.datapool.enabled else [], embeddings)
        considered = self._unseen(media, pool)
        wanted = {each.sha256: keys[each.sha256] for each in considered}
        candidates = gather(lake, considered, wanted, embeddings)
        judgement = judge(candidates, considered, self.config.quality)
        selected = pick(candidates, judgement, pool, self.config, self.parts.embedder.space)
        key = set_key(
            members=members,
            stage_versions={stage: VERSIONS[stage] for stage in SET_STAGES},
            config=self._deciding(),
            pool=pool.version,
        )
        selection_id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{key[:4]}{secrets.token_hex(2)}"
        names = file_names(candidates, selected, considered)
        frames = self._writer.write(selection_id, candidates, names, considered)
        facts = SelectionFacts(
            selection_id,
            reused=False,
            counts=_counts(candidates, judgement, selected, pool, frames.count),
            warnings=[*judgement.warnings, *frames.warnings],
            seconds={**selected.seconds, "write": frames.seconds},
        )
        if pool.selections:
            facts.warnings += _pool_notes(media, considered, pool, self.config)
        rows = selection_rows(selection_id, candidates, judgement, selected, pool, names)
        rows.take(frames.rejects)
        header = selection_set_row(
            selection_id,
            dataset=self.config.dataset,
            key=key,
            candidates_sha256=contents,
            space=space,
            config=config,
            pool=pool,
            run_id=self.run_id,
            counts=facts.counts,
        )
        rows.add(TABLES["selection_sets"], header)
        message = (
            f"selection {selection_id}: {len(selected.picks)} of {len(candidates)} frames picked"
        )
        checkpoints.commit(message, rows)
        return facts

    def _deciding(self) -> dict[str, object]:
        """The settings that decide what is picked and how it is written, in one spelling."""
        config = self.config
        selection = parse_selection_config(config.selection)
        return {
            "quality": config.quality.model_dump(mode="json"),
            "selection": selection.model_dump(mode="json"),
            "datapool": config.datapool.model_dump(mode="json"),
            "jpeg_quality": config.output.jpeg_quality,
            "versions": {stage: VERSIONS[stage] for stage in SET_STAGES},
        }

    def _unseen(self, media: Sequence[KnownMedia], pool: Datapool) -> list[KnownMedia]:
        """Files no earlier selection looked at; all, where there are none or all are asked for."""
        unseen = [each for each in media if each.sha256 not in pool.seen_media]
        if self.config.datapool.process_all or not unseen:
            return list(media)
        return unseen

    def _again(
        self, same: EarlierSelection, media: Sequence[KnownMedia], checkpoints: Checkpoints
    ) -> SelectionFacts:
        """Return a selection made earlier, with what its folder lacks written now."""
        frames = self._writer.write_missing(same.selection_id, media)
        if frames.rejects.count():
            checkpoints.commit(f"selection {same.selection_id}: frames missing", frames.rejects)
        return SelectionFacts(
            same.selection_id,
            reused=True,
            counts={**same.counts, "picked": frames.count},
            warnings=frames.warnings,
            seconds={"write": frames.seconds},
        )

    @property
    def _writer(self) -> WriteStage:
        return WriteStage(self.parts, self.config, self.run_id)


def _counts(
    candidates: Candidates, judgement: Judgement, selected: Selected, pool: Datapool, picked: int
) -> dict[str, float]:
    judged = Counter(each.judgement for each in judgement.exclusions)
    return {
        "candidates": len(candidates),
        "excluded": len({each.row for each in judgement.exclusions}),
        **{f"excluded_{name}": count for name, count in sorted(judged.items())},
        "duplicates": len(selected.duplicates),
        "survivors": len(selected.survivors),
        "picked": picked,
        "pool": len(pool.frame_ids),
    }


def _pool_notes(
    media: Sequence[KnownMedia],
    considered: Sequence[KnownMedia],
    pool: Datapool,
    config: CurationConfig,
) -> list[str]:
    """Say what the past of the dataset did to this selection: it surprises who forgot it."""
    past = f"{pool.selections} earlier selection{'s' if pool.selections > 1 else ''}"
    note = (
        f"Dataset {config.dataset!r} has {len(pool.frame_ids)} picks from {past}: "
        "the new picks stay away from them (--no-datapool selects afresh)."
    )
    if len(considered) < len(media):
        note += (
            f" {len(media) - len(considered)} files that an earlier selection had looked at were "
            "left out (datapool.process_all)."
        )
    return [note]
