"""A model, BM25 and their fusion on a set, and another model beside them."""

from softnce.data.judged.judged_set import EvaluationSet, SetOptions
from softnce.retrieval.comparison import comparison, notes_on_bm25, notes_on_models
from softnce.retrieval.evaluation import Evaluation
from softnce.retrieval.open_model import Progress
from softnce.retrieval.rankers import BM25, BM25Ranker, Ranker
from softnce.retrieval.ranking_table import ranking_table
from softnce.retrieval.summary import results_of


def evaluated(
    rankers: list[Ranker], judged: EvaluationSet, options: SetOptions, progress: Progress
) -> Evaluation:
    """Rank a set by one model, or by two to compare.

    Args:
        rankers: the model, and the one it is compared with; their names differ.
        judged: the set.
        options: how it was read.
        progress: is told of long work.

    Raises:
        SetupError: a model gives no usable vectors.
    """
    others = [one for one in rankers if one.name != BM25]
    table = ranking_table(judged, [BM25Ranker(), *others], progress)
    results, means = results_of(table, judged, seed=options.seed)
    model = rankers[0].name
    notes = notes_on_bm25(means, model)
    compared = None
    if len(rankers) > 1:
        compared = comparison(judged, table, means, names=(model, rankers[1].name))
        notes += notes_on_models(compared)
    return Evaluation(
        judged=judged,
        split=options.split,
        seed=options.seed,
        results=results,
        model=model,
        notes=tuple(dict.fromkeys(notes)),
        comparison=compared,
        table=table,
    )
