"""The product's own definitions, with one step that fails: `DOOM=resource.method`."""

import os
from typing import Any

import dagster as dg

from pipeline_project.build import aws_resources, build_defs
from pipeline_project.settings import load_settings


class Doomed:
    """Everything as it was, but for one method."""

    def __init__(self, inner: Any, method: str) -> None:
        self._inner, self._method = inner, method

    def __getattr__(self, name: str) -> Any:
        if name == self._method:
            raise RuntimeError(f"{name} fails on purpose")
        return getattr(self._inner, name)


@dg.definitions
def defs() -> dg.Definitions:
    settings = load_settings()
    resource, _, method = os.environ.get("DOOM", "").partition(".")
    if not resource:
        return build_defs(settings)
    doomed = Doomed(aws_resources(settings)[resource], method)
    return build_defs(settings, resources={resource: doomed})
