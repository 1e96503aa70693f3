"""What the worker works with; `__main__` assembles the real ones."""

from dataclasses import dataclass

from pipeline_project.adapters.embedder.base import ImageEmbedder
from pipeline_project.adapters.engine.base import Engine
from pipeline_project.adapters.lake.base import Lake
from pipeline_project.adapters.measuring.base import Measurer
from pipeline_project.adapters.media.base import MediaReader
from pipeline_project.adapters.object_store.base import ObjectStore
from pipeline_project.core.quality.classifier import Classifier
from pipeline_project.worker.identify import Fetch
from pipeline_project.worker.progress import Progress


@dataclass(frozen=True, slots=True)
class Parts:
    """One worker's adapters and models."""

    lake: Lake
    store: ObjectStore
    fetch: Fetch
    reader: MediaReader
    engine: Engine
    classifier: Classifier
    embedder: ImageEmbedder
    measurer: Measurer
    progress: Progress
