"""The reciprocal ranks of a split's queries, from which every average over them is made."""

import numpy as np
import pytest

from softnce.config.config import Config
from softnce.data.pairs import read_pairs
from softnce.inputs.prepare import prepare
from softnce.training.scoring import evaluate, reciprocal_ranks


@pytest.mark.parametrize("split", ["valid", "test"])
def test_reciprocal_ranks_average_to_the_mrr_in_the_order_of_the_split(made_pairs, tmp_path, split):
    config = Config.model_validate(
        {
            "data": {"path": str(made_pairs)},
            "encoder": {"vocabulary": 400, "dimensions": 8},
            "optim": {"batch_size": 32},
        }
    )
    pairs = read_pairs(made_pairs)
    prepared = prepare(config, pairs, tmp_path, tell=lambda _: None)
    encoder = prepared.encoder(config.encoder, seed=3)

    found = reciprocal_ranks(encoder, prepared, split)

    queries = getattr(pairs, split)
    assert found.dtype == np.float64
    assert found.mean() == pytest.approx(evaluate(encoder, prepared, split=split)["mrr"], abs=1e-12)
    vectors, asked = (
        encoder.encode_all(encoder.tokenize(texts)) for texts in (pairs.candidates, queries.texts)
    )
    for row in (0, len(queries.texts) - 1):
        scores = vectors @ asked[row]
        own = scores[queries.answers[row]]
        ahead = (scores > own).sum() + 0.5 * ((scores == own).sum() - 1)
        assert 1 / found[row] == pytest.approx(1 + float(ahead), abs=0.6)
