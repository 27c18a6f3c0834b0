"""Several candidates judged at once: Holm's procedure, with intervals that agree with it."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from softnce.errors import ConfigError
from softnce.evidence.paired import PairedGain, chance, critical_value, showable

KEPT = 0.2  # share of the error that pays for lower limits above 0 where others are not better


@dataclass(frozen=True, slots=True)
class _Levels:
    """One-sided errors that the steps may spend among ``family`` candidates.

    While k of m candidates are still possibly no better, those k may be wrong with (1 - KEPT) / k
    + KEPT / m of the error each, and the lower limits of the m - k others with KEPT / m each: in
    all exactly the error. The first step is Bonferroni's, as Holm's is; the later ones lie between
    Bonferroni's and Holm's.
    """

    error: float
    family: int
    opponents: int

    def step(self, left: int) -> float:
        return self.error * ((1 - KEPT) / left + KEPT / self.family)

    @property
    def each(self) -> float:
        return self.error / self.family

    @property
    def upper(self) -> float:
        return self.each / self.opponents

    def shown(self, left: int) -> float:
        return self.each * KEPT if left else self.each


def holm(
    gains: Mapping[str, PairedGain],
    *,
    dropped: Collection[str] = (),
    level: float = 0.95,
    opponents: int = 1,
) -> dict[str, PairedGain]:
    """Widen intervals and p-values so that all candidates' statements hold at once.

    The chance that anything which is not better is called better is at most half of 1 - level, by
    Holm's step-down procedure, one-sided. Its simultaneous lower limits are those of Strassburger
    and Bretz (2008) and Guilbaud (2008), with a fifth of the error kept back after the first step;
    without that, every gain shown beside one that is not would have the lower limit 0. Upper
    limits are Bonferroni's, over candidates and over their opponents. A lower limit is above 0 if
    and only if Holm's steps reject. One candidate with one opponent keeps its interval as it is.

    Args:
        gains: one a candidate, all that entered the race.
        dropped: names of those that left the race early; they count in the family, but are never
            called better.
        level: of all intervals together, between 0 and 1.
        opponents: how many each candidate was compared with, of which the one that it did worst
            against is given; this costs the lower limits nothing, but the upper ones.

    Returns:
        The same gains, in the same order, with simultaneous ``low``, ``high``, ``p_value`` and
        ``smallest_shown``.

    Raises:
        ConfigError: the level is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ConfigError(f"intervals of level {level} say nothing", "choose one between 0 and 1")
    levels = _Levels((1 - level) / 2, len(gains), opponents)
    chances = {
        name: 1.0 if name in dropped else chance_of_none(gain) for name, gain in gains.items()
    }
    adjusted = _adjusted(chances, levels)
    left = sum(error > levels.error for error in adjusted.values())
    return {name: _simultaneous(gain, adjusted[name], left, levels) for name, gain in gains.items()}


def lower_limit(gain: PairedGain, alpha: float) -> float:
    """Return what the true gain lies below with probability alpha at most.

    Args:
        gain: as estimated.
        alpha: one-sided error, above 0 and at most .5.
    """
    if math.isinf(gain.standard_error):
        return -math.inf
    return gain.mean - critical_value(alpha, gain.degrees_of_freedom) * gain.standard_error


def upper_limit(gain: PairedGain, alpha: float) -> float:
    """Return what the true gain lies above with probability alpha at most.

    Args:
        gain: as estimated.
        alpha: one-sided error, above 0 and at most .5.
    """
    return 2 * gain.mean - lower_limit(gain, alpha)


def chance_of_none(gain: PairedGain) -> float:
    """Return the one-sided p-value of a gain that is not above 0.

    Args:
        gain: as estimated.
    """
    return chance(gain.mean, gain.standard_error, gain.degrees_of_freedom)


def _adjusted(chances: Mapping[str, float], levels: _Levels) -> dict[str, float]:
    """Return the smallest one-sided error at which the steps reject each candidate."""
    found, largest = {}, 0.0
    for step, name in enumerate(sorted(chances, key=chances.__getitem__)):
        share = levels.step(levels.family - step) / levels.error
        largest = min(1.0, max(largest, chances[name] / share))
        found[name] = largest
    return found


def _simultaneous(gain: PairedGain, adjusted: float, left: int, levels: _Levels) -> PairedGain:
    if adjusted <= levels.error:
        above_zero = math.nextafter(0, 1)  # the interval is open there
        low = max(above_zero, lower_limit(gain, levels.shown(left)))
    else:
        low = min(0.0, lower_limit(gain, levels.step(left)))
    of_worse = chance(-gain.mean, gain.standard_error, gain.degrees_of_freedom)
    worse = of_worse * levels.error / levels.upper
    return replace(
        gain,
        low=low,
        high=upper_limit(gain, levels.upper),
        p_value=min(1.0, 2 * min(adjusted, worse)),
        smallest_shown=showable(levels.each, gain.standard_error, gain.degrees_of_freedom),
    )
