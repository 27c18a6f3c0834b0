"""Every estimator keeps the contract; made vectors stand for the frozen models."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from softnce.errors import ConfigError, RunError
from softnce.weights.bm25 import BM25Estimator, terms
from softnce.weights.docstrings import ThroughDocstrings
from softnce.weights.duplicates import DuplicatesEstimator, duplicate_weights, query_groups
from softnce.weights.mixture import MixtureEstimator, with_own
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
        groups = torch.tensor(query_groups(TEXTS))
        return DuplicatesEstimator(groups, torch.arange(len(TEXTS)) // 4)


class TestMixture(contracts.EstimatorContract):
    @pytest.fixture
    def estimator(self):
        parts = {"bm25": bm25(), "teacher": frozen(), "simcse": frozen("simcse", "cosine")}
        return MixtureEstimator(parts, {"bm25": 1, "teacher": 2, "simcse": 0.5})


DOCSTRINGS = torch.tensor([*range(16), 3, -1, 0, 9, -1, 12])  # two hard negatives of rows 0 to 2


class TestThroughDocstrings(contracts.EstimatorContract):
    @pytest.fixture(params=["bm25", "simcse"])
    def estimator(self, request):
        inner = bm25() if request.param == "bm25" else frozen("simcse", "cosine")
        return ThroughDocstrings(inner, DOCSTRINGS)


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
    groups = query_groups([text, "", f"{text} end", "something else here", ""])
    assert groups == [0, 1, 0, 3, 1]


@pytest.mark.parametrize("weight", [0.0, 0.1])
def test_marked_negatives_weigh_what_is_requested_and_the_own_snippet_1(weight):
    marked = torch.tensor([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
    found = duplicate_weights(marked, torch.tensor([0, 1]), weight=weight)
    torch.testing.assert_close(found, torch.tensor([[1.0, weight, 1.0], [1.0, 1.0, 1.0]]))


HARD = [16, 17, 18, 19, 20, 21]


@pytest.mark.parametrize("name", ["bm25", "simcse"])
def test_without_hard_negatives_docstrings_change_nothing(name):
    inner = bm25() if name == "bm25" else frozen("simcse", "cosine")
    found = ThroughDocstrings(inner, DOCSTRINGS).relevance(rows(2, 0, 1), rows(2, 0, 1))
    torch.testing.assert_close(found, inner.relevance(rows(2, 0, 1), rows(2, 0, 1)))


def test_hard_negatives_speak_through_docstrings_or_score_the_mean():
    inner = frozen("simcse", "cosine")
    found = ThroughDocstrings(inner, DOCSTRINGS).relevance(rows(0, 1), rows(0, 1, *HARD))
    plain = inner.relevance(rows(0, 1), rows(0, 1, 3, 0, 9, 12))
    torch.testing.assert_close(found[:, [0, 1, 2, 4, 5, 7]], plain)
    mean = (plain.sum(dim=1) - plain.diagonal()) / 5
    torch.testing.assert_close(found[:, [3, 6]], mean.unsqueeze(1).expand(2, 2))


def test_a_mixture_takes_hard_negatives_and_a_workers_part_of_the_queries():
    parts = {"bm25": ThroughDocstrings(bm25(), DOCSTRINGS), "simcse": frozen("simcse", "cosine")}
    parts["simcse"] = ThroughDocstrings(parts["simcse"], DOCSTRINGS)
    mixed = MixtureEstimator(parts, {"bm25": 1, "simcse": 1}, pairs=16)
    candidates = rows(0, 1, 2, *HARD)
    whole = mixed.relevance(rows(0, 1, 2), candidates)
    judged = torch.tensor([True] * 4 + [False, True, True, False, True])
    wanted = sum(
        standardised(part.relevance(rows(0, 1, 2), candidates), judged=judged).float() / 2
        for part in parts.values()
    )
    assert mixed.judged(candidates).equal(judged)
    torch.testing.assert_close(whole, wanted)
    torch.testing.assert_close(mixed.relevance(rows(2), candidates), whole[2:])


@pytest.mark.parametrize("share", [0.25, 1.0])
def test_the_encoders_own_part_of_a_mixture_is_standardised_and_shared(share):
    own, others = torch.randn(3, 5), torch.randn(3, 5).double()
    mixed = others if share < 1 else None
    wanted = share * standardised(own) + (0 if mixed is None else others.float())
    torch.testing.assert_close(with_own(mixed, own, share=share), wanted)


def test_shares_of_what_is_no_part_count_in_the_sum():
    parts, batch = {"bm25": bm25()}, rows(1, 2, 3)
    alone = MixtureEstimator(parts, {"bm25": 1}).relevance(batch, batch)
    with_self = MixtureEstimator(parts, {"bm25": 1, "self": 3}).relevance(batch, batch)
    torch.testing.assert_close(with_self, alone / 4)


def test_identical_texts_say_nothing():
    alike = BM25Estimator([["read", "file"]] * 4).relevance(torch.arange(4), torch.arange(4))
    assert len(set(alike.flatten().tolist())) == 1
    assert standardised(alike).isfinite().all()


def test_empty_texts_score_zero_with_all():
    empty = BM25Estimator([[], [], ["a"]]).relevance(rows(0, 1), rows(0, 1))
    assert empty.tolist() == [[0, 0], [0, 0]]
