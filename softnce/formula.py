"""A formula as data: a function by its address, and the settings that it is called with.

Tables of losses and estimators are made of these, so that reading a table imports no torch.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce
from importlib import import_module
from typing import Any

Settings = Callable[[str], Any]  # from section/field to its value


def resolved(address: str) -> Any:  # noqa: ANN401  (what the address names)
    """Import what an address names.

    Args:
        address: ``module:function``.

    >>> resolved("math:hypot")(3, 4)
    5.0
    """
    module, _, name = address.partition(":")
    return getattr(import_module(module), name)


def settings_of(sections: object) -> Settings:
    """Look settings up by path in what has the sections as attributes: a configuration."""
    return lambda path: reduce(getattr, path.split("/"), sections)


@dataclass(frozen=True, slots=True)
class Formula:
    """A function, and where its keyword arguments come from.

    Attributes:
        function: its address, ``module:function``.
        arguments: a setting's path (``loss/top_k``), or a number, by keyword.
        variants: other formulas that stand in for this one where a setting says so.
    """

    function: str
    arguments: Mapping[str, str | float] = field(default_factory=dict)
    variants: tuple["Variant", ...] = ()

    def chosen(self, settings: Settings) -> "Formula":
        """Return the first variant that the settings ask for, else this formula."""
        for variant in self.variants:
            if settings(variant.setting) == variant.value:
                return variant.formula.chosen(settings)
        return self

    def called(self, *tensors: Any, settings: Settings) -> Any:  # noqa: ANN401  (any function)
        """Call the chosen function with tensors and with the settings that it reads."""
        formula = self.chosen(settings)
        options = {
            keyword: settings(source) if isinstance(source, str) else source
            for keyword, source in formula.arguments.items()
        }
        return resolved(formula.function)(*tensors, **options)

    def reads(self, settings: Settings) -> set[str]:
        """Return the paths of the settings that make a difference under these settings."""
        return {variant.setting for variant in self.variants} | self.chosen(settings).own_settings

    @property
    def own_settings(self) -> set[str]:
        """The paths that the arguments come from."""
        return {source for source in self.arguments.values() if isinstance(source, str)}

    def every(self) -> Iterator["Formula"]:
        """Yield this formula and all that may stand in for it."""
        yield self
        for variant in self.variants:
            yield from variant.formula.every()


@dataclass(frozen=True, slots=True)
class Variant:
    """Another formula that one setting asks for.

    Attributes:
        setting: path of the setting.
        value: that the setting has then.
        formula: what is computed then.
        fewest_negatives: that a query must meet.
    """

    setting: str
    value: Any
    formula: Formula
    fewest_negatives: int = 1


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting that a loss or an estimator brings along, for the configuration and the search.

    Attributes:
        name: in the section of the loss or of the estimator.
        kind: float, int, bool or str.
        default: its value unless the configuration says otherwise.
        description: a phrase for the reference.
        least: smallest value of a number; None: no bound.
        most: largest value of a number; None: no bound.
        choices: the words that it may be; empty: any value of its kind.
    """

    name: str
    kind: type
    default: float | int | bool | str
    description: str
    least: float | int | None = None
    most: float | int | None = None
    choices: tuple[str, ...] = ()
