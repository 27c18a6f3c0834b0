"""Rows that other installed packages add to the tables of losses and estimators.

A package names each of its rows in an entry point, in the group of the table:

    [project.entry-points."softnce.losses"]
    my-loss = "my_package.rows:MY_LOSS"
"""

from functools import cache
from importlib.metadata import entry_points
from operator import attrgetter
from typing import Any, TypeVar

from softnce.errors import SetupError

Spec = TypeVar("Spec")
_EntryPoint = Any  # importlib's, or that of the backport, once some package has imported it


def with_plugins(own: dict[str, Spec], group: str, kind: type[Spec]) -> dict[str, Spec]:
    """Add the rows of installed packages to a table.

    Args:
        own: rows of softnce by name.
        group: of the entry points.
        kind: of a row.

    Raises:
        SetupError: a row cannot be imported, is none, or has a name that is taken.
    """
    table = dict(own)
    for point in sorted(_entry_points().select(group=group), key=attrgetter("name")):
        if point.name in table:
            raise SetupError(
                f"{_source(point)}: the name {point.name} is taken in {group}",
                "give the entry point and its row another one",
            )
        table[point.name] = _row(point, kind)
    return table


@cache
def _entry_points() -> Any:  # noqa: ANN401  (its class differs between versions of Python)
    """Read all entry points once: looking into every installed package takes some 20 ms."""
    return entry_points()


def _row(point: _EntryPoint, kind: type[Spec]) -> Spec:
    try:
        row = point.load()
    except Exception as error:
        raise SetupError(
            f"{_source(point)}: {point.value} cannot be imported ({type(error).__name__}: {error})",
            "mend the package, or uninstall it",
        ) from error
    if not isinstance(row, kind) or getattr(row, "name", None) != point.name:
        raise SetupError(
            f"{_source(point)}: {point.value} is no {kind.__name__} named {point.name}",
            f"make it a {kind.__name__}, and give it the name of its entry point",
        )
    return row


def _source(point: _EntryPoint) -> str:
    package = point.dist.name if point.dist is not None else "an installed package"
    return f"{package} (entry point {point.group})"
