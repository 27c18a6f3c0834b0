"""The retrieval metrics of an encoder on a prepared split."""

import numpy as np
import torch
from numpy.typing import NDArray

from softnce.encoders.encoder import Encoder
from softnce.evaluation.ranking import ranks, retrieval_metrics
from softnce.inputs.prepared import Prepared
from softnce.inputs.tables import AS_TEXT
from softnce.shapes import Ranks


def evaluate(encoder: Encoder, prepared: Prepared, *, split: str) -> dict[str, float]:
    """Return the retrieval metrics of an encoder on the queries of valid or test."""
    return retrieval_metrics(_ranks(encoder, prepared, split))


def validate(encoder: Encoder, prepared: Prepared) -> dict[str, float]:
    """Return the retrieval metrics of an encoder on what trials see of the validation split."""
    return _sampled(encoder, prepared, "candidates")


def validate_as_text(encoder: Encoder, prepared: Prepared) -> dict[str, float]:
    """Return the same metrics where codes are read as text, without their data flow."""
    return _sampled(encoder, prepared, AS_TEXT)


def _sampled(encoder: Encoder, prepared: Prepared, codes: str) -> dict[str, float]:
    sample = prepared.validation_sample()
    candidates = encoder.encode_all(prepared.table(codes).take(sample.candidates))
    queries = encoder.encode_all(prepared.table("valid").take(sample.queries))
    return prepared.summed_up(ranks(queries, candidates, torch.from_numpy(sample.answers)))


def reciprocal_ranks(encoder: Encoder, prepared: Prepared, split: str) -> NDArray[np.float64]:
    """Return (queries,) the reciprocal rank of each query's answer among all candidates.

    Their mean is the MRR. Ranks are exact, ties averaged; rows stand in the order of the split.

    Args:
        encoder: on any device; it is put into evaluation mode and back.
        prepared: inputs from ``prepare``.
        split: valid or test.

    Raises:
        DataError: the split has no queries.
        RunError: a vector holds NaN or infinity.
    """
    found: NDArray[np.float64] = _ranks(encoder, prepared, split).reciprocal().numpy(force=True)
    return found


def _ranks(encoder: Encoder, prepared: Prepared, split: str) -> Ranks:
    candidates = encoder.encode_all(prepared.table("candidates"))
    queries = encoder.encode_all(prepared.table(split))
    return ranks(queries, candidates, prepared.answers(split))
