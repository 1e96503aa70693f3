"""The frame stages of one run: which files lack what, and doing it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.core.records import MediaRef
from pipeline_project.core.video.sampling import expected_frames
from pipeline_project.worker.checkpoints import Checkpoints
from pipeline_project.worker.frames import FrameProgress, FrameStages, FrameTask
from pipeline_project.worker.identify import Identified, KnownMedia
from pipeline_project.worker.known import MediaList
from pipeline_project.worker.ledger import Rows, file_row, read_states, sampled_before
from pipeline_project.worker.older import older_keys
from pipeline_project.worker.parts import Parts
from pipeline_project.worker.reclassify import FILES_PER_READ, reclassify
from pipeline_project.worker.request import StageFacts
from pipeline_project.worker.stages import (
    FRAME_STAGES,
    VERSIONS,
    FrameKeys,
    KeysOfFiles,
    Stages,
)
from pipeline_project.worker.states import StateBook


@dataclass(slots=True)
class FramesDone:
    """What the frame stages came to.

    Attributes:
        facts: by stage.
        keys: of all usable files.
        ready: files of which everything is done.
        failed: hashes of files that some stage failed on, now or earlier.
        frames: looked at now.
        decoded_files: now.
        kept_old: files whose results are of older code, as was asked for.
    """

    facts: dict[str, StageFacts]
    keys: KeysOfFiles
    ready: MediaList
    failed: set[str] = field(default_factory=set)
    frames: int = 0
    decoded_files: int = 0
    kept_old: int = 0


@dataclass(frozen=True, slots=True)
class FrameLook:
    """Runs what is missing of the frame stages over one run's files."""

    stages: Stages
    parts: Parts
    checkpoints: Checkpoints
    book: StateBook
    run_id: str
    retry_failed: bool = False
    keep_old: bool = False

    def run(self, found: Identified) -> FramesDone:
        """Look at the files that are not complete; those that fail are not `ready`."""
        media = found.media
        rest = list(media.rows(np.flatnonzero(~found.complete)))
        kinds = {each.sha256: each.info.kind for each in rest}
        current = KeysOfFiles(self.stages, kinds)
        states = read_states(
            self.parts.lake, {key for own in current for key in current[own].all()}
        )
        kept = self._older(current, states) if self.keep_old else {}
        done = FramesDone(
            facts={
                stage: StageFacts(name=stage, version=VERSIONS[stage]) for stage in FRAME_STAGES
            },
            keys=KeysOfFiles(self.stages, media.kinds(), kept),
            ready=media,
            kept_old=len(kept),
        )
        for facts in done.facts.values():
            facts.skipped = len(media) - len(rest) + len(kept)
        rest = [each for each in rest if each.sha256 not in kept]
        tasks = self._tasks(rest, current, states, done)
        self._announce(tasks, len(media) - len(tasks) - len(done.failed))
        self._work(tasks, done)
        done.ready = media.without(done.failed)
        return done

    def _older(self, current: KeysOfFiles, states: Mapping[str, str]) -> dict[str, FrameKeys]:
        """Results of older code, of the files that this code has not looked at."""
        unfinished = {
            sha256: kind
            for sha256, kind in current.kinds.items()
            if any(states.get(key) is None for key in current[sha256].all())
        }
        return older_keys(self.parts.lake, self.stages, unfinished)

    def _tasks(
        self,
        rest: list[KnownMedia],
        keys: KeysOfFiles,
        states: Mapping[str, str],
        done: FramesDone,
    ) -> list[FrameTask]:
        tasks = []
        for each in rest:
            own = keys[each.sha256]
            ends = {stage: states.get(getattr(own, stage)) for stage in FRAME_STAGES}
            broken = [stage for stage, end in ends.items() if end == "failed"]
            if broken and not self.retry_failed:
                done.failed.add(each.sha256)
                done.facts[broken[0]].failed += 1
                self.book.known_failures += 1
                continue
            missing = frozenset(stage for stage, end in ends.items() if end != "done")
            for stage in set(FRAME_STAGES) - missing:
                done.facts[stage].skipped += 1
            if missing:
                tasks.append(FrameTask(each, own, missing))
            else:  # done by a version that wrote no line of the whole file
                rows = Rows()
                row = file_row(self.stages, each.info.kind, each.sha256, self.run_id)
                rows.add(TABLES["datums"], row)
                self.checkpoints.take(rows)
        return tasks

    def _work(self, tasks: list[FrameTask], done: FramesDone) -> None:
        work = FrameStages(
            self.stages,
            self.parts.fetch,
            self.parts.reader,
            self.parts.classifier,
            self.parts.embedder,
            self.parts.measurer,
            self.run_id,
        )

        def do(group: list[FrameTask]) -> Iterator[FrameProgress]:
            if group[0].missing == {"classify"}:
                yield from reclassify(
                    group,
                    lake=self.parts.lake,
                    classifier=self.parts.classifier,
                    stages=self.stages,
                    run_id=self.run_id,
                )
            else:
                for task in group:
                    yield from work.run(task)

        known = sampled_before(self.parts.lake, {task.media.sha256 for task in tasks})
        total = _expected([task.media for task in tasks], self.stages)
        progress = self.parts.progress
        for batch in self.parts.engine.flat_map(do, _groups(tasks)):
            if batch.finished:
                self._count_file(batch, done, known=batch.task.media.sha256 in known)
            self.checkpoints.take(batch.rows)
            done.frames += batch.frames
            name = batch.task.media.ref.name
            progress.update("frames", done.frames, total, "frames", name)
        if tasks:
            progress.update("frames", done.frames, done.frames, "frames")

    def _count_file(self, batch: FrameProgress, done: FramesDone, *, known: bool) -> None:
        task = batch.task
        done.decoded_files += task.missing != {"classify"}
        first = task.first_missing
        failure = (first, batch.error) if batch.error is not None else None
        ref: MediaRef = task.media.ref
        keys = {stage: getattr(task.keys, stage) for stage in FRAME_STAGES if stage in task.missing}
        batch.rows.take(
            self.book.looked(ref, task.media.sha256, keys, known=known, failure=failure)
        )
        if failure is not None:
            done.failed.add(task.media.sha256)
            done.facts[first].failed += 1
            return
        for stage in task.missing:
            done.facts[stage].done += 1
            done.facts[stage].duration_s += batch.seconds.get(stage, 0.0)

    def _announce(self, tasks: list[FrameTask], known: int) -> None:
        """Say how much is to be done, before it is done."""
        say = self.parts.progress.info
        if not tasks:
            say(f"All {known} files are known: nothing to decode, score or embed.")
            return
        looks = [task for task in tasks if task.missing != {"classify"}]
        if len(looks) < len(tasks):
            say(
                f"Labelling the frames of {len(tasks) - len(looks)} known files anew, by their "
                "measures: the classifier is another one. Nothing of them is decoded."
            )
        if not looks:
            return
        expected = _expected([task.media for task in looks], self.stages)
        about = (
            f"about {expected} frames" if expected is not None else "an unknown number of frames"
        )
        say(f"Looking at {about} from {len(looks)} new or changed files; {known} are known.")


def _groups(tasks: list[FrameTask]) -> list[list[FrameTask]]:
    """What one thread does at a time: a file to decode, or many that only lack their labels."""
    labels = [task for task in tasks if task.missing == {"classify"}]
    return [
        *(labels[at : at + FILES_PER_READ] for at in range(0, len(labels), FILES_PER_READ)),
        *([task] for task in tasks if task.missing != {"classify"}),
    ]


def _expected(media: list[KnownMedia], stages: Stages) -> int | None:
    numbers = [expected_frames(each.info, stages.config.sampling) for each in media]
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None
