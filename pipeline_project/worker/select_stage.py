"""The set stages of one run: find the same selection again, or pick, write and record anew."""

import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.core.config import CurationConfig
from pipeline_project.core.hashing import canonical_json, set_key_of
from pipeline_project.core.selection.config import parse_selection_config
from pipeline_project.core.selection.decisions import Review
from pipeline_project.core.selection.near_duplicates import MAX_HAMMING_BITS
from pipeline_project.errors import PipelineError, StoreConflict, TransientError
from pipeline_project.worker.beside import Beside
from pipeline_project.worker.candidates import Candidates, Exclusion, Judgement, gather, judge
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
from pipeline_project.worker.inputs import PoolInputs
from pipeline_project.worker.key_columns import KeyColumns
from pipeline_project.worker.known import MediaList
from pipeline_project.worker.ledger import Row, Rows
from pipeline_project.worker.objects import Objects, ObjectsFound
from pipeline_project.worker.parts import Parts
from pipeline_project.worker.pool_edits import PoolEdit, read_edits
from pipeline_project.worker.review import read_review
from pipeline_project.worker.reviewing import (
    Revision,
    after_review,
    demands_of,
    excluded,
    revision_of,
    settle,
    with_labels,
)
from pipeline_project.worker.selecting import Selected, pick
from pipeline_project.worker.selection_notes import other_kinds, pool_notes, untried
from pipeline_project.worker.selection_rows import selection_rows, selection_set_row
from pipeline_project.worker.set_states import SetBook
from pipeline_project.worker.sidecars import Sidecars
from pipeline_project.worker.stages import SET_STAGES, VERSIONS, KeysOfFiles
from pipeline_project.worker.turns import Turns
from pipeline_project.worker.write_stage import WriteStage, file_names

_ATTEMPTS = 10  # each loses to another run's finished selection


