"""Directions of the denominator against slow sums and sentence-transformers."""

import math

import pytest
import torch
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from torch.nn import functional as F

from softnce.config.sections.method import LossSection, WeightsSection
from softnce.config.sections.shifts import DIRECTIONS
from softnce.losses.composed.denominators import pairs_of, sides, without_own
from softnce.losses.composed.softmaxes import Compared, softmaxes
from softnce.losses.infonce import info_nce
from softnce.training.objectives import averaged, outcome

ROWS, SCALE = 6, 20.0


NAMES = {"qc": "query_to_doc", "qq": "query_to_query", "cq": "doc_to_query", "cc": "doc_to_doc"}


def vectors(hard=0, seed=2):
    draw = torch.Generator().manual_seed(seed)
    queries = F.normalize(torch.randn(ROWS, 7, generator=draw, dtype=torch.float64), dim=1)
    codes = torch.randn(ROWS * (1 + hard), 7, generator=draw, dtype=torch.float64)
    return queries, F.normalize(codes, dim=1)


def taken(queries, candidates, directions, partition, relevance=None, marked=None, **loss):
    section = LossSection(
        **{"name": "infonce"} | loss, temperature=1 / SCALE, directions=directions
    )
    others = {}
    for one in directions.split("+")[1:]:
        left, right = sides(one, queries, candidates)
        others[one] = left @ right.T * SCALE
    answers = torch.arange(ROWS)
    compared = Compared(queries @ candidates.T * SCALE, relevance, answers, marked)
    found = softmaxes(compared, others, joint=partition == "joint")
    return averaged(
        [
            outcome(
                one.logits,
                one.relevance,
                one.answers,
                loss=section,
                weights=WeightsSection(),
                marked=one.marked,
            )
            for one in found
        ]
    )


def slow(queries, candidates, directions, partition):
    """Sum e^(20 s) over whatever is no pair of the row itself, beside the positive."""
    each = len(candidates) // ROWS - 1
    owner = [*range(ROWS), *(row for row in range(ROWS) for _ in range(each))]

    def score(left, right):
        return math.exp(SCALE * float(left @ right))

    total = 0.0
    for i in range(ROWS):
        hit = score(queries[i], candidates[i])
        own = [k for k, row in enumerate(owner) if row == i and k >= ROWS]
        others = [k for k, row in enumerate(owner) if row != i]
        sums = {
            "qc": math.fsum(score(queries[i], candidates[k]) for k in others + own),
            "qq": math.fsum(score(queries[i], queries[j]) for j in range(ROWS) if j != i),
            "cq": math.fsum(score(candidates[i], queries[j]) for j in range(ROWS) if j != i),
            "cc": math.fsum(score(candidates[i], candidates[k]) for k in others),
        }
        parts = [sums[one] for one in directions.split("+")]
        parts = [math.fsum(parts)] if partition == "joint" else parts
        total += sum(math.log1p(one / hit) for one in parts) / len(parts)
    return total / ROWS


@pytest.mark.parametrize("hard", [0, 2])
@pytest.mark.parametrize("partition", ["joint", "per_direction"])
@pytest.mark.parametrize("directions", DIRECTIONS)
def test_it_equals_the_slow_sum(directions, partition, hard):
    queries, candidates = vectors(hard)
    found = taken(queries, candidates, directions, partition).loss
    wanted = slow(queries, candidates, directions, partition)
    assert found.item() == pytest.approx(wanted, abs=1e-12)


def st(directions, partition, queries, codes):
    loss = MultipleNegativesRankingLoss(
        None,
        scale=SCALE,
        directions=tuple(NAMES[one] for one in directions.split("+")),
        partition_mode=partition,
    )
    return loss.compute_loss_from_embeddings([queries, *codes.split(ROWS)], None)


@pytest.mark.parametrize("directions", ["qc", "qc+qq", "qc+cc", "qc+qq+cc"])
def test_the_joint_softmax_is_st_s(directions):
    queries, codes = vectors()
    found = taken(queries, codes, directions, "joint").loss
    assert found.item() == pytest.approx(st(directions, "joint", queries, codes).item(), abs=1e-5)


def test_the_two_softmaxes_of_the_symmetric_loss_are_st_s():
    queries, codes = vectors()
    found = taken(queries, codes, "qc+cq", "per_direction").loss
    wanted = st("qc+cq", "per_direction", queries, codes)
    assert found.item() == pytest.approx(wanted.item(), abs=1e-5)


@pytest.mark.parametrize("directions", ["qc+cq", "qc+qq+cq+cc"])
def test_st_counts_the_positive_twice_in_a_joint_softmax_of_both_ways(directions):
    """So that a perfect model has a loss of log 2 there; here the positive stands once."""
    queries = codes = torch.eye(ROWS, dtype=torch.float64)
    perfect = st(directions, "joint", queries, codes).item()
    assert perfect == pytest.approx(math.log(2), abs=1e-6)
    assert taken(queries, codes, directions, "joint").loss.item() == pytest.approx(0, abs=1e-6)
    queries, codes = vectors()
    hits = (queries * codes).sum(dim=1) * SCALE
    wider = torch.stack([hits.exp(), hits.exp() * (slow_sums(queries, codes, directions))])
    wanted = (wider[0] * 2 + wider[1]).log().mean() - hits.mean()
    assert st(directions, "joint", queries, codes).item() == pytest.approx(wanted.item(), abs=1e-5)


def slow_sums(queries, codes, directions):
    """Return (q,) the negatives' sum over the positive's term."""
    off = ~torch.eye(ROWS, dtype=torch.bool)
    blocks = {"qc": queries @ codes.T, "qq": queries @ queries.T}
    blocks |= {"cq": codes @ queries.T, "cc": codes @ codes.T}
    chosen = [blocks[one] * SCALE for one in directions.split("+")]
    whole = sum((one.exp() * off).sum(dim=1) for one in chosen)
    return whole / ((queries * codes).sum(dim=1) * SCALE).exp()


@pytest.mark.parametrize("directions", DIRECTIONS[1:])
def test_relevance_follows_its_pairs(directions):
    """A tilt by the logits' own cosines is a change of temperature, whatever the direction."""
    queries, candidates = vectors(hard=1)
    relevance = queries @ candidates.T
    for one in directions.split("+")[1:]:
        block = without_own(pairs_of(one, relevance))
        left, right = sides(one, queries, candidates)
        assert block.shape == without_own(left @ right.T).shape
    if directions == "qc+cq":
        found = taken(queries, candidates, directions, "joint", relevance, name="tilted", tilt=5.0)
        logits = torch.cat([relevance, without_own(relevance[:, :ROWS].T)], dim=1)
        own = F.one_hot(torch.arange(ROWS), logits.shape[1]).bool()
        shifted = torch.where(own, logits * SCALE, logits * (SCALE + 5))
        wanted = info_nce(shifted, torch.arange(ROWS))
        assert found.loss.item() == pytest.approx(wanted.item(), abs=1e-12)
