"""Adapters that trials alone have are tried before the first trial."""

from pathlib import Path

from softnce.config.file import with_overrides
from tune_spaces.space.space import SearchSpace

_RANK, _TARGETS = "encoder/lora/rank", "encoder/lora/targets"


def require_adapters(space: SearchSpace) -> None:
    """Build the encoder with each choice of adapters that the configuration itself does not have.

    Raises:
        ConfigError: it has no modules for them.
        SetupError: they would leave weights at random numbers.
    """
    from softnce.inputs.prepared import build_encoder  # seconds to import

    own, dimension = space.base.encoder.lora, space.dimensions.get(_RANK)
    drawn = dimension.int or () if dimension is not None else ()
    ranks = [one for one in (own.rank, *space.possible(_RANK), *drawn) if one is not None]
    for targets in sorted(map(str, space.possible(_TARGETS))) if ranks else ():
        if own.rank is None or targets != own.targets:
            config = with_overrides(space.base, {_RANK: ranks[0], _TARGETS: targets})
            build_encoder(config.encoder, Path(), seed=0)
