"""The loss inside sentence-transformers: its values, and training with the real trainer."""

import math
import random

import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from sentence_transformers.sentence_transformer.modules import StaticEmbedding

from softnce.encoders.static import train_tokenizer
from softnce.errors import ConfigError, RunError
from softnce.losses.infonce import similarity, soft_info_nce
from softnce.losses.st_adapter import AnchorBM25, SoftInfoNCELoss
from softnce.weights.bm25 import BM25Estimator
from softnce.weights.weighting import negative_weights, standardised
from tests.conftest import made_pair

SPECIAL = {0, 100, 101, 102, 103}


@pytest.fixture(scope="module")
def texts():
    draw = random.Random(3)
    rows = [made_pair(number, draw) for number in range(40)]
    return [row["query"] for row in rows], [row["code"] for row in rows]


def features(model, *columns):
    return [model.preprocess(list(column)) for column in columns]


def vectors(model, column):
    return model(dict(column))["sentence_embedding"]


def test_it_equals_the_package_s_own_loss_on_the_same_batch(model, texts):
    queries, codes = texts[0][:12], texts[1][:12]
    columns = features(model, queries, codes)
    found = SoftInfoNCELoss(model, alpha=1.3, beta=0.7, temperature=0.5)(columns)
    ids = [[one for one in row if one not in SPECIAL] for row in columns[0]["input_ids"].tolist()]
    rows = torch.arange(12)
    relevance = standardised(BM25Estimator(ids).relevance(rows, rows))
    weights = negative_weights(relevance, alpha=1.3, beta=0.7, temperature=0.5)
    assert weights.min() < 0.9
    logits = similarity(*(vectors(model, one) for one in columns), kind="cosine") / 0.05
    assert found.item() == pytest.approx(soft_info_nce(logits, weights, rows).item(), abs=1e-5)


@pytest.mark.parametrize("columns", [2, 3])
@pytest.mark.parametrize("estimator", ["bm25", "self"])
def test_without_alpha_it_is_multiple_negatives_ranking(model, texts, columns, estimator):
    queries, codes = texts
    batch = features(model, *(queries[:8], codes[:8], codes[8:16])[:columns])
    found = SoftInfoNCELoss(model, alpha=0, estimator=estimator)(batch)
    wanted = MultipleNegativesRankingLoss(model, scale=20)(batch, None)
    assert found.item() == pytest.approx(wanted.item(), abs=1e-6)


def test_a_repeated_anchor_stops_pushing_its_other_answer_away(model, texts):
    queries, codes = [*texts[0][:6], texts[0][0]], texts[1][:7]
    batch = features(model, queries, codes)
    plain = SoftInfoNCELoss(model, alpha=0)(batch)
    assert SoftInfoNCELoss(model, temperature=0.2)(batch) < plain


def explicit(model, texts, relevance):
    """Return the loss of six rows with an explicit negative each, and (6, 12) similarities."""
    queries, codes = texts
    batch = features(model, queries[:6], codes[:6], codes[6:12])
    found = SoftInfoNCELoss(model, estimator=lambda *given: relevance(*given))(batch)
    first, *rest = (vectors(model, one) for one in batch)
    return found.item(), similarity(first, torch.cat(rest), kind="cosine").detach()


def weighted(pairwise, scores):
    weights = negative_weights(scores, alpha=1, beta=1, temperature=1)
    return soft_info_nce(pairwise / 0.05, weights, torch.arange(6)).item()


def test_explicit_negatives_are_weighted_and_counted(model, texts):
    seen = []

    def relevance(columns, similarities):
        seen.append((len(columns), tuple(similarities.shape), similarities.requires_grad))
        return similarities

    found, pairwise = explicit(model, texts, relevance)
    assert found == pytest.approx(weighted(pairwise, standardised(pairwise)), abs=1e-5)
    assert seen == [(3, (6, 12), False)]


def test_explicit_negatives_that_an_estimator_leaves_out_score_the_mean(model, texts):
    found, pairwise = explicit(model, texts, lambda _, similarities: similarities[:, :6])
    scores = standardised(pairwise[:, :6])
    others = scores.clone().fill_diagonal_(0).sum(dim=1, keepdim=True) / 5
    filled = torch.cat([scores, others.expand(6, 6)], dim=1)
    assert found == pytest.approx(weighted(pairwise, filled), abs=1e-6)
    assert found != pytest.approx(weighted(pairwise, standardised(filled)), abs=1e-6)


@pytest.mark.parametrize("estimator", ["bm25", "self"])
def test_one_row_with_explicit_negatives_has_a_loss(model, texts, estimator):
    batch = features(model, texts[0][:1], texts[1][:1], texts[1][1:2], texts[1][2:3])
    assert SoftInfoNCELoss(model, estimator=estimator)(batch).isfinite()


