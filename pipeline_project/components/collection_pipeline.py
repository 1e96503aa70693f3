"""A pipeline over collections as Dagster assets: one per source and step."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import dagster as dg
from pydantic import BaseModel

from pipeline_project.build import aws_session
from pipeline_project.core.collections.definition import Pipeline, Step
from pipeline_project.core.collections.plan import step_code
from pipeline_project.core.collections.schema import PipelineSection
from pipeline_project.errors import ConfigError
from pipeline_project.settings import Settings, load_settings
from pipeline_project.worker.collections.code import step_version
from pipeline_project.worker.collections.opening import open_place
from pipeline_project.worker.collections.reading import read_file, yaml_file
from pipeline_project.worker.collections.report import PipelineReport, StepReport
from pipeline_project.worker.collections.run import run_pipeline
from pipeline_project.worker.collections.walk import Place, Wish

_SHOWN_FAILURES = 20

Made = dg.MaterializeResult[object]


class CollectionPipeline(dg.Component):
    """Steps over collections of files: glob, cross, union, join, group; only changes are run.

    Each source and each step is an asset. A run of any of the steps brings those steps up to
    date: datums whose inputs, code and settings are what they were are skipped.
    """

    def __init__(self, path: Path, settings: Settings | None = None) -> None:
        """Read a pipeline.

        Args:
            path: of its YAML file.
            settings: say where results are kept; None reads the environment and `pipeline.yaml`.

        Raises:
            ConfigError: something in the file is wrong; says file and line.
        """
        self._path = path.absolute()
        self._settings = settings
        self.pipeline: Pipeline = read_file(self._path)

    @classmethod
    def get_model_cls(cls) -> type[BaseModel] | None:
        """The schema of `attributes`, for Dagster's own checks and for editors."""
        return PipelineSection

    @classmethod
    def get_spec(cls) -> dg.ComponentTypeSpec:
        """What Dagster shows of this type of component."""
        return dg.ComponentTypeSpec(
            description="Steps over collections of files; only what changed is run.",
            produces=["asset"],
        )

    @classmethod
    def load(
        cls, attributes: BaseModel | None, context: dg.ComponentLoadContext
    ) -> "CollectionPipeline":
        """Read the file anew: what the schema cannot say is told with its line, too."""
        return cls(yaml_file(context.path))

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Make the assets of this pipeline."""
        return self.defs()

    def defs(self) -> dg.Definitions:
        """Make an asset per source, which is only looked at, and one per step."""
        return dg.Definitions(assets=[*self._sources(), self._steps()])

    def _key(self, name: str) -> dg.AssetKey:
        return dg.AssetKey([self.pipeline.name, name])

    def _sources(self) -> Iterator[dg.AssetSpec]:
        for source in self.pipeline.sources:
            yield dg.AssetSpec(
                self._key(source.name),
                description=f"Files of {source.source}, read where they are",
                group_name=self.pipeline.name,
                kinds={"file"},
            )

    def _steps(self) -> dg.AssetsDefinition:
        specs = [self._spec(step) for step in self.pipeline.steps]

        @dg.multi_asset(
            name=f"{self.pipeline.name}_collections",
            specs=specs,
            can_subset=True,
            description=f"Brings the collections of {self.pipeline.name} up to date.",
        )
        def collections(
            context: dg.AssetExecutionContext,
        ) -> Iterator[dg.MaterializeResult[object]]:
            names = {key.path[-1] for key in context.selected_asset_keys}
            wish = Wish(self.pipeline, self._path.parent, only=names)
            try:
                report = run_pipeline(self._place(context), wish)
            except ConfigError as error:
                # Dagster would try again where it is told to; this stays wrong.
                raise dg.Failure(str(error), allow_retries=False) from error
            for step in report.steps:
                if step.name in names:
                    yield self._result(context, report, step)

        return collections

    def _spec(self, step: Step) -> dg.AssetSpec:
        return dg.AssetSpec(
            self._key(step.name),
            deps=[self._key(name) for name in step.reads],
            description=step.description or None,
            group_name=self.pipeline.name,
            code_version=step_code(step, *step_version(step, self._path.parent))[:16],
            kinds={"python" if step.kind == "call" else step.kind},
        )

    def _result(
        self, context: dg.AssetExecutionContext, report: PipelineReport, step: StepReport
    ) -> Made:
        for failure in step.failures[:_SHOWN_FAILURES]:
            context.log.warning(f"{step.name}: {failure.datum}: {failure.error}")
        return dg.MaterializeResult(
            asset_key=self._key(step.name),
            data_version=dg.DataVersion(step.sha256),
            metadata={
                **step.counts,
                "files": step.files,
                "seconds": round(step.duration_s, 3),
                "commit": report.commit_id or "nothing changed",
            },
        )

    def _place(self, context: dg.AssetExecutionContext) -> Place:
        settings = self._settings or load_settings()
        aws = settings.on == "aws"
        session = aws_session(settings) if aws else None
        root = settings.aws.root if aws else settings.home_path.as_uri()
        last: tuple[str, int] = ("", 0)

        def tell(step: str, done: int, total: int) -> None:
            # A line per tenth of a step, not per datum.
            nonlocal last
            if step != last[0] or done == total or done - last[1] >= total / 10:
                context.log.info(f"{step}: {done} of {total} datums")
                last = (step, done)

        return open_place(
            root,
            run_id=context.run.run_id,
            session=session,
            source=settings.curation().source_access,
            branch=settings.branch,
            processes=settings.limits.threads or 0,
            tell=tell,
        )


def pipeline_defs(paths: Sequence[Path]) -> dg.Definitions:
    """Make the assets of every pipeline whose YAML file is named, in `collections` say.

    Raises:
        ConfigError: a file is wrong, or two pipelines have one name.
    """
    components = [CollectionPipeline(yaml_file(path)) for path in paths]
    seen: dict[str, Path] = {}
    for path, component in zip(paths, components, strict=True):
        name = component.pipeline.name
        if name in seen:
            raise ConfigError(
                f"Loading {path}: {seen[name]} is a pipeline called {name} already; each has a "
                "name of its own, which keeps its results apart."
            )
        seen[name] = path
    return dg.Definitions.merge(*(each.defs() for each in components))
