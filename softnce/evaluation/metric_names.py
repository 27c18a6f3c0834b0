"""The one list of the numbers that a run reports: named here, and read wherever they are shown."""

from typing import Literal, get_args

RetrievalMetric = Literal["mrr", "mrr_at_10", "recall_at_1", "recall_at_5", "recall_at_10"]

RETRIEVAL_METRICS: tuple[RetrievalMetric, ...] = get_args(RetrievalMetric)
EPOCH_METRICS: tuple[str, ...] = (
    *RETRIEVAL_METRICS,
    "objective",
    "loss",
    "weight_spread",
    "seconds",
)
