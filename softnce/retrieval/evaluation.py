"""The result of an evaluation: means with intervals, and what the differences say."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from softnce.data.judged.judged_set import EvaluationSet
from softnce.evaluation.metric_names import EVALUATION_METRICS
from softnce.retrieval.rankers import BM25
from softnce.retrieval.ranking_table import RankingTable, fused_name

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over queries with its 95 % bootstrap interval."""

    mean: float
    low: float
    high: float

    @property
    def is_above(self) -> bool:
        """Tell whether the whole interval is above 0."""
        return self.low > 0

    @property
    def is_below(self) -> bool:
        """Tell whether the whole interval is below 0."""
        return self.high < 0


@dataclass(frozen=True, slots=True)
class Summary:
    """What a ranker reached on some queries.

    Attributes:
        mrr: exact mean reciprocal rank over all candidates, ties averaged, with its interval.
        metrics: means by the names of ``EVALUATION_METRICS``.
        queries: number of queries.
        candidates: number of codes that they were ranked against; of a macro average, of all.
    """

    mrr: Interval
    metrics: Mapping[str, float]
    queries: int
    candidates: int

    def as_dict(self) -> dict[str, Any]:
        """Return plain values: every metric by name, mrr_low, mrr_high, queries, candidates."""
        bounds = {"mrr_low": self.mrr.low, "mrr_high": self.mrr.high}
        counts = {"queries": self.queries, "candidates": self.candidates}
        return {"mrr": self.mrr.mean, **bounds, **self.metrics, **counts}


@dataclass(frozen=True, slots=True)
class RankerResult:
    """What a ranker reached on a set.

    Attributes:
        name: of the model, ``bm25``, or a model fused with it.
        whole: over all queries.
        languages: by language, where rows name them.
        macro: the mean over languages, each counting the same; None without languages.
    """

    name: str
    whole: Summary
    languages: Mapping[str, Summary]
    macro: Summary | None

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, those over all queries at the top."""
        languages = {name: one.as_dict() for name, one in self.languages.items()}
        macro = None if self.macro is None else self.macro.as_dict()
        return {"name": self.name, **self.whole.as_dict(), "languages": languages, "macro": macro}


@dataclass(frozen=True, slots=True)
class Win:
    """A query that one of two models answers better.

    Attributes:
        query: its text.
        winner: name of the better model.
        reciprocal_ranks: of the first right answer, under the first and the second model.
        first_hits: text of the code that each finds first.
    """

    query: str
    winner: str
    reciprocal_ranks: tuple[float, float]
    first_hits: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models on the same queries.

    Attributes:
        names: of the first and the second model.
        difference: of their MRR, first minus second, paired by query.
        fused_difference: the same with both fused with BM25; None where one of them is BM25.
        wins: number of queries that the first, and that the second, answers better.
        ties: number of queries that both answer alike.
        top: the queries with the largest differences, those of both models.
    """

    names: tuple[str, str]
    difference: Interval
    fused_difference: Interval | None
    wins: tuple[int, int]
    ties: int
    top: tuple[Win, ...]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """An evaluation, as ``softnce.evaluate`` returns it.

    Attributes:
        judged: the set that was ranked, with the account of what was read.
        split: whose queries were asked.
        seed: of the sample and of the bootstrap.
        results: of every ranker by its name: the model, ``bm25``, their fusion, and those of the
            model it is compared with.
        model: name of the model in ``results``.
        notes: what the differences say, in sentences.
        comparison: with another model, where one was named.
        table: the rankings query by query.
        cut: names in ``results`` of the model with vectors cut to a size.
    """

    judged: EvaluationSet
    split: str
    seed: int
    results: Mapping[str, RankerResult]
    model: str
    notes: tuple[str, ...]
    comparison: Comparison | None
    table: RankingTable = field(repr=False)
    cut: Mapping[int, str] = field(default_factory=dict)

    @property
    def mrr(self) -> float:
        """Exact mean reciprocal rank of the model."""
        return self.results[self.model].whole.mrr.mean

    @property
    def bm25(self) -> RankerResult:
        """What BM25 reached."""
        return self.results[BM25]

    @property
    def fused(self) -> RankerResult | None:
        """What the model fused with BM25 reached; None where the model is BM25 itself."""
        return self.results.get(fused_name(self.model))

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON: the model's at the top, ``bm25`` and ``fused`` in it."""
        compared = self.comparison
        return {
            "model": self.model,
            **self.results[self.model].as_dict(),
            "data": self.judged.name,
            "split": self.split,
            "seed": self.seed,
            "queries_of_the_set": self.judged.whole[0],
            "candidates_of_the_set": self.judged.whole[1],
            "docstrings": self.judged.docstrings,
            "codes_stripped": self.judged.stripped,
            "codes_documented": self.judged.documented,
            "codes_holding_their_query": self.judged.leaks,
            "dropped": dict(self.judged.dropped),
            "dropped_examples": list(self.judged.examples),
            "dimensions": {size: self.results[name].as_dict() for size, name in self.cut.items()},
            "bm25": self.bm25.as_dict(),
            "fused": None if self.fused is None else self.fused.as_dict(),
            "compare": None if compared is None else self._compared(compared),
            "notes": list(self.notes),
        }

    def _compared(self, compared: Comparison) -> dict[str, Any]:
        other = compared.names[1]
        return {
            **self.results[other].as_dict(),
            "fused": self.results[fused_name(other)].as_dict() if other != BM25 else None,
            **{name: value for name, value in asdict(compared).items() if name != "names"},
        }

    def per_query(self) -> "pd.DataFrame":
        """Return a row for each query.

        Returns:
            Columns ``query``, ``language``, ``answers`` (ids) and, for each ranker, the metrics
            with its name before them (``bm25: mrr`` is the reciprocal rank) and ``first_hit``.
        """
        import pandas as pd

        asked = [query for codebase in self.judged.codebases for query in codebase.queries]
        columns: dict[str, Any] = {
            "query": [one.text for one in asked],
            "language": list(self.table.languages),
            "answers": [list(one.grades) for one in asked],
        }
        for ranking in self.table.rankings.values():
            for metric in EVALUATION_METRICS:
                columns[f"{ranking.name}: {metric}"] = ranking.measures[metric]
            columns[f"{ranking.name}: first_hit"] = list(ranking.first_hits)
        return pd.DataFrame(columns)
