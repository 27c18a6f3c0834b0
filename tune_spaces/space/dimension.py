"""One searched setting: what can be drawn for it, and when it is drawn."""

from typing import Any

import optuna
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from softnce.config.file import found_and_cure
from softnce.errors import ConfigError, InvalidSettingError

Value = str | int | float | bool | None
_WholeRange = tuple[int, int]  # inside Dimension, int is the field


class Dimension(BaseModel):
    """One searched setting."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    choice: tuple[Value, ...] | None = Field(None, min_length=1)
    real: tuple[float, float] | None = None
    int: _WholeRange | None = None
    tie: str | None = None
    log: bool = False
    when: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_kind(self) -> "Dimension":
        kinds = [
            kind for kind in ("choice", "real", "int", "tie") if getattr(self, kind) is not None
        ]
        if len(kinds) != 1:
            raise InvalidSettingError(
                f"a dimension is exactly one of choice, real, int and tie, this has {len(kinds)}",
                "write, for example, {real: [0.1, 1]}",
            )
        bounds = self.real or self.int
        if bounds is not None and bounds[0] > bounds[1]:
            raise InvalidSettingError(
                f"the lower bound {bounds[0]:g} is above the upper bound {bounds[1]:g}",
                "exchange them",
            )
        if self.log and (bounds is None or bounds[0] <= 0):
            raise InvalidSettingError(
                "log: true needs a real or int range above 0",
                "raise the lower bound, or leave log out",
            )
        return self

    def holds(self, value: Value) -> bool:
        """Tell whether a value can be drawn from this dimension."""
        if self.choice is not None:
            return value in self.choice
        bounds = self.real or self.int
        if bounds is None or isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return bounds[0] <= value <= bounds[1] and (self.int is None or value == int(value))

    def drawn(self, trial: optuna.trial.BaseTrial, path: str) -> Value:
        """Ask a trial for a value; a tie has none of its own."""
        if self.choice is not None:
            drawn: Value = trial.suggest_categorical(path, list(self.choice))
            return drawn
        if self.real is not None:
            return trial.suggest_float(path, *self.real, log=self.log)
        assert self.int is not None  # noqa: S101
        return trial.suggest_int(path, *self.int, log=self.log)


def dimension_of(path: str, raw: object) -> Dimension:
    """Read a dimension of ``search.space``.

    Raises:
        ConfigError: it is malformed.
    """
    try:
        return Dimension.model_validate(raw)
    except ValidationError as error:
        fault = error.errors()[0]
        key = ".".join(str(part) for part in fault["loc"])
        found, cure = found_and_cure(fault)
        raise ConfigError(
            f"search.space {path}: {key + ': ' if key else ''}{found}", cure
        ) from error
