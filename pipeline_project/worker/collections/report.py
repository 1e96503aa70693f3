"""What a run or a plan says of each step."""

from dataclasses import dataclass, field

COUNTS = ("new", "changed", "reused", "skipped", "failed", "recovered", "removed")


@dataclass(frozen=True, slots=True)
class Failure:
    """A datum that failed: what it reads, and why."""

    datum: str
    error: str


@dataclass(slots=True)
class StepReport:
    """What became of a step's datums, or would.

    Attributes:
        name: of the step; of a source its collection.
        datums: in all, now; of a step.
        new: were not known.
        changed: were known with other contents, code or settings.
        reused: likewise, but a result for just this was there.
        skipped: unchanged.
        failed: have no output, now (then also counted as new, changed or reused) or from an
            unchanged earlier try.
        recovered: failed before and are done now; also counted as changed or reused.
        removed: are gone, and their outputs with them.
        files: in the collection afterwards.
        duration_s: seconds in all.
        failures: the failed ones.
        open_ended: a plan cannot know the paths of outputs that are yet to be made.
    """

    name: str
    datums: int = 0
    new: int = 0
    changed: int = 0
    reused: int = 0
    skipped: int = 0
    failed: int = 0
    recovered: int = 0
    removed: int = 0
    files: int = 0
    duration_s: float = 0.0
    failures: list[Failure] = field(default_factory=list)
    open_ended: bool = False
    sha256: str = ""

    @property
    def counts(self) -> dict[str, int]:
        """The counts by name, in the order of `COUNTS`."""
        return {name: getattr(self, name) for name in COUNTS}

    @property
    def is_current(self) -> bool:
        """Whether nothing had to be done."""
        return not (self.new or self.changed or self.reused or self.removed)


@dataclass(slots=True)
class PipelineReport:
    """One run of a pipeline, or its plan.

    Attributes:
        pipeline: its name.
        sources: files of each source; only new, changed, skipped, failed and removed are used.
        steps: in the order in which they run.
        commit_id: of the commit that made the changes visible; None where nothing changed.
    """

    pipeline: str
    sources: list[StepReport] = field(default_factory=list)
    steps: list[StepReport] = field(default_factory=list)
    commit_id: str | None = None
