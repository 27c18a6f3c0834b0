"""The mean gain over seeds and queries, with what both of them leave uncertain."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from softnce.errors import ConfigError, DataError

POWER = 0.8  # chance with which the smallest gain that counts as showable would be shown


@dataclass(frozen=True, slots=True)
class PairedGain:
    """A mean gain in reciprocal rank, and how far it can be trusted.

    Attributes:
        mean: over seeds and queries; above 0 the champion is better.
        low: lower end of the interval; -inf where nothing can be said.
        high: upper end of the interval; inf where nothing can be said.
        standard_error: of the mean; inf with one seed or one query.
        degrees_of_freedom: of the standard error, after Satterthwaite; 0 with one seed or query.
        p_value: two-sided, of no gain.
        seeds: training seeds that both sides ran.
        queries: that both sides answered.
        smallest_shown: the smallest true gain that an interval of this level would have shown
            with 80 % power; inf with one seed or one query.
    """

    mean: float
    low: float
    high: float
    standard_error: float
    degrees_of_freedom: float
    p_value: float
    seeds: int
    queries: int
    smallest_shown: float


def paired_gain(differences: Float[np.ndarray, "s q"], *, level: float = 0.95) -> PairedGain:
    """Estimate the mean gain over all seeds and all queries, not only over these.

    Seeds and queries are crossed random factors: d_sq = gain + seed_s + query_q + rest_sq, an
    analysis of variance without replication. Var(mean) = (MS_S + MS_Q - MS_E) / (s q), where MS_S,
    MS_Q and MS_E are the mean squares of seeds, queries and rest. A factor whose mean square lies
    below that of the rest counts as if it equalled it, so its variance is estimated as 0, never
    below, yet its few degrees of freedom still count. Satterthwaite's degrees of freedom are kept
    at or above those of the smaller factor.

    Two seeds have one degree of freedom between them, whatever Satterthwaite estimates: their mean
    square is so often small by chance that his number would let up to 9 % be called better falsely.

    One seed says nothing about other seeds, and one query nothing about other queries: the interval
    is then infinite and the p-value 1, instead of an interval that knows of half the noise.

    Args:
        differences: (s, q) reciprocal rank of the champion minus that of its opponent, trained with
            the same seed and asked the same query.
        level: of the two-sided interval, between 0 and 1.

    Returns:
        The gain; without any noise at all (all differences equal) the interval is one point.

    Raises:
        ConfigError: the level is not between 0 and 1.
        DataError: there is no difference at all, or one is not a finite number.
    """
    _require(differences, level)
    seeds, queries = differences.shape
    mean = float(differences.mean(dtype=np.float64))
    if min(seeds, queries) < 2:
        unknown = math.inf
        return PairedGain(mean, -unknown, unknown, unknown, 0.0, 1.0, seeds, queries, unknown)
    error, freedom = _error(differences.astype(np.float64))
    reach = critical_value((1 - level) / 2, freedom) * error
    return PairedGain(
        mean=mean,
        low=mean - reach,
        high=mean + reach,
        standard_error=error,
        degrees_of_freedom=freedom,
        p_value=min(1.0, 2 * chance(abs(mean), error, freedom)),
        seeds=seeds,
        queries=queries,
        smallest_shown=showable((1 - level) / 2, error, freedom),
    )


def critical_value(alpha: float, degrees_of_freedom: float) -> float:
    """Return Student's t that is exceeded with probability alpha.

    Args:
        alpha: one-sided error, above 0 and at most .5.
        degrees_of_freedom: above 0; fractions are welcome.
    """
    return -float(_special().stdtrit(degrees_of_freedom, alpha))


def chance(mean: float, standard_error: float, degrees_of_freedom: float) -> float:
    """Return the one-sided p-value: how often a gain as large arises where there is none.

    Args:
        mean: the gain; below 0 the answer is above one half.
        standard_error: of the mean; inf gives 1, as nothing is known.
        degrees_of_freedom: of the standard error.
    """
    if math.isinf(standard_error):
        return 1.0
    if not standard_error:
        return float(mean <= 0)
    return float(_special().stdtr(degrees_of_freedom, -mean / standard_error))


def showable(alpha: float, standard_error: float, degrees_of_freedom: float) -> float:
    """Return the smallest true gain whose lower limit would lie above 0 with 80 % power.

    Args:
        alpha: one-sided error of that limit.
        standard_error: of the mean; inf gives inf.
        degrees_of_freedom: of the standard error.
    """
    if math.isinf(standard_error):
        return math.inf
    critical = critical_value(alpha, degrees_of_freedom)
    return standard_error * float(_special().nctdtrinc(degrees_of_freedom, 1 - POWER, critical))


def mean_squares(differences: Float[np.ndarray, "s q"]) -> tuple[float, float, float]:
    """Return the mean squares of seeds, of queries and of the rest.

    Args:
        differences: (s, q), 2 or more of each.
    """
    seeds, queries = differences.shape
    mean = differences.mean()
    of_seeds, of_queries = differences.mean(axis=1) - mean, differences.mean(axis=0) - mean
    rest = differences - mean - of_seeds[:, None] - of_queries
    return (
        float(queries * (of_seeds**2).sum() / (seeds - 1)),
        float(seeds * (of_queries**2).sum() / (queries - 1)),
        float((rest**2).sum() / ((seeds - 1) * (queries - 1))),
    )


def _error(differences: Float[np.ndarray, "s q"]) -> tuple[float, float]:
    """Return the standard error of the mean and its degrees of freedom."""
    seeds, queries = differences.shape
    of_seeds, of_queries, rest = mean_squares(differences)
    of_seeds, of_queries = max(of_seeds, rest), max(of_queries, rest)
    total = of_seeds + of_queries - rest
    least = min(seeds, queries) - 1
    error = math.sqrt(total / (seeds * queries))
    if least == 1 or not error:
        return error, float(least)
    spread = (
        of_seeds**2 / (seeds - 1)
        + of_queries**2 / (queries - 1)
        + rest**2 / ((seeds - 1) * (queries - 1))
    )
    return error, max(float(least), total**2 / spread)


def _require(differences: Float[np.ndarray, "s q"], level: float) -> None:
    if not 0 < level < 1:
        raise ConfigError(
            f"an interval of level {level} says nothing", "choose one between 0 and 1"
        )
    if not differences.size:
        seeds, queries = differences.shape
        raise DataError(f"no differences to judge: {seeds} seeds and {queries} queries")
    faults = int((~np.isfinite(differences)).sum())
    if faults:
        raise DataError(
            f"{faults} of {differences.size} differences of reciprocal ranks are no finite numbers"
        )


def _special() -> Any:  # noqa: ANN401  (scipy.special)
    """Import Student's t where a verdict is reached: who shows one need not wait for SciPy."""
    from scipy import special

    return special
