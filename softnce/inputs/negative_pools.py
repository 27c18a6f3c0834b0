"""What hard negatives are drawn from: what a frozen guide finds near a query, and no answer."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from softnce.errors import DataError
from softnce.inputs.tables import array
from softnce.ragged import save_arrays
from softnce.weights.weighting import require_finite

Score = Callable[[NDArray[np.int64]], Tensor]  # (k,) rows: (k, n) against all functions
Groups = NDArray[np.int64]
_SCORES, _FEWEST = 2**24, 64  # made at a time, and queries that they are of at least
_CLASH = 1e9  # a function that the batch has already is drawn only where nothing else is left


@dataclass(frozen=True, slots=True)
class NegativePools:
    """The functions that each training query's hard negatives are drawn from.

    Attributes:
        rows: (n, p) training rows of the functions, nearest first; -1: there are no more.
        scores: (n, p) the guide's, in standard deviations of a query's scores.
        suspected: share of the nearest functions that the margin took for false negatives.
        duplicates: share of them that duplicate the query or its function.
        lacking: queries with too few others: theirs are the functions farthest from them.
    """

    rows: NDArray[np.int32]
    scores: NDArray[np.float32]
    suspected: float
    duplicates: float
    lacking: int

    def told(self) -> str:
        """Say in a sentence what was found."""
        lacking = (
            f"; {self.lacking:,} queries with too few others get the farthest ones"
            if self.lacking
            else ""
        )
        return (
            f"of each query's {self.rows.shape[1]} nearest functions {self.suspected:.1%} are "
            f"suspected false negatives and {self.duplicates:.1%} known duplicates; none of them "
            f"is taken{lacking}"
        )

    def drawn(
        self,
        batch: NDArray[np.int64],
        each: int,
        *,
        temperature: float,
        draw: np.random.Generator,
    ) -> NDArray[np.int64]:
        """Draw hard negatives in proportion to e^(score / temperature), without replacement.

        A function of the batch itself is passed over: it answers another query of the batch.

        Args:
            batch: (b,) training rows of a batch.
            each: hard negatives of a query.
            temperature: in standard deviations of the guide's scores.
            draw: source of chance.

        Returns:
            (b * each,) training rows of their functions, a query's own next to each other.
        """
        rows = np.asarray(self.rows[batch], dtype=np.int64)
        luck = draw.gumbel(size=rows.shape)  # the largest sums are such a draw
        values = np.asarray(self.scores[batch], dtype=np.float64) / temperature + luck
        values -= _CLASH * np.isin(rows, batch)
        values[rows < 0] = -np.inf
        best = np.argsort(-values, axis=1, kind="stable")[:, :each]
        found: NDArray[np.int64] = np.take_along_axis(rows, best, axis=1).ravel()
        return found


def save_pools(folder: Path, pools: NegativePools) -> None:
    """Write pools into the cache."""
    found = np.array([pools.suspected, pools.duplicates, pools.lacking])
    save_arrays(folder, {"rows": pools.rows, "scores": pools.scores, "found": found})


def opened_pools(folder: Path) -> NegativePools:
    """Memory-map the pools that ``save_pools`` wrote.

    Raises:
        DataError: they are missing or damaged.
    """
    rows, scores, found = (array(folder, name) for name in ("rows", "scores", "found"))
    suspected, duplicates, lacking = (float(one) for one in found)
    return NegativePools(rows, scores, suspected, duplicates, int(lacking))  # type: ignore[arg-type]


def negative_pools(
    groups: tuple[Groups, Groups], score: Score, *, size: int, margin: float, least: int
) -> NegativePools:
    """Find each query's nearest functions that are neither duplicates nor suspected answers.

    Source: NV-Retriever's mask. A function is suspected iff its score exceeds the query's own one
    minus the margin's share of its size.

    Args:
        groups: (n,) of the training queries and of their functions; equal numbers are duplicates.
        score: the guide.
        size: functions of a pool, and how many of the nearest are looked at for false negatives.
        margin: 0 to below 1.
        least: functions that a pool must have.

    Raises:
        DataError: a query has too few functions that are no duplicates.
        RunError: a score is not finite.
    """
    count = len(groups[0])
    size = min(size, count - 1)
    parts = [
        _pools_of(rows, scores, _same(groups, rows), (size, margin, least))
        for rows, scores in _blocks(count, score)
    ]
    suspected, duplicates, lacking, looked_at = np.sum([found for *_, found in parts], axis=0)
    return NegativePools(
        rows=np.concatenate([rows for rows, *_ in parts]),
        scores=np.concatenate([scores for _, scores, _ in parts]),
        suspected=float(suspected / max(looked_at, 1)),
        duplicates=float(duplicates / max(looked_at, 1)),
        lacking=int(lacking),
    )


def _pools_of(
    rows: NDArray[np.int64], scores: Tensor, same: Tensor, rule: tuple[int, float, int]
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.int64]]:
    """Return the pools of some queries, their scores, and what was counted on the way."""
    size, margin, least = rule
    numbers = torch.from_numpy(rows).unsqueeze(1)
    own = scores.gather(1, numbers)
    false = (scores > own - margin * own.abs()) & ~same
    near = scores.scatter(1, numbers, -torch.inf).topk(size, dim=1).indices
    best = scores.masked_fill(same | false, -torch.inf).topk(size, dim=1)
    taken = best.indices.masked_fill(best.values.isneginf(), -1)
    lacks = (taken >= 0).sum(dim=1) < least
    if lacks.any():
        taken[lacks] = _farthest(scores[lacks], same[lacks], least, size, rows[lacks.numpy()])
    spread = scores.std(dim=1, correction=0, keepdim=True)
    values = scores.gather(1, taken.clamp(min=0)) / spread.where(spread > 0, 1.0)
    counted = (false.gather(1, near), same.gather(1, near), lacks)
    found = np.array([*(int(one.sum()) for one in counted), near.numel()])
    return taken.numpy().astype(np.int32), values.numpy().astype(np.float32), found


def _farthest(
    scores: Tensor, same: Tensor, least: int, size: int, rows: NDArray[np.int64]
) -> Tensor:
    """Take the functions with the lowest scores: of all, the last that could be answers."""
    left = (~same).sum(dim=1)
    if (left < least).any():
        first = int((left < least).nonzero()[0])
        raise DataError(
            f"training pair {int(rows[first]) + 1}: {int(left[first])} functions are no duplicates "
            f"of it, and {least} hard negatives are wanted",
            "ask for fewer, or add pairs",
        )
    lowest = (-scores).masked_fill(same, -torch.inf).topk(least, dim=1).indices
    return torch.nn.functional.pad(lowest, (0, size - least), value=-1)


def _same(groups: tuple[Groups, Groups], rows: NDArray[np.int64]) -> Tensor:
    """Mark each row's duplicates, itself among them."""
    queries, codes = groups
    return torch.from_numpy((queries[rows, None] == queries) | (codes[rows, None] == codes))


def _blocks(count: int, score: Score) -> Iterator[tuple[NDArray[np.int64], Tensor]]:
    size = max(_FEWEST, _SCORES // max(count, 1))
    for start in range(0, count, size):
        rows = np.arange(start, min(start + size, count))
        found = score(rows)
        require_finite(found, source="the guide")
        yield rows, found.double().cpu()