def test_a_batch_too_small_for_alpha_is_plain_and_says_so(model, texts):
    batch = features(model, texts[0][:2], texts[1][:2])
    with pytest.warns(UserWarning, match="batch of 2 is too small for alpha=1 and beta=1"):
        found = SoftInfoNCELoss(model)(batch)
    assert found.item() == pytest.approx(SoftInfoNCELoss(model, alpha=0)(batch).item(), abs=1e-6)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"alpha": math.inf}, "alpha=inf must be a number"),
        ({"alpha": math.nan}, "alpha=nan must be a number"),
        ({"beta": 0}, "beta=0"),
        ({"loss_temperature": 0}, "loss_temperature=0 above 0"),
        ({"temperature": 0}, "weights.temperature=0 is out of range"),
        ({"floor": 2}, "weights.floor=2 is out of range"),
        ({"estimator": "bm52"}, "estimator='bm52': unknown; give bm25, self, or a function"),
        ({"kind": "cos"}, "kind='cos': unknown; give cosine or dot"),
        ({"scale": "standardized"}, "scale='standardized': unknown; give raw or standardised"),
        ({"alpha": math.inf}, "alpha=inf"),
    ],
)
def test_a_wrong_setting_is_refused_at_once(model, settings, said):
    with pytest.raises(ConfigError, match=said):
        SoftInfoNCELoss(model, **settings)


def test_scores_that_are_no_numbers_are_named_with_their_source(model, texts):
    def of_my_own(columns, similarities):
        assert len(columns) == 2
        return torch.full_like(similarities, math.nan)

    loss = SoftInfoNCELoss(model, estimator=of_my_own)
    with pytest.raises(RunError, match="of_my_own: 16 of 16 scores are NaN"):
        loss(features(model, texts[0][:4], texts[1][:4]))


def test_a_static_model_of_the_library_is_trained_with_it(texts):
    tokenizer = train_tokenizer([*texts[0], *texts[1]], vocabulary=400, max_length=32)
    static = SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=16)])
    batch = [static.preprocess(column[:8]) for column in texts]
    loss = SoftInfoNCELoss(static, temperature=0.5)(batch)
    loss.backward()
    assert static[0].embedding.weight.grad.abs().sum() > 0
    assert loss.item() != SoftInfoNCELoss(static, alpha=0)(batch).item()


def test_one_column_is_refused(model, texts):
    with pytest.raises(ConfigError, match="two columns"):
        SoftInfoNCELoss(model)(features(model, texts[0][:4]))


def test_scores_of_another_shape_are_refused(model, texts):
    loss = SoftInfoNCELoss(model, estimator=lambda _, similarities: similarities[:2])
    with pytest.raises(ConfigError, match=r"shape \(2, 4\), not \(4, 4\)"):
        loss(features(model, texts[0][:4], texts[1][:4]))


@pytest.mark.parametrize(
    "column",
    [
        {"input_ids": torch.tensor([[1, 5, 6, 2], [1, 7, 2, 0]]),
         "attention_mask": torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]])},
        {"input_ids": torch.tensor([1, 5, 6, 2, 1, 7, 2]), "offsets": torch.tensor([0, 4])},
        {"input_ids": torch.tensor([[1, 5, 6, 2, 1, 7, 2]]),
         "cu_seq_lens_q": torch.tensor([0, 4, 7], dtype=torch.int32)},
    ],
    ids=["padded", "static", "flattened"],
)  # fmt: skip
def test_terms_are_read_from_every_layout_of_token_ids(column):
    rows = torch.arange(2)
    wanted = BM25Estimator([[5, 6], [7]]).relevance(rows, rows)
    assert torch.equal(AnchorBM25({0, 1, 2})([column], torch.empty(2, 2)), wanted)


def test_the_paper_s_formula_can_be_chosen(model, texts):
    columns = features(model, texts[0][:9], texts[1][:9])
    ids = [[one for one in row if one not in SPECIAL] for row in columns[0]["input_ids"].tolist()]
    official = AnchorBM25(SPECIAL, variant="official", average_length=9)
    rows = torch.arange(9)
    wanted = BM25Estimator(ids, variant="official", average_length=9).relevance(rows, rows)
    assert torch.equal(official(columns, torch.empty(9, 9)), wanted)


def trained(model, texts, folder, **settings):
    """Train a few steps with the real trainer; return the logged losses."""
    datasets = pytest.importorskip("datasets", reason="the trainer needs datasets")
    pytest.importorskip("accelerate", reason="the trainer needs accelerate")
    from sentence_transformers import (
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )

    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(folder),
        max_steps=8,
        per_device_train_batch_size=16,
        learning_rate=1e-4,
        warmup_steps=0,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        dataloader_drop_last=True,
        seed=1,
    )
    pairs = datasets.Dataset.from_dict({"anchor": texts[0], "positive": texts[1]})
    loss = SoftInfoNCELoss(model, **settings)
    trainer = SentenceTransformerTrainer(
        model=model, args=arguments, train_dataset=pairs, loss=loss
    )
    trainer.train()
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ["bm25", "self"])
def test_the_real_trainer_trains_with_it(minilm, texts, tmp_path, estimator):
    model = SentenceTransformer(str(minilm), device="cpu")
    model.max_seq_length = 48
    losses = trained(model, texts, tmp_path, estimator=estimator)
    assert len(losses) == 8
    assert all(map(math.isfinite, losses))
    assert sum(losses[-3:]) < 0.8 * sum(losses[:3])
