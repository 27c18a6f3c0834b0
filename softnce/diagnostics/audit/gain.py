"""The most that any weighting of negatives could bring, from what a set knows of itself.

An oracle that knows every duplicate would leave them out of the denominator. It gives back the
share ``lost`` of the gradient, as if training had that share of pairs more. Where more pairs help
ever less, as learning curves have it, the MRR of all pairs exceeds that of a share 1 - lost of them
by at most lost times the whole way from 0 to the ceiling. That is ``at_most``. Where every doubling
of the pairs helps alike, from one pair to all, the gain is ``likely``: still a generous guess, for
hardly any model reaches the ceiling.

It is no bound on what a search may find. Functions that answer a query without being alike are
unknown here, and a weighting may help for other reasons (hardening, another temperature). It says
what the known false negatives are worth.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

SMALLEST_GAIN = 0.005  # of MRR; the default of search.smallest_gain


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The best MRR on a held-out split, with ties averaged as in every evaluation.

    Attributes:
        split: its name.
        queries: their number.
        mrr: where an exact copy of the answer counts as wrong, as it does in training and
            evaluation; a model cannot tell them apart, nor queries of one text.
        mrr_with_copies: where any copy of an answer counts as right.
        tied: queries whose answer has a copy in the codebase, or whose text asks for another
            answer, too.
    """

    split: str
    queries: int
    mrr: float
    mrr_with_copies: float
    tied: int


@dataclass(frozen=True, slots=True)
class LargestGain:
    """What leaving out all known false negatives could bring.

    Attributes:
        batch_size: of the batches.
        lost: share of the gradient that they take.
        ceiling: the best MRR that the held-out queries allow.
        at_most: gain in MRR, if more pairs help ever less.
        likely: gain in MRR, if every doubling of the pairs helps alike.
        smallest_gain: worth having, in MRR.
    """

    batch_size: int
    lost: float
    ceiling: float
    at_most: float
    likely: float
    smallest_gain: float

    @property
    def verdict(self) -> str:
        """Say in a sentence whether to bother."""
        batch = f"in batches of {self.batch_size:,}"
        least = f"{self.smallest_gain:g} MRR worth having"
        if self.at_most < self.smallest_gain:
            return (
                f"Don't bother: without its known false negatives a training {batch} would gain "
                f"{self.at_most:.4f} MRR at most, less than the {least}."
            )
        if self.likely < self.smallest_gain:
            return (
                f"Don't expect much: without its known false negatives a training {batch} would "
                f"gain about {self.likely:.4f} MRR (at most {self.at_most:.4f}), less than the "
                f"{least}."
            )
        return (
            f"Worth a search: without its known false negatives a training {batch} may gain about "
            f"{self.likely:.4f} MRR, and {self.at_most:.4f} at most."
        )


def ceiling(
    split: str, queries: Sequence[str], answers: Sequence[int], candidates: Sequence[str]
) -> Ceiling:
    """Find the best that any model can reach on some queries.

    Equal texts have equal vectors: the copies of an answer share its place, and queries of one text
    share one ranking, in which the answers of most queries come first.

    Args:
        split: its name.
        queries: texts.
        answers: (q,) place of each one's answer.
        candidates: the codes that are searched.
    """
    copies: dict[str, int] = defaultdict(int)
    for code in candidates:
        copies[code] += 1
    asked: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for query, answer in zip(queries, answers, strict=True):
        asked[query][candidates[answer]] += 1
    total, with_copies, tied = 0.0, 0.0, 0
    for wanted in asked.values():
        ahead = 0
        order = sorted(wanted.items(), key=lambda item: -item[1] / copies[item[0]])
        for place, (code, count) in enumerate(order, 1):
            total += count / (ahead + (copies[code] + 1) / 2)
            with_copies += count / place
            ahead += copies[code]
            tied += count if copies[code] > 1 or len(wanted) > 1 else 0
    count = max(len(queries), 1)
    return Ceiling(split, len(queries), total / count, with_copies / count, tied)


def largest_gain(
    *, batch_size: int, lost: float, pairs: int, best: float, smallest_gain: float
) -> LargestGain:
    """Estimate what an oracle of all known false negatives could bring.

    Args:
        batch_size: of the batches.
        lost: share of the gradient that they take, from 0 to below 1.
        pairs: of the training split.
        best: the MRR that the held-out queries allow, at most 1.
        smallest_gain: worth having, in MRR.
    """
    doublings = math.log2(max(pairs, 2))
    likely = best * min(1.0, -math.log2(1 - lost) / doublings)
    return LargestGain(batch_size, lost, best, lost * best, min(likely, lost * best), smallest_gain)