@dataclass(slots=True)
class SelectionFacts:
    """What the set stages came to; `commit_id` is the commit that holds the selection.

    `states` are those of the stages, as `SetBook.counts` gives them.
    """

    selection_id: str
    commit_id: str
    reused: bool
    counts: dict[str, float]
    warnings: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    states: dict[str, dict[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SelectionStage:
    """Runs deduplicate, select and write over the finished files of one run."""

    parts: Parts
    config: CurationConfig
    run_id: str

    def run(self, media: MediaList, keys: KeysOfFiles, checkpoints: Checkpoints) -> SelectionFacts:
        """Return the selection of these very files and settings, made now or earlier.

        A selection that another run made meanwhile counts as earlier: then it is begun again.

        Raises:
            TransientError: other runs recorded selections of this dataset all the time.
        """
        for _ in range(_ATTEMPTS):
            states = SetBook(self.parts.lake, self.run_id, self.config.dataset)
            try:
                facts = self._attempt(media, keys, checkpoints, states)
                facts.states = states.counts()
                return facts
            except StoreConflict:
                self.parts.progress.info(
                    f"Another run selected from dataset {self.config.dataset!r} meanwhile: "
                    "selecting again, away from its picks."
                )
            except PipelineError as error:
                states.failed(error, checkpoints)
                raise
        raise TransientError(
            f"Selecting from dataset {self.config.dataset!r}: other runs recorded a selection of "
            f"it {_ATTEMPTS} times meanwhile. Run again; nothing is decoded twice."
        )

    def _attempt(
        self, media: MediaList, keys: KeysOfFiles, checkpoints: Checkpoints, states: SetBook
    ) -> SelectionFacts:
        """Select once; raises StoreConflict where the past it knew is not the whole past."""
        embeddings = embeddings_of(self.parts.embedder)
        columns = KeyColumns(media, keys)
        turns = Turns(self.parts.store, self.config.dataset)
        turn, earlier = turns.next(self._earlier)
        edits = self._edits()
        beside = Beside(self.parts, self.config)
        known = beside.read(media, keys)
        deciding = {**self._deciding(), **known.deciding}
        contents = columns.contents
        review = read_review(self.parts.lake, self.config.dataset)
        decided = (*review.decisions, *review.classes)
        files = media.held({frame.partition(":")[0] for frame in decided})
        revision = revision_of(self.parts.lake, earlier, contents, deciding, review, files, edits)
        deciding |= revision.deciding
        config = canonical_json(deciding)
        same = same_selection(earlier, contents, config, edits) or revision.unchanged
        if same is not None:
            states.skipped(contents, checkpoints)
            return self._again(same, media, checkpoints)
        pool = read_datapool(
            self.parts.lake,
            earlier if self.config.datapool.enabled else [],
            edits,
            embeddings,
            self.parts.store,
            self.parts.embedder,
            review=review,
            redone=revision.redone,
        )
        key = set_key_of(
            contents=contents,
            stage_versions={stage: VERSIONS[stage] for stage in SET_STAGES},
            config=deciding,
            pool=pool.version,
        )
        selection_id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{key[:4]}{secrets.token_hex(2)}"
        header: Row = {
            "selection_id": selection_id,
            "dataset": self.config.dataset,
            "set_key": key,
            "candidates_sha256": contents,
            "space": embeddings.name,
            "config": config,
            "pool_version": pool.version,
            "run_id": self.run_id,
        }
        try:
            facts, rows = self._select(
                header, media, keys, columns, pool, known.sidecars, revision, states
            )
            rows.take(states.made(key, contents, first=not earlier))
            checkpoints.prepare(rows)
            if self._past() != ([each.selection_id for each in earlier], edits):
                raise StoreConflict(f"Recording selection {selection_id}: there is a newer one.")
            turns.take(turn, selection_id)
            picked = f"{facts.counts['picked']:.0f} of {facts.counts['candidates']:.0f}"
            commit = checkpoints.commit(f"selection {selection_id}: {picked} frames picked")
            facts.commit_id = commit.commit_id if commit else ""
            return facts
        except BaseException:  # also when interrupted: nobody would ever find these frames
            checkpoints.abandon()
            turns.give_up(turn, selection_id, self.parts.progress)
            raise

    def _select(
        self,
        header: Row,
        media: MediaList,
        keys: KeysOfFiles,
        columns: KeyColumns,
        pool: Datapool,
        sidecars: Sidecars,
        revision: Revision,
        states: SetBook,
    ) -> tuple[SelectionFacts, Rows]:
        """Pick and write; returns what came of it and the rows that record it."""
        selection_id = str(header["selection_id"])
        considered = self._unseen(media, columns, pool, revision.review)
        wanted = dict(keys.narrowed({each.sha256: each.info.kind for each in considered}))
        embeddings = embeddings_of(self.parts.embedder)
        candidates = gather(self.parts.lake, considered, wanted, embeddings)
        judgement = judge(candidates, considered, self.config.quality)
        judgement.exclusions += excluded(candidates, revision.review)
        beside = Beside(self.parts, self.config)
        inputs = beside.inputs(candidates, pool, media, keys, sidecars)
        inputs = with_labels(inputs, candidates, pool, revision.review)
        space = self.parts.embedder.space
        looked = self._objects(inputs, candidates, judgement, pool, media, revision)
        inputs = looked.inputs
        demands, unmet = demands_of(candidates, revision, pool, self.parts.lake, embeddings)
        selected = pick(
            candidates, judgement, pool, self.config, space, inputs, demands, self._picking
        )
        exclusions = [*judgement.exclusions, *selected.exclusions]
        exclusions = settle(selected, candidates, revision, exclusions)
        if revision.redone:
            self.parts.progress.info(after_review(selected))
        states.at = "write"
        names = file_names(candidates, selected, considered)
        frames = self._writer.write(selection_id, candidates, names, considered)
        facts = SelectionFacts(
            selection_id,
            commit_id="",
            reused=False,
            counts=_counts(candidates, exclusions, selected, pool, frames.count),
            warnings=[
                *untried(space),
                *sidecars.warnings,
                *judgement.warnings,
                *selected.warnings,
                *unmet,
                *looked.warnings,
                *frames.warnings,
            ],
            seconds={**selected.seconds, "write": frames.seconds},
        )
        if pool.selections:
            facts.warnings += pool_notes(media, considered, pool, self.config)
            facts.warnings += other_kinds(self.parts.lake, media, pool, self.config.dataset)
        rows = selection_rows(selection_id, candidates, exclusions, selected, pool, names, wanted)
        rows.take(frames.rejects)
        rows.add(embeddings, *pool.embedded)
        header_row = selection_set_row(header, self.config.engine, facts.counts)
        rows.add(TABLES["selection_sets"], header_row)
        return facts, rows

    def _objects(
        self,
        inputs: PoolInputs,
        candidates: Candidates,
        judgement: Judgement,
        pool: Datapool,
        media: Sequence[KnownMedia],
        revision: Revision,
    ) -> ObjectsFound:
        """Embed what strategies look at within frames; those that are out are spared."""
        wanted = revision.review.wanted | set(revision.kept)
        left_out = {
            each.row for each in judgement.exclusions if candidates.frame_id[each.row] not in wanted
        }
        looking = Objects(self.parts, self.config, self.run_id)
        frames = [*candidates.frame_id, *pool.frame_ids]
        return looking.look(inputs, frames, left_out, media)

    def _picking(self, done: int, wanted: int) -> None:
        self.parts.progress.update("select", done, wanted, "picks")

    def _earlier(self) -> list[EarlierSelection]:
        return earlier_selections(self.parts.lake, self.config.dataset)

    def _past(self) -> tuple[list[str], list[PoolEdit]]:
        """What must not have changed between looking at the past and recording a selection."""
        ids = [each.selection_id for each in self._earlier()]
        return ids, self._edits()

    def _edits(self) -> list[PoolEdit]:
        """Edits of the past; nobody asks for them where the past does not matter."""
        enabled = self.config.datapool.enabled
        return read_edits(self.parts.lake, self.config.dataset) if enabled else []

    def _deciding(self) -> dict[str, object]:
        """The settings that decide what is picked and how it is written, in one spelling."""
        config = self.config
        selection = parse_selection_config(config.selection)
        bound = config.limits.memory_mb
        return {
            "quality": config.quality.model_dump(mode="json"),
            "selection": selection.model_dump(mode="json"),
            "engine": config.engine,
            "constraints": config.constraints.model_dump(mode="json"),
            "datapool": config.datapool.model_dump(mode="json"),
            "jpeg_quality": config.output.jpeg_quality,
            "duplicate_cosine": self.parts.embedder.space.duplicate_cosine,
            "duplicate_hamming_bits": MAX_HAMMING_BITS,
            "versions": {stage: VERSIONS[stage] for stage in SET_STAGES},
            **({} if bound is None else {"memory_mb": bound}),
        }

    def _unseen(
        self,
        media: MediaList,
        columns: KeyColumns,
        pool: Datapool,
        review: Review,
    ) -> list[KnownMedia]:
        """Files no earlier selection looked at; all, where there are none or all are asked for.

        A file with a frame that people want, and that was never picked, is looked at again.
        """
        wanted = {frame.partition(":")[0] for frame in review.wanted - set(pool.frame_ids)}
        if self.config.datapool.process_all:
            return list(media)
        if not len(pool.seen):
            return list(media)
        unseen = pc.invert(pc.is_in(columns.sample, value_set=pool.seen))
        if wanted:
            again = pc.is_in(media.table["sha256"], value_set=pa.array(list(wanted), pa.string()))
            unseen = pc.or_(unseen, again.combine_chunks())
        rows = np.flatnonzero(unseen.to_numpy(zero_copy_only=False))
        return list(media.rows(rows) if len(rows) else media)

    def _again(
        self, same: EarlierSelection, media: Sequence[KnownMedia], checkpoints: Checkpoints
    ) -> SelectionFacts:
        """Return a selection made earlier, with what its folder lacks written now."""
        frames = self._writer.write_missing(same.selection_id, media)
        if frames.rejects.count():
            checkpoints.commit(f"selection {same.selection_id}: frames missing", frames.rejects)
        return SelectionFacts(
            same.selection_id,
            commit_id=same.commit_id,
            reused=True,
            counts={**same.counts, "picked": frames.count},
            warnings=frames.warnings,
            seconds={"write": frames.seconds},
        )

    @property
    def _writer(self) -> WriteStage:
        return WriteStage(self.parts, self.config, self.run_id)


def _counts(
    candidates: Candidates,
    exclusions: Sequence[Exclusion],
    selected: Selected,
    pool: Datapool,
    picked: int,
) -> dict[str, float]:
    judged = Counter(each.judgement for each in exclusions)
    return {
        "candidates": len(candidates),
        "excluded": len({each.row for each in exclusions}),
        **{f"excluded_{name}": count for name, count in sorted(judged.items())},
        "duplicates": len(selected.duplicates),
        "survivors": len(selected.survivors),
        "picked": picked,
        "pool": len(pool.frame_ids),
    }
