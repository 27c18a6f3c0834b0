"""A model, BM25 and their fusion on a set, and another model beside them."""

from collections.abc import Sequence

from softnce.data.judged.judged_set import EvaluationSet, SetOptions
from softnce.dataflow.extraction import read_as_text
from softnce.retrieval.comparison import comparison, notes_on_bm25, notes_on_models
from softnce.retrieval.evaluation import Evaluation
from softnce.retrieval.open_model import Progress
from softnce.retrieval.rankers import BM25, BM25Ranker, ModelRanker, Ranker, cut_rankers
from softnce.retrieval.ranking_table import ranking_table
from softnce.retrieval.summary import results_of


def evaluated(
    rankers: list[Ranker],
    judged: EvaluationSet,
    options: SetOptions,
    progress: Progress,
    *,
    sizes: Sequence[int] = (),
) -> Evaluation:
    """Rank a set by one model, or by two to compare.

    Args:
        rankers: the model, and the one it is compared with; their names differ.
        judged: the set.
        options: how it was read.
        progress: is told of long work.
        sizes: to which the model's vectors are cut besides.

    Raises:
        SetupError: a model gives no usable vectors.
        ConfigError: its vectors cannot be cut to a size.
    """
    others = [one for one in rankers if one.name != BM25]
    cut = cut_rankers(rankers[0], sizes)
    table = ranking_table(judged, [BM25Ranker(), *others, *cut], progress)
    results, means = results_of(table, judged, seed=options.seed)
    model = rankers[0].name
    notes = notes_on_bm25(means, model)
    compared = None
    notes += _notes_on_data_flow(rankers, judged)
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
        cut={size: one.name for size, one in zip(sizes, cut, strict=True)},
    )


def _notes_on_data_flow(rankers: Sequence[Ranker], judged: EvaluationSet) -> list[str]:
    """Say which codes a model that knows data flow has read as text."""
    languages = [one.language for part in judged.codebases for one in part.codes.values()]
    told = read_as_text(languages)
    names = [one.name for one in rankers if isinstance(one, ModelRanker) and one.reads_data_flow]
    return [
        f"{name} reads code with its data flow, and read these as text: {told} "
        "(--set data.language=NAME for rows that do not say)."
        for name in names
        if told
    ]
