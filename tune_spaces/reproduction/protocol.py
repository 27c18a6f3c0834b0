"""Which losses, estimators and settings each table and figure of the paper compares.

Sources: Table 7 (alpha, beta, temperature), section 6 (the weights of the KL term), section 4 and
Table 3 (false-negative cancellation), Figure 3 (alpha + beta = 2).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from softnce.losses.table import BASELINE
from tune_spaces.reproduction.paper import BASELINE_ROW, ModelName, TableName
from tune_spaces.space.dimension import Value
from tune_spaces.space.first_points import TABLE_7

PAPER_SEEDS = (1234, 12345, 123456)
_FRESH_SEED = 20_001
_ALPHAS = (0.5, 0.7, 0.9, 1.1, 1.3, 1.5, 1.7, 1.9)
_ESTIMATORS = {"bm25": "BM25", "teacher": "trained model", "simcse": "SimCSE"}


@dataclass(frozen=True, slots=True)
class PaperRow:
    """A line of a table.

    Attributes:
        key: names it.
        name: as it is shown.
        settings: what it is trained with, by path; the seed apart.
    """

    key: str
    name: str
    settings: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Protocol:
    """What a table or a figure of the paper compares.

    Attributes:
        title: says what it shows.
        rows: its lines, InfoNCE first.
        seeds: how many each line is trained with.
        unit: mrr, of the test split; seconds, of a training step; or weight, of a negative.
        models: those that the paper has it for.
        language: the one that the paper has it for; empty: all six.
        said: what the paper prints instead of numbers, or leaves open; empty where nothing.
        curve: what a figure's curve runs over; empty for a table.
    """

    title: str
    rows: Sequence[PaperRow]
    seeds: int = len(PAPER_SEEDS)
    unit: str = "mrr"
    models: tuple[ModelName, ...] = ("codebert", "graphcodebert", "unixcoder")
    language: str = ""
    said: str = ""
    curve: str = ""


def _soft(estimator: str, **changes: Value) -> dict[str, Value]:
    """Return Soft-InfoNCE with Table 7's settings of an estimator, on its raw scores."""
    return _weighted("soft-infonce", estimator) | changes


def _weighted(loss: str, estimator: str) -> dict[str, Value]:
    known: dict[str, Value] = {
        "loss/name": loss,
        "weights/estimator": estimator,
        "weights/scale": "raw",
    }
    return known | TABLE_7[estimator]


_INFONCE = PaperRow(BASELINE_ROW, "InfoNCE", {"loss/name": BASELINE})
_SOFT = {
    name: PaperRow(name, f"Soft-InfoNCE, {label}", _soft(name))
    for name, label in _ESTIMATORS.items()
}
_LOSSES = (
    PaperRow("bce", "BCE", _weighted("bce", "simcse")),
    PaperRow("weighted-infonce", "weighted InfoNCE", _weighted("weighted-infonce", "simcse")),
    PaperRow(
        "kl-infonce",
        "InfoNCE + KL",
        _weighted("kl-infonce", "simcse") | {"loss/infonce_weight": 1.3, "loss/kl_weight": 0.7},
    ),
    PaperRow("soft-infonce", "Soft-InfoNCE", _soft("simcse")),
)
_CANCELLED = (
    *(
        PaperRow(
            f"top-k-{k}", f"without the top {k}", _weighted("top-k", "simcse") | {"loss/top_k": k}
        )
        for k in (1, 3, 5)
    ),
    *(
        PaperRow(
            f"threshold-{ratio}",
            f"below {ratio} of the positive",
            _weighted("dynamic-threshold", "simcse") | {"loss/ratio": ratio},
        )
        for ratio in (0.7, 0.5, 0.3)
    ),
)
_CURVE = tuple(
    PaperRow(
        f"alpha-{alpha}",
        f"alpha {alpha}, beta {2 - alpha:.1f}",
        _soft("simcse", **{"weights/alpha": alpha, "weights/beta": round(2 - alpha, 1)}),
    )
    for alpha in _ALPHAS
)
_SIMCSE_ASSUMED = "the paper does not say which estimator; SimCSE fits its row of Soft-InfoNCE"

PROTOCOLS: dict[TableName, Protocol] = {
    "table1": Protocol(
        "Table 1: Soft-InfoNCE by three estimators",
        (_INFONCE, *_SOFT.values()),
        said="the paper: p < 0.01 for all gains but those of GraphCodeBERT and UniXcoder on go; it "
        "does not name the test",
    ),
    "table2": Protocol("Table 2: other losses, by SimCSE", (_INFONCE, *_LOSSES)),
    "table3": Protocol(
        "Table 3: false-negative cancellation",
        (_INFONCE, *_CANCELLED, _LOSSES[-1]),
        models=("graphcodebert",),
        language="python",
        said=_SIMCSE_ASSUMED,
    ),
    "table8": Protocol(
        "Table 8: seconds per batch",
        (_INFONCE, *_SOFT.values()),
        unit="seconds",  # of three runs a line, whose spread tells what a difference is worth
        models=("codebert",),
        said="ours: mean seconds of a step in the fastest epoch, over runs that take turns; sd: of "
        "these runs",
    ),
    "fig2": Protocol(
        "Figure 2: the weights of the negatives, from the most similar on",
        (_INFONCE, *_SOFT.values()),
        seeds=1,
        unit="weight",
        said="the paper prints no numbers of it",
        curve="rank of the negative by its score",
    ),
    "fig3": Protocol(
        "Figure 3: MRR over alpha, with beta = 2 - alpha",
        (_INFONCE, *_CURVE),
        models=("graphcodebert",),
        language="python",
        said="the paper: stable, best at alpha 1.3, beta 0.7; " + _SIMCSE_ASSUMED,
        curve="alpha",
    ),
}


def seeds_of(count: int) -> tuple[int, ...]:
    """Return the paper's seeds, and fresh ones where more are asked for.

    >>> seeds_of(4)
    (1234, 12345, 123456, 20001)
    """
    more = max(0, count - len(PAPER_SEEDS))
    return (*PAPER_SEEDS, *range(_FRESH_SEED, _FRESH_SEED + more))[:count]
