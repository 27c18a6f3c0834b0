"""Racing: fresh seeds are spent in stages, and what is clearly beaten runs no further."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from jaxtyping import Float

from softnce.errors import ConfigError, DataError
from softnce.evidence.holm import upper_limit
from softnce.evidence.paired import PairedGain, paired_gain

Scores = Mapping[str, Float[np.ndarray, "s q"]]  # reciprocal ranks of each configuration
BEATEN = 0.025  # one-sided error of calling a candidate beaten at one look


def stages(seeds: int) -> tuple[int, ...]:
    """Return how many seeds each stage ends with: 2, 4, 8, and so on until all have run.

    Args:
        seeds: that a candidate runs if it is never dropped, 1 or more.

    Raises:
        ConfigError: there are no seeds.

    >>> stages(5)
    (2, 4, 5)
    """
    if seeds < 1:
        raise ConfigError(f"{seeds} seeds confirm nothing", "take 2 or more")
    doubled = (2**power for power in range(1, seeds.bit_length() + 1))
    return (*(count for count in doubled if count < seeds), seeds)


def beaten(
    scores: Scores, opponents: Mapping[str, Sequence[str]], *, dropped: Collection[str] = ()
) -> dict[str, str]:
    """Name the candidates that need no further seeds, and who beat each.

    A candidate leaves when the upper limit of its gain over one of its opponents, or over another
    candidate that is still running, lies below 0 with a one-sided error of 2.5 %. Nobody ever wins
    early: a stage can only take chances to be called better away. Since a dropped candidate stays
    in Holm's family with the p-value 1 (``softnce.evidence.holm.holm``), whatever is called better
    in the end would also have been called so without any stage. Looking at the data after each
    stage therefore costs no error, and needs no spending of alpha. Its price is power alone: at
    most 2.5 % a look for each comparison, of a candidate that is hardly better at all.

    Args:
        scores: (s, q) of every configuration, row by row the same seeds and column by column the
            same queries; of two that have different numbers of seeds the first are compared.
        opponents: for each candidate, the configurations that it has to beat.
        dropped: candidates that have left before.

    Returns:
        Name of the configuration that beat it, for each candidate beaten now.

    Raises:
        DataError: a configuration has no scores, or scores of other queries.
    """
    running = [name for name in opponents if name not in dropped]
    found = {}
    for name in running:
        rivals = dict.fromkeys((*opponents[name], *running))
        lost = (other for other in rivals if other != name and _loses(scores, name, other))
        if (winner := next(lost, None)) is not None:
            found[name] = winner
    return found


def leaving(
    scores: Scores, opponents: Mapping[str, Sequence[str]], *, dropped: Collection[str] = ()
) -> dict[str, str]:
    """Name the candidates that leave after a stage, and who beat each.

    They are the beaten, but the first of those that are still running stays where all would leave:
    the verdict is about it, and so it runs all its seeds.

    Args:
        scores: as ``beaten`` takes them.
        opponents: for each candidate, the best of the search first, whom it has to beat.
        dropped: candidates that have left before.

    Raises:
        DataError: a configuration has no scores, or scores of other queries.
    """
    running = [name for name in opponents if name not in dropped]
    found = beaten(scores, opponents, dropped=dropped)
    if running and len(found) == len(running):
        found.pop(running[0])
    return found


def gain_over(scores: Scores, name: str, other: str, *, level: float = 0.95) -> PairedGain:
    """Return the paired gain of one configuration over another, on the seeds that both have.

    Args:
        scores: (s, q) of every configuration.
        name: the configuration that should be better.
        other: its opponent.
        level: of the interval.

    Raises:
        DataError: one has no scores, or they answered different numbers of queries.
    """
    for one in (name, other):
        if one not in scores:
            raise DataError(f"{one} has no scores on fresh seeds")
    ours, theirs = scores[name], scores[other]
    if ours.shape[1] != theirs.shape[1]:
        raise DataError(
            f"{name} answered {ours.shape[1]} queries and {other} {theirs.shape[1]}",
            "compare them on the same ones",
        )
    common = min(len(ours), len(theirs))
    return paired_gain(ours[:common] - theirs[:common], level=level)


def _loses(scores: Scores, name: str, other: str) -> bool:
    return upper_limit(gain_over(scores, name, other), BEATEN) < 0
