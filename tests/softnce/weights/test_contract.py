"""Every estimator keeps the contract; made vectors stand for the frozen models."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from softnce.errors import ConfigError, RunError
from softnce.weights.bm25 import BM25Estimator, terms
from softnce.weights.duplicates import DuplicatesEstimator, duplicate_groups, duplicate_weights
from softnce.weights.mixture import MixtureEstimator
from softnce.weights.neural import SelfEstimator, VectorEstimator
from softnce.weights.weighting import standardised

_SPEC = importlib.util.spec_from_file_location(
    "contracts", Path(__file__).resolve().parents[2] / "contracts.py"
)
contracts = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(contracts)

WORDS = ["read", "write", "the", "file", "list", "of", "a", "socket", "sort"]
DRAW = np.random.default_rng(4)
TEXTS = [" ".join(DRAW.choice(WORDS, size=6)) for _ in range(14)] + ["", "read the file"]
VECTORS = DRAW.normal(size=(2, 16, 5)).astype(np.float32)
CPU = torch.device("cpu")


def frozen(name="teacher", score="dot"):
    codes = VECTORS[1] if name == "teacher" else VECTORS[0]
    return VectorEstimator(name, VECTORS[0], codes, score=score, device=CPU)


def bm25(variant="okapi"):
    return BM25Estimator([terms(text) for text in TEXTS], variant=variant)


class TestBM25(contracts.EstimatorContract):
    @pytest.fixture(params=["okapi", "official", "lucene"])
    def estimator(self, request):
        return bm25(request.param)


class TestTeacher(contracts.EstimatorContract):
    @pytest.fixture(params=["dot", "cosine"])
    def estimator(self, request):
        return frozen(score=request.param)


class TestSimCSE(contracts.EstimatorContract):
    @pytest.fixture
    def estimator(self):
        return frozen("simcse", "cosine")


class TestSelf(contracts.EstimatorContract):
    @pytest.fixture
    def estimator(self):
        queries, codes = torch.from_numpy(VECTORS).requires_grad_()
        return SelfEstimator(queries, codes, kind="cosine")


class TestDuplicates(contracts.EstimatorContract):
    @pytest.fixture
    def estimator(self):
        groups = torch.tensor(duplicate_groups(TEXTS))
        return DuplicatesEstimator(groups, torch.arange(len(TEXTS)) // 4)


class TestMixture(contracts.EstimatorContract):
    @pytest.fixture
    def estimator(self):
        parts = {"bm25": bm25(), "teacher": frozen(), "simcse": frozen("simcse", "cosine")}
        return MixtureEstimator(parts, {"bm25": 1, "teacher": 2, "simcse": 0.5})


def rows(*numbers):
    return torch.tensor(numbers)


def test_a_mixture_of_one_is_that_one_standardised():
    mixed = MixtureEstimator({"bm25": bm25()}, {"bm25": 3}).relevance(rows(1, 2, 3), rows(1, 2, 3))
    alone = standardised(bm25().relevance(rows(1, 2, 3), rows(1, 2, 3)))
    torch.testing.assert_close(mixed, alone.float())


def test_only_the_ratios_of_shares_matter():
    parts = {"bm25": bm25(), "teacher": frozen()}
    few, many = (
        MixtureEstimator(parts, {"bm25": 1 * by, "teacher": 3 * by}).relevance(
            rows(0, 1, 2), rows(0, 1, 2)
        )
        for by in (1, 50)
    )
    torch.testing.assert_close(few, many)


def test_the_scale_of_a_part_makes_no_difference():
    big = VectorEstimator("teacher", VECTORS[0] * 100, VECTORS[1], score="dot", device=CPU)
    found = [
        MixtureEstimator({"bm25": bm25(), "teacher": one}, {"bm25": 1, "teacher": 1}).relevance(
            rows(0, 1, 2, 3), rows(0, 1, 2, 3)
        )
        for one in (frozen(), big)
    ]
    torch.testing.assert_close(*found, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("shares", [{}, {"bm25": 0}, {"bm25": -1}])
def test_a_mixture_of_nothing_is_refused(shares):
    with pytest.raises(ConfigError, match="at least one estimator a share above 0"):
        MixtureEstimator({name: bm25() for name in shares}, shares)


def test_a_part_of_a_mixture_that_is_no_number_is_named():
    broken = VectorEstimator("teacher", VECTORS[0] * np.nan, VECTORS[1], score="dot", device=CPU)
    mixed = MixtureEstimator({"bm25": bm25(), "teacher": broken}, {"bm25": 1, "teacher": 1})
    with pytest.raises(RunError, match=r"^teacher: 4 of 4 scores are NaN or infinite"):
        mixed.relevance(rows(0, 1), rows(0, 1))


def test_duplicates_are_marked_by_query_or_by_code():
    estimator = DuplicatesEstimator(torch.tensor([0, 0, 2, 3]), torch.tensor([0, 1, 2, 2]))
    wanted = [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]]
    everyone = torch.arange(4)
    assert estimator.relevance(everyone, everyone).tolist() == wanted


def test_near_duplicates_and_empty_texts_are_grouped():
    text = " ".join(f"word{number}" for number in range(40))
    groups = duplicate_groups([text, "", f"{text} end", "something else here", ""])
    assert groups == [0, 1, 0, 3, 1]


@pytest.mark.parametrize("weight", [0.0, 0.1])
def test_marked_negatives_weigh_what_is_asked_and_the_own_snippet_1(weight):
    marked = torch.tensor([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
    found = duplicate_weights(marked, weight=weight, answers=torch.tensor([0, 1]))
    torch.testing.assert_close(found, torch.tensor([[1.0, weight, 1.0], [1.0, 1.0, 1.0]]))


def test_identical_texts_say_nothing():
    alike = BM25Estimator([["read", "file"]] * 4).relevance(torch.arange(4), torch.arange(4))
    assert len(set(alike.flatten().tolist())) == 1
    assert standardised(alike).isfinite().all()


def test_empty_texts_score_zero_with_all():
    empty = BM25Estimator([[], [], ["a"]]).relevance(rows(0, 1), rows(0, 1))
    assert empty.tolist() == [[0, 0], [0, 0]]
