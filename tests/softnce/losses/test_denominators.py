"""Directions of the denominator against slow sums and sentence-transformers; pair trust; relief."""

import math

import pytest
import torch
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from torch.nn import functional as F

from softnce.config.sections.method import LossSection, WeightsSection
from softnce.config.sections.shifts import DIRECTIONS
from softnce.errors import ConfigError
from softnce.losses.denominators import pairs_of, sides, without_own
from softnce.losses.infonce import info_nce
from softnce.losses.relief import relief
from softnce.losses.table import LOSSES
from softnce.losses.trust import pair_trust, trusted_mean
from softnce.training.objectives import averaged, outcome
from softnce.training.softmaxes import Compared, softmaxes

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


def section(name, **changes):
    return LossSection(name=name, mask="none" if name == "shifted" else "absolute", **changes)


def drawn(seed=1):
    draw = torch.Generator().manual_seed(seed)
    logits = torch.randn(5, 8, generator=draw, dtype=torch.float64)
    relevance = torch.rand(5, 8, generator=draw, dtype=torch.float64)
    return logits, relevance, torch.tensor([3, 0, 4, 1, 7])


@pytest.mark.parametrize("name", [name for name, spec in LOSSES.items() if spec.has_estimator])
def test_trust_takes_the_mean_over_the_trusted_rows(name):
    """Every loss: as if the others were not in the batch's mean, though in its denominators."""
    logits, relevance, answers = drawn()
    trust = pair_trust(relevance, answers, rank=4)
    assert 0 < trust.sum() < 5
    plain = {"loss": section(name), "weights": WeightsSection()}
    rows = [
        outcome(logits[[i]], relevance[[i]], answers[[i]], **plain).loss
        for i in range(5)
        if trust[i]
    ]
    leaf = logits.clone().requires_grad_()
    found = outcome(
        leaf, relevance, answers, loss=section(name, trust_rank=4), weights=WeightsSection()
    )
    assert found.loss.item() == pytest.approx(torch.stack(rows).mean().item(), abs=1e-12)
    found.loss.backward()
    assert leaf.grad[trust == 0].abs().sum() == 0
    assert leaf.grad[trust == 1].abs().sum() > 0


def test_a_pair_is_trusted_by_rank_and_by_score():
    relevance = torch.tensor([[0.9, 0.1, 0.2], [0.8, 0.7, 0.1], [0.3, 0.2, 0.1]])
    answers = torch.arange(3)
    assert pair_trust(relevance, answers, rank=1).tolist() == [1, 0, 0]
    assert pair_trust(relevance, answers, rank=2).tolist() == [1, 1, 0]
    assert pair_trust(relevance, answers, rank=2, least=0.7).tolist() == [1, 0, 0]
    assert pair_trust(relevance, answers, rank=3).tolist() == [1, 1, 1]


def test_where_no_pair_is_trusted_the_loss_is_nothing():
    logits, _, answers = drawn()
    none = torch.zeros(5)
    assert trusted_mean(info_nce, [logits], answers, none) == 0


# --- known duplicates


MARKED = torch.zeros(5, 8, dtype=torch.bool)
MARKED[0, [1, 3]] = MARKED[2, 6] = MARKED[1, 0] = True  # some are the own column, which stays


@pytest.mark.parametrize("name", LOSSES)
def test_masked_duplicates_have_no_part_in_any_loss(name):
    logits, relevance, answers = drawn()
    leaf = logits.clone().requires_grad_()
    options = {"loss": section(name, duplicates="mask"), "weights": WeightsSection()}
    found = outcome(leaf, relevance, answers, **options, marked=MARKED).loss
    found.backward()
    assert found.isfinite()
    assert leaf.grad.isfinite().all()
    assert leaf.grad[0, 1] == leaf.grad[2, 6] == 0
    other = logits.clone()
    other[0, 1] = other[2, 6] = 9.0
    judged = relevance.clone()
    judged[0, 1] = judged[2, 6] = 5.0
    again = outcome(other, judged, answers, **options, marked=MARKED).loss
    assert again.item() == pytest.approx(found.item(), abs=1e-12)


