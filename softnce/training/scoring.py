"""The retrieval metrics of an encoder on a prepared split."""

from softnce.encoders.encoder import Encoder
from softnce.evaluation.ranking import ranks, retrieval_metrics
from softnce.inputs.prepared import Prepared


def evaluate(encoder: Encoder, prepared: Prepared, *, split: str) -> dict[str, float]:
    """Return the retrieval metrics of an encoder on the queries of valid or test."""
    candidates = encoder.encode_all(prepared.table("candidates"))
    queries = encoder.encode_all(prepared.table(split))
    return retrieval_metrics(ranks(queries, candidates, prepared.answers(split)))
