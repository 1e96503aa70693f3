"""Dagster components: what a `defs.yaml` may name as its `type`."""

from pipeline_project.components.collection_pipeline import CollectionPipeline

__all__ = ["CollectionPipeline"]
