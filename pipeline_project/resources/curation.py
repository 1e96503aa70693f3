"""The curation configuration as Dagster shows and takes it.

The launchpad's model is made from `core.config.CurationConfig`, so there is one model: its
fields, descriptions, bounds and defaults. The defaults are those that the settings resolved to.
"""

from typing import Any, TypeVar

import dagster as dg
import pydantic

from pipeline_project.core.config import CurationConfig

Base = TypeVar("Base", bound=pydantic.BaseModel)


class CurationResource(dg.ConfigurableResource[Any]):
    """What to curate and how; each field stands in `pipeline.yaml` under the same name."""

    def config(self) -> CurationConfig:
        """Give the validated configuration of this run.

        Raises:
            pydantic.ValidationError: a value is out of bounds.
        """
        return CurationConfig.model_validate(self.model_dump(include=set(_FIELDS)))

    @property
    def usual_source(self) -> str | None:
        """The source of the settings, whatever this run was asked to take instead."""
        default: str | None = type(self).model_fields["source"].default
        return default


_FIELDS = tuple(CurationConfig.model_fields)


def curation_resource(defaults: CurationConfig) -> CurationResource:
    """Make the resource whose fields default to these values.

    They become the defaults of the model itself, not values of one object of it, so that a
    section given in part keeps the defaults of its other fields.
    """
    return _mirror(type(defaults), defaults, "CurationResource", CurationResource)()


def _mirror(
    model: type[pydantic.BaseModel],
    defaults: pydantic.BaseModel,
    name: str,
    base: type[Base],
) -> type[Base]:
    fields: dict[str, Any] = {}
    for key, field in model.model_fields.items():
        value = getattr(defaults, key)
        if isinstance(value, pydantic.BaseModel):
            section = _mirror(type(value), value, type(value).__name__, dg.Config)
            summary = (type(value).__doc__ or "").partition("\n")[0]
            fields[key] = (
                section,
                pydantic.Field(
                    default_factory=section, description=field.description or summary or None
                ),
            )
        else:
            with_default = pydantic.fields.FieldInfo.merge_field_infos(
                field, default=value, default_factory=None
            )
            fields[key] = (field.annotation, with_default)
    return pydantic.create_model(name, __base__=base, __doc__=model.__doc__, **fields)
