"""What differences between rankers say: of a model to BM25, and of two models."""

import numpy as np

from softnce.data.judged.judged_set import EvaluationSet
from softnce.retrieval.evaluation import Comparison, Interval, Win
from softnce.retrieval.rankers import BM25
from softnce.retrieval.ranking_table import RankingTable, fused_name
from softnce.retrieval.summary import Means

_TOP = 3  # queries shown of each model


def comparison(
    judged: EvaluationSet, table: RankingTable, means: Means, *, names: tuple[str, str]
) -> Comparison:
    """Compare two models query by query.

    Args:
        judged: the set.
        table: of the rankings.
        means: the bootstrap over all queries.
        names: of the first and the second model.
    """
    first, second = (table.rankings[name].measures["mrr"] for name in names)
    gains = first - second
    fused = None
    if BM25 not in names:
        fused = means.difference(*map(fused_name, names))
    order = np.argsort(gains, kind="stable")
    top = [row for row in order[::-1][:_TOP] if gains[row] > 0]
    top += [row for row in order[:_TOP] if gains[row] < 0]
    return Comparison(
        names=names,
        difference=means.difference(*names),
        fused_difference=fused,
        wins=(int((gains > 0).sum()), int((gains < 0).sum())),
        ties=int((gains == 0).sum()),
        top=tuple(_win(judged, table, names, int(row)) for row in top),
    )


def _win(judged: EvaluationSet, table: RankingTable, names: tuple[str, str], row: int) -> Win:
    codebase, asked = [(one, query) for one in judged.codebases for query in one.queries][row]
    found = [table.rankings[name] for name in names]
    first, second = (float(one.measures["mrr"][row]) for one in found)
    hits = [codebase.codes[one.first_hits[row]].text for one in found]
    winner = names[0] if first > second else names[1]
    return Win(asked.text, winner, (first, second), (hits[0], hits[1]))


def notes_on_bm25(means: Means, model: str) -> list[str]:
    """Say what a model has over BM25, and what of that is left when both are fused."""
    if model == BM25:
        return []
    fused = fused_name(model)
    alone, hybrid = means.difference(model, BM25), means.difference(fused, BM25)
    found = [difference_told(model, BM25, alone)]
    if alone.is_above and not hybrid.is_above:
        found.append(
            f"This gain vanishes in the hybrid: {fused} against {BM25} is {signed(hybrid)}."
        )
    else:
        found.append(difference_told(fused, BM25, hybrid))
    found.append(difference_told(fused, model, means.difference(fused, model)))
    return found


def notes_on_models(found: Comparison) -> list[str]:
    """Say which of two models is better, and whether a hybrid with BM25 keeps the difference."""
    names, difference, fused = found.names, found.difference, found.fused_difference
    told = [difference_told(*names, difference)]
    if fused is None or not (difference.is_above or difference.is_below):
        return told
    keeps = fused.is_above if difference.is_above else fused.is_below
    verb = "remains" if keeps else "vanishes"
    told.append(
        f"This difference {verb} in the hybrid: with both fused with {BM25} it is {signed(fused)}."
    )
    return told


def difference_told(name: str, other: str, difference: Interval) -> str:
    """Say in a sentence how one ranker stands to another."""
    if difference.is_above:
        said = "is better than"
    elif difference.is_below:
        said = "is worse than"
    else:
        said = "is not shown to differ from"
    return f"{name} {said} {other}: MRR {signed(difference)}."


def signed(difference: Interval) -> str:
    """Write a difference with its sign and interval.

    >>> signed(Interval(0.0312, 0.0101, 0.0522))
    '+0.0312 (95 % interval +0.0101 to +0.0522)'
    """
    return f"{difference.mean:+.4f} (95 % interval {difference.low:+.4f} to {difference.high:+.4f})"
