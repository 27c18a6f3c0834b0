"""Settings that rows of the tables bring along, as fields of the configuration's sections."""

import sys
from typing import Any, Literal, TypeVar

from pydantic import Field, create_model

from softnce.config.sections.section import Section
from softnce.errors import SetupError
from softnce.formula import Setting
from softnce.losses.table import LOSSES
from softnce.weights.table import ESTIMATORS

Model = TypeVar("Model", bound=Section)


def with_settings_of_losses(section: type[Model]) -> type[Model]:
    """Add the settings of each loss's own, ``loss/<name>``.

    Raises:
        SetupError: the section has a setting of this name already.
    """
    fields: dict[str, Any] = {}
    for spec in LOSSES.values():
        for setting in spec.settings:
            _require_free(f"loss.{setting.name}", setting.name in {*section.model_fields, *fields})
            fields[setting.name] = _field(setting)
    return _extended(section, fields)


def with_settings_of_estimators(section: type[Model]) -> type[Model]:
    """Add a section for each estimator with settings of its own, ``weights/<section>/<name>``.

    Raises:
        SetupError: the row names no section, or one that is taken.
    """
    fields: dict[str, Any] = {}
    for spec in ESTIMATORS.values():
        if not spec.settings:
            continue
        if not spec.section:
            raise SetupError(
                f"the estimator {spec.name} has settings and no section", "name one in its row"
            )
        taken = spec.section in {*section.model_fields, *fields}
        _require_free(f"weights.{spec.section}", taken)
        own: dict[str, Any] = {setting.name: _field(setting) for setting in spec.settings}
        name, module = f"Settings_{spec.section}", section.__module__
        doc = f"Settings of {spec.label}."
        made = create_model(name, __base__=Section, __module__=module, __doc__=doc, **own)
        setattr(sys.modules[module], name, made)  # where a pickle looks for it
        fields[spec.section] = (made, made())
    return _extended(section, fields)


def _field(setting: Setting) -> tuple[Any, Any]:
    bounds: dict[str, Any] = {"ge": setting.least, "le": setting.most}
    bounds = {name: bound for name, bound in bounds.items() if bound is not None}
    kind = Literal[setting.choices] if setting.choices else setting.kind
    return kind, Field(setting.default, description=setting.description, **bounds)


def _extended(section: type[Model], fields: dict[str, Any]) -> type[Model]:
    if not fields:
        return section
    module, doc = section.__module__, section.__doc__
    return create_model(
        section.__name__, __base__=section, __module__=module, __doc__=doc, **fields
    )


def _require_free(setting: str, is_taken: bool) -> None:  # noqa: FBT001
    if is_taken:
        raise SetupError(
            f"{setting}: a loss or an estimator brings this setting along, and it exists already",
            "give it another name in the row",
        )
