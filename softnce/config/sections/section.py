"""What all sections share."""

from typing import Annotated, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from softnce.errors import InvalidSettingError

Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A frozen group of settings; an unknown key is an error."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True
    )

    @model_validator(mode="before")
    @classmethod
    def _empty_means_defaults(cls, raw: object) -> object:
        """Take ``optim:`` with nothing under it for a section without settings."""
        return {} if raw is None else raw

    @model_validator(mode="before")
    @classmethod
    def _refuse_true_for_a_number(cls, raw: object) -> object:
        """Refuse true and false where a number belongs; pydantic would take them for 1 and 0."""
        for name, value in raw.items() if isinstance(raw, dict) else ():
            field = cls.model_fields.get(str(name))
            kinds = () if field is None else (field.annotation, *get_args(field.annotation))
            if isinstance(value, bool) and bool not in kinds:
                raise InvalidSettingError(
                    f"{name}: {str(value).lower()} is not a valid value", f"give {_kind(kinds)}"
                )
        return raw


def _kind(annotations: tuple[object, ...]) -> str:
    return "a number" if {int, float} & set(annotations) else "text, in quotes if it reads so"
