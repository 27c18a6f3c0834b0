"""The configuration that a search would have for a loss with each estimator that is looked at."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from softnce.config.config import Config
from softnce.config.file import with_overrides
from softnce.diagnostics.requested import SHOWN, RequestedEstimators
from softnce.errors import ConfigError
from softnce.weights.table import MIXTURE, MIXTURE_SHARES

_ENCODER = "simcse"  # any frozen encoder that compares queries with queries


def loss_settings(
    base: Config, changes: Mapping[str, Any], requested: RequestedEstimators
) -> list[Config | ConfigError]:
    """Return a configuration for each estimator, or why there is none.

    Args:
        base: of the data.
        changes: by path, the loss and what follows from the command line.
        requested: the estimators.

    Returns:
        One for each, in the order of ``softnce.diagnostics.requested.estimators``.

    Raises:
        ConfigError: no estimator can be had, as the first one tells.
    """
    found = [_configured(base, {**changes, **choice}) for choice in _choices(requested)]
    refused = [one for one in found if isinstance(one, ConfigError)]
    if len(refused) == len(found):
        raise refused[0]
    return found


def require_all(found: Sequence[Config | ConfigError]) -> None:
    """Refuse what was asked for by name and cannot be had.

    Raises:
        ConfigError: what the configuration says of the first.
    """
    for one in found:
        if isinstance(one, ConfigError):
            raise one


def _configured(base: Config, changes: Mapping[str, Any]) -> Config | ConfigError:
    try:
        return with_overrides(base, changes)
    except ConfigError as error:
        return error


def _choices(requested: RequestedEstimators) -> Iterator[dict[str, Any]]:
    """Yield what the configuration calls each estimator."""
    alone = [_choice(word) for word in requested.words if word in SHOWN]
    alone += [{"weights/estimator": _ENCODER} for _ in requested.models]
    alone += [{"weights/estimator": one.name} for one in requested.trained]
    yield from alone
    if MIXTURE in requested.words:
        parts = [one["weights/estimator"] for one in alone]
        shares = {name: float(parts.count(name)) for name in MIXTURE_SHARES}
        merged = {path: value for one in alone for path, value in one.items()}
        yield {**merged, "weights/estimator": MIXTURE, "weights/mixture": shares}


def _choice(word: str) -> dict[str, Any]:
    spec = SHOWN[word]
    variant = {"weights/bm25/variant": spec.words[word]} if spec.name == "bm25" else {}
    return {"weights/estimator": spec.name, **variant}
