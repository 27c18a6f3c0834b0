import numpy as np
import pytest
import torch

from softnce.weights.neural import VectorEstimator

DRAW = np.random.default_rng(0)
QUERIES = DRAW.normal(size=(9, 5)).astype(np.float32)
CODES = DRAW.normal(size=(9, 5)).astype(np.float32)
CODES[4] = 0


def estimator(score="dot", queries=QUERIES, codes=CODES):
    return VectorEstimator("teacher", queries, codes, score=score, device=torch.device("cpu"))


@pytest.mark.parametrize("score", ["dot", "cosine"])
def test_each_score_is_the_product_of_the_rows_vectors(score):
    rows, columns = [7, 0], [3, 7, 7, 1]
    found = estimator(score).relevance(torch.tensor(rows), torch.tensor(columns))
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            wanted = float(QUERIES[row] @ CODES[column])
            if score == "cosine":
                wanted /= np.linalg.norm(QUERIES[row]) * np.linalg.norm(CODES[column])
            assert found[i, j].item() == pytest.approx(wanted, abs=1e-6)


def test_a_zero_vector_scores_zero_and_not_nan():
    found = estimator("cosine").relevance(torch.tensor([0, 1]), torch.tensor([4]))
    assert found.tolist() == [[0.0], [0.0]]


def test_the_vectors_may_be_mapped_read_only(tmp_path):
    np.save(tmp_path / "queries.npy", QUERIES)
    mapped = np.load(tmp_path / "queries.npy", mmap_mode="r")
    rows = torch.arange(9)
    found = estimator("dot", queries=np.asarray(mapped)).relevance(rows, rows)
    assert torch.equal(found, estimator("dot").relevance(rows, rows))


def test_later_changes_of_the_arrays_change_nothing():
    queries, rows = QUERIES.copy(), torch.arange(9)
    one = estimator("dot", queries=queries)
    before = one.relevance(rows, rows)
    queries[:] = 0
    assert torch.equal(one.relevance(rows, rows), before)
