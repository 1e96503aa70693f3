"""What stands in a pipeline's YAML: the schema that editors and Dagster check it by.

What no schema can say (a step that is not there, a cycle, a glob without captures) is checked in
`checks.py`.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

NAME = r"^[A-Za-z][A-Za-z0-9_]{0,99}$"
TIMEOUT_S = 3600.0


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class InputSection(_Section):
    """One collection by a glob, or several inputs combined: exactly one of the five."""

    collection: str | None = Field(None, description="A source, or a step whose output is read.")
    glob: str | None = Field(
        None, description="Splits the collection into datums: / for all as one, /* for each entry."
    )
    name: str | None = Field(
        None, pattern=NAME, description="What the step calls it (default: the collection's name)."
    )
    join_on: str | None = Field(None, description="In a join: captures to compare, $1.")
    outer_join: bool = Field(
        False, description="In a join: keep this input's datums where another has no match."
    )
    group_by: str | None = Field(None, description="In a group: captures to gather by, $1.")
    cross: list["InputSection"] | None = Field(
        None, description="Every combination of a datum of each input."
    )
    union: list["InputSection"] | None = Field(None, description="The datums of every input.")
    join: list["InputSection"] | None = Field(
        None, description="The combinations whose join_on is equal."
    )
    group: list["InputSection"] | None = Field(
        None, description="One datum of everything whose group_by is equal."
    )


class TransformSection(_Section):
    """What is done with each datum: exactly one."""

    measure: str | list[str] | None = Field(
        None, description="Quality measures of an image, as in `pipeline score --measures`."
    )
    merge: bool | None = Field(None, description="true: one JSON object of all JSON inputs.")
    classify: str | None = Field(
        None, description="Label measures: talk, default, or the path of a trained model."
    )
    call: str | None = Field(
        None,
        pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$",
        description="A Python function, module:function; modules beside the YAML file are found.",
    )
    command: list[str] | None = Field(
        None,
        min_length=1,
        description="A program and its arguments; {in} and {out} are the folders to read and fill.",
    )


class StepSection(_Section):
    """One step: what it reads, what it does, what its output is called."""

    name: str = Field(pattern=NAME, description="Also the name of the collection it makes.")
    description: str = Field("", description="One line for people.")
    input: InputSection
    transform: TransformSection
    params: dict[str, Any] = Field(
        default_factory=dict, description="Keyword arguments of `call`; part of every datum's key."
    )
    output: str = Field(
        "$0.json", description="Path of a datum's output; $0 is the input's path without ending."
    )
    version: str | None = Field(
        None, description="Replaces the version that is derived from the code."
    )
    timeout_s: float = Field(TIMEOUT_S, gt=0, description="A datum that takes longer has failed.")


class SourceSection(_Section):
    """A collection that comes from outside."""

    source: str = Field(
        description="A folder, beside the YAML file unless absolute, or s3://bucket/prefix."
    )


class PipelineSection(_Section):
    """Sources, and the steps over them."""

    name: str = Field(pattern=NAME, description="Keeps this pipeline's results apart from others'.")
    collections: dict[str, SourceSection] = Field(
        min_length=1, description="Collections from outside, by name."
    )
    steps: list[StepSection] = Field(min_length=1)