@pytest.mark.parametrize("name", [name for name, spec in LOSSES.items() if spec.promotes])
def test_promoted_duplicates_are_pulled_by_their_share(name):
    logits, relevance, answers = drawn()
    options = {"loss": section(name, duplicates="promote"), "weights": WeightsSection()}
    plain = outcome(logits, relevance, answers, loss=section(name), weights=WeightsSection()).loss
    lead = (logits[0, 3] - logits[0, 1] + logits[2, 4] - logits[2, 6]) / 5
    found = outcome(logits, relevance, answers, **options, marked=MARKED).loss
    assert found.item() == pytest.approx((plain + 0.3 * lead).item(), abs=1e-12)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "bce", "duplicates": "promote"}, "may leave out what is promoted"),
        ({"name": "top-k", "duplicates": "promote"}, "may leave out what is promoted"),
        ({"name": "shifted", "duplicates": "promote"}, "loss.mask to none"),
        (
            {"name": "promoted", "duplicates": "promote", "promotion": 0.8},
            "leave nothing for the query's own",
        ),
        ({"name": "margin-mask", "mask": "none"}, "nothing to do"),
        ({"name": "margin-mask", "mask": "relative", "relative_margin": -0.1}, "relative_margin"),
        ({"name": "promoted", "promotion": 1.0}, "promotion"),
        ({"name": "debiased", "prior": 1.0}, "prior"),
        ({"name": "tilted", "tilt": 1e39}, "tilt"),
    ],
)
def test_settings_that_do_not_fit_are_refused(changes, said):
    from softnce.config.file import validated

    with pytest.raises(ConfigError) as caught:
        validated({"data": {"path": "pairs"}, "loss": changes})
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        (
            {"loss": {"name": "debiased"}, "encoder": {"similarity": "dot"}},
            "loss.prior needs cosines",
        ),
        (
            {
                "loss": {"name": "margin-mask", "mask": "relative"},
                "weights": {"bm25": {"variant": "official"}},
            },
            "a true zero",
        ),
        ({"loss": {"name": "tilted", "trust_rank": 2}}, "compares queries with queries"),
    ],
)
def test_scores_that_do_not_fit_are_refused(sections, said):
    from softnce.config.file import validated

    with pytest.raises(ConfigError) as caught:
        validated({"data": {"path": "pairs"}, **sections})
    assert said in str(caught.value)


# --- relief


def relieved(name, relevance, logits, marked=None, **changes):
    leaf = logits.clone().requires_grad_()
    found = outcome(
        leaf,
        relevance,
        torch.arange(len(logits)),
        loss=section(name, **changes),
        weights=WeightsSection(temperature=0.1, **({"alpha": -3.0} if name == "hard" else {})),
        marked=marked,
    )
    found.loss.backward()
    return found.relief().item()


def test_relief_tells_the_sign_of_every_loss():
    draw = torch.Generator().manual_seed(8)
    logits = torch.randn(12, 12, generator=draw)
    relevance = torch.rand(12, 12, generator=draw)
    assert relieved("tilted", relevance, logits, tilt=-3.0) > 0.02
    assert relieved("tilted", relevance, logits, tilt=3.0) < -0.02
    assert relieved("tilted", relevance, logits, tilt=0.0) == pytest.approx(0, abs=1e-6)
    assert relieved("soft-infonce", relevance, logits) > 0.02
    assert relieved("margin-mask", relevance, logits, margin=-0.3) > 0.02
    assert relieved("promoted", relevance, logits, promotion=0.5) > 0.02
    assert relieved("top-k", relevance, logits) > 0.02
    assert relieved("debiased", None, logits) == pytest.approx(0, abs=1e-6)
    assert relieved("infonce", None, logits, symmetric=True) == pytest.approx(0, abs=1e-6)
    marked = torch.rand(12, 12, generator=draw) < 0.1
    assert relieved("infonce", None, logits, marked, duplicates="mask") > 0.02
    assert relieved("infonce", None, logits, marked, duplicates="promote") > 0.02


def test_relief_is_the_share_of_gradient_that_is_taken():
    answers = torch.tensor([0])
    baseline = torch.tensor([[-1.0, 0.5, 0.3, 0.2]])
    gradient = torch.tensor([[-0.6, 0.1, 0.3, 0.2]])
    relevance = torch.tensor([[9.0, 0.8, 0.2, 0.1]])
    found = relief(gradient, baseline, relevance, answers)
    assert found.item() == pytest.approx(0.5 - 0.1 / 0.6)
