"""One way through a pipeline: sources listed, each step planned and worked on, changes noted."""

import hashlib
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

from pipeline_project.adapters.lake.base import Lake
from pipeline_project.core.collections.datums import Datum, File, Listing, datums
from pipeline_project.core.collections.definition import Pipeline, Source, Step
from pipeline_project.core.collections.plan import (
    Known,
    StepPlan,
    check_outputs,
    collision,
    described,
    plan_step,
    step_code,
)
from pipeline_project.worker.collections.code import classifier_place, step_version
from pipeline_project.worker.collections.held import Access, Bytes, Held
from pipeline_project.worker.collections.listing import list_source
from pipeline_project.worker.collections.pool import WorkPool
from pipeline_project.worker.collections.publishing import Publisher, Rows
from pipeline_project.worker.collections.report import Failure, PipelineReport, StepReport
from pipeline_project.worker.collections.state import (
    Member,
    Result,
    Snapshot,
    member_changes,
    read_results,
    read_snapshot,
    result_row,
)
from pipeline_project.worker.collections.work import Outcome, StepCode, Task

Tell = Callable[[str, int, int], None]
CHECKPOINT_S = 10.0
_PENDING = "pending"  # stands for the hash of what a plan cannot know yet


@dataclass(frozen=True, slots=True)
class Place:
    """Where pipelines run.

    Attributes:
        lake: holds what was made.
        access: how processes get at the home and the sources.
        run_id: named in commits and results.
        branch: of the lake.
        processes: how many work at once; 0 means one per processor.
        checkpoint_s: what is finished is kept at least this often.
        tell: called with a step's name, datums done and datums to do.
    """

    lake: Lake
    access: Access
    run_id: str
    branch: str = "main"
    processes: int = 0
    checkpoint_s: float = CHECKPOINT_S
    tell: Tell = field(default=lambda step, done, total: None)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be run.

    Attributes:
        pipeline: as read from its YAML.
        folder: of the YAML file.
        only: names of the steps to run, the others staying as they are; None runs all.
        retry_failed: work on failed datums again although nothing changed.
    """

    pipeline: Pipeline
    folder: Path
    only: Collection[str] | None = None
    retry_failed: bool = False


class Walk:
    """One way through all steps, from the state at its beginning.

    Args:
        place: where it runs.
        wish: what is to be run.
        work: does the work and keeps its results; None only plans.
    """

    def __init__(
        self, place: Place, wish: Wish, work: tuple[WorkPool, Publisher] | None = None
    ) -> None:
        self._place = place
        self._wish = wish
        self._pipeline = wish.pipeline
        self._work = work
        self.before: Snapshot = read_snapshot(place.lake, wish.pipeline.name)
        self.changes: Rows = []
        self._report = PipelineReport(wish.pipeline.name)
        self._listings: dict[str, Listing] = {}
        self._held: dict[str, dict[str, Held]] = {}
        self._results: dict[str, Result] = {}

    @property
    def message(self) -> str:
        """What changed, for the log."""
        steps = [each for each in self._report.steps if not each.is_current]
        words = [
            f"{each.name} {', '.join(f'{n} {what}' for what, n in each.counts.items() if n)}"
            for each in steps
        ]
        return f"collections of {self._pipeline.name}: {'; '.join(words) or 'files'}"

    def go(self) -> PipelineReport:
        """List the sources, then take each step; gives the report."""
        codes = {
            step.name: step_version(step, self._wish.folder)
            for step in self._pipeline.steps
            if self._wanted(step)
        }
        keys = {m.datum_key for each in self.before.members.values() for m in each.values()}
        self._results = read_results(self._place.lake, keys - {""})
        for source in self._pipeline.sources:
            self._list(source)
        for step in self._pipeline.steps:
            started = time.perf_counter()
            report = StepReport(step.name)
            if self._wanted(step):
                self._step(step, *codes[step.name], report)
            else:
                self._stay(step, report)
            report.files = len(self._listings[step.name])
            report.sha256 = _hash_of(self._listings[step.name])
            report.duration_s = time.perf_counter() - started
            self._report.steps.append(report)
        self._forget_dropped()
        return self._report

    def _wanted(self, step: Step) -> bool:
        return self._wish.only is None or step.name in self._wish.only

    def _list(self, source: Source) -> None:
        started = time.perf_counter()
        name = source.name
        before = self.before.of(name)
        access = self._place.access
        found = list_source(source, self._wish.folder, before, Bytes(access), access.source)
        self._hold(name, [held for held, _ in found.values()])
        now = {path: member for path, (_, member) in found.items()}
        self.changes += member_changes(self._pipeline.name, name, before, now)
        report = StepReport(name, files=len(now), removed=len(before.keys() - now.keys()))
        for path, member in now.items():
            if member.state == "failed":
                report.failed += 1
            elif path not in before:
                report.new += 1
            elif before[path].sha256 != member.sha256:
                report.changed += 1
            else:
                report.skipped += 1
        report.sha256 = _hash_of(self._listings[name])
        report.duration_s = time.perf_counter() - started
        self._report.sources.append(report)

    def _hold(self, collection: str, files: Collection[Held]) -> None:
        self._held[collection] = {held.path: held for held in files}
        self._listings[collection] = Listing(File(held.path, held.sha256) for held in files)

    def _stay(self, step: Step, report: StepReport) -> None:
        """Leave a step's collection as it is."""
        members = self.before.of(step.name).values()
        done = [
            self._results[each.datum_key]
            for each in members
            if each.state == "done" and each.datum_key in self._results
        ]
        self._hold(step.name, [held for result in done for held in result.outputs])
        report.skipped = len(done)
        report.failed = len(members) - len(done)

    def _forget_dropped(self) -> None:
        """Take away the collections of steps and sources that the pipeline has no more."""
        there = {each.name for each in self._pipeline.sources}
        there |= {each.name for each in self._pipeline.steps}
        for name in self.before.members.keys() - there:
            self.changes += member_changes(self._pipeline.name, name, self.before.of(name), {})

    def _step(self, step: Step, version: str, model: str, report: StepReport) -> None:
        found = datums(step.input, self._listings)
        check_outputs(step, found)
        before = self.before.of(step.name)
        plan = self._plan(step, step_code(step, version, model), found, before)
        report.datums = len(found)
        for name in ("new", "changed", "reused", "skipped", "removed"):
            setattr(report, name, len(getattr(plan, name)))
        ended = {
            each.datum_id: self._results[plan.keys[each.datum_id]]
            for each in (*plan.skipped, *plan.reused, *plan.failed)
        }
        if self._work is None:
            ended |= self._foreseen(step, plan, before, report)
        else:
            ended |= self._worked(step, version, model, plan)
        by_id = {each.datum_id: each for each in found}
        self._collect(step, by_id, ended)
        now = {}
        for name, datum in by_id.items():
            result = ended[name]
            now[name] = Member(name, plan.keys[name], result.state)
            if result.state == "failed":
                report.failed += 1
                report.failures.append(Failure(described(datum), result.error))
            elif name in before and before[name].state == "failed":
                report.recovered += 1
        self.changes += member_changes(self._pipeline.name, step.name, before, now)

    def _plan(
        self, step: Step, code: str, found: list[Datum], before: dict[str, Member]
    ) -> StepPlan:
        known = {
            name: Known(member.datum_key, "failed" if member.state == "failed" else "done")
            for name, member in before.items()
        }
        # First by what the last commit knows, then with what else was ever made of these keys.
        states = {key: result.state for key, result in self._results.items()}
        plan = plan_step(found, code, known, states, retry=self._wish.retry_failed)
        asked = {plan.keys[each.datum_id] for each in plan.to_do} - self._results.keys()
        more = read_results(self._place.lake, asked)
        if more:
            self._results |= more
            states |= {key: result.state for key, result in more.items()}
            plan = plan_step(found, code, known, states, retry=self._wish.retry_failed)
        return plan

    def _worked(self, step: Step, version: str, model: str, plan: StepPlan) -> dict[str, Result]:
        """Work on what has to be done, and keep each result as it comes."""
        if self._work is None or not plan.to_do:
            return {}
        pool, publisher = self._work
        tasks = {each.datum_id: self._task(step, each) for each in plan.to_do}
        code = StepCode(
            step.name,
            step.kind,
            self._value(step),
            step.params,
            str(self._wish.folder),
            step.timeout_s,
        )
        ended: dict[str, Result] = {}
        for done, outcome in enumerate(pool.run(code, list(tasks.values())), start=1):
            key = plan.keys[outcome.datum_id]
            result = _result_of(outcome)
            ended[outcome.datum_id] = result
            if not outcome.passing:  # what may work the next time is no result
                self._results[key] = result
                publisher.result(
                    result_row(
                        key=key,
                        pipeline=self._pipeline.name,
                        step=step,
                        version=version,
                        model_sha256=model,
                        task=tasks[outcome.datum_id],
                        outcome=outcome,
                        run_id=self._place.run_id,
                    )
                )
            self._place.tell(step.name, done, len(tasks))
        return ended

    def _value(self, step: Step) -> str | tuple[str, ...] | None:
        if step.kind == "classify":
            return classifier_place(str(step.value), self._wish.folder)
        return step.value

    def _task(self, step: Step, datum: Datum) -> Task:
        parts = tuple(
            (part.name, tuple(self._held[part.collection][file.path] for file in part.files))
            for part in datum.parts
        )
        named_by_itself = step.kind == "command"
        return Task(
            datum.datum_id, parts, "" if named_by_itself else datum.output_path(step.output)
        )

    def _foreseen(
        self, step: Step, plan: StepPlan, before: dict[str, Member], report: StepReport
    ) -> dict[str, Result]:
        """Suppose what each datum would make: other contents under the paths of before."""
        ended = {}
        for datum in plan.to_do:
            name = datum.datum_id
            unknown = f"{_PENDING} {plan.keys[name]}"
            last = self._results.get(before[name].datum_key) if name in before else None
            if last is not None and last.outputs and step.kind in ("command", "call"):
                paths = [held.path for held in last.outputs]
            elif step.kind == "command":
                paths, report.open_ended = [], True
            else:
                paths = [datum.output_path(step.output)]
            ended[name] = Result("done", tuple(Held(path, unknown, 0) for path in paths))
        return ended

    def _collect(self, step: Step, by_id: dict[str, Datum], ended: dict[str, Result]) -> None:
        """Make a step's collection of its datums' outputs.

        Raises:
            ConfigError: two datums wrote the same path.
        """
        made: dict[str, tuple[Held, Datum]] = {}
        for name, datum in by_id.items():
            for held in ended[name].outputs:
                if held.path in made:
                    other = made[held.path][1]
                    raise collision(step, held.path, described(other), described(datum))
                made[held.path] = held, datum
        self._hold(step.name, [held for held, _ in made.values()])


def _result_of(outcome: Outcome) -> Result:
    if outcome.error_class:
        return Result("failed", (), f"{outcome.error_class}: {outcome.error}")
    return Result("done", outcome.outputs)


def _hash_of(listing: Listing) -> str:
    """Hash a whole collection: the same files with the same contents give the same."""
    digest = hashlib.sha256()
    for path in listing.paths:
        digest.update(f"{path}\n{listing.files[path].sha256}\n".encode("utf-8", "backslashreplace"))
    return digest.hexdigest()
