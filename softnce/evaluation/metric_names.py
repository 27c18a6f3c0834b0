"""The one list of the numbers that a run reports: named here, and read wherever they are shown."""

import math
from typing import Literal, get_args

RetrievalMetric = Literal["mrr", "mrr_at_10", "recall_at_1", "recall_at_5", "recall_at_10"]

RETRIEVAL_METRICS: tuple[RetrievalMetric, ...] = get_args(RetrievalMetric)
EVALUATION_METRICS: tuple[str, ...] = (*RETRIEVAL_METRICS, "ndcg_at_10")
EPOCH_METRICS: tuple[str, ...] = (
    *RETRIEVAL_METRICS,
    "objective",
    "loss",
    "weight_spread",
    "relief",
    "trusted",
    "seconds",
    "step_seconds",
    "trained_parameters",
)
TEST_METRIC = "test_mrr"  # of the best epoch, where the test split is scored
COST_METRICS: tuple[str, ...] = ("parameters", "encode_ms")  # at the end, and where limited


def metric_parts(name: str) -> tuple[str, float]:
    """Split a metric's name into its family and the number of results that it looks at.

    >>> metric_parts("ndcg_at_10"), metric_parts("mrr")
    (('ndcg', 10.0), ('mrr', inf))
    """
    family, _, cutoff = name.partition("_at_")
    return family, float(cutoff) if cutoff else math.inf
