"""InfoNCE as an opponent that is searched as well as the losses it is compared with.

Whatever is searched besides the loss (learning rate, loss temperature) is searched for InfoNCE too,
whether or not the space names it: a tuned loss always beats an untuned one.
"""

from collections.abc import Iterable, Mapping

from softnce.config.config import Config
from softnce.config.file import with_overrides
from softnce.losses.table import BASELINE
from tune_spaces.space.dimension import Dimension
from tune_spaces.space.settings_read import paths_read

_LOSS = "loss/name"
_METHOD = ("loss/", "weights/")  # of these a loss reads some; it depends on all other settings


def with_infonce(base: Config, dimensions: Mapping[str, Dimension]) -> dict[str, Dimension]:
    """Return a space with InfoNCE among its losses, where something is searched that it reads.

    Args:
        base: the configuration that the draws change.
        dimensions: as the user named them.
    """
    losses = dimensions.get(_LOSS)
    known = (base.loss.name,) if losses is None else losses.choice
    shared = dimensions.keys() - unread_by_infonce(base, dimensions, always=True) - {_LOSS}
    if known is None or BASELINE in known or not shared:
        return dict(dimensions)
    when = {} if losses is None else losses.when
    return {_LOSS: Dimension(choice=(BASELINE, *known), when=when), **_others(dimensions)}


def unread_by_infonce(
    base: Config, paths: Iterable[str], *, always: bool = False
) -> frozenset[str]:
    """Return the paths that need not be drawn for InfoNCE.

    Args:
        base: the configuration that the draws change.
        paths: of the dimensions.
        always: whether a Gaussian process counts too, which needs a value of every dimension.
    """
    if base.search.sampler == "gp" and not always:
        return frozenset()
    read = {*paths_read(with_overrides(base, {_LOSS: BASELINE})), _LOSS}
    return frozenset(path for path in paths if path.startswith(_METHOD) and path not in read)


def _others(dimensions: Mapping[str, Dimension]) -> dict[str, Dimension]:
    return {path: one for path, one in dimensions.items() if path != _LOSS}
