"""Today's losses inside sentence-transformers: their values, and training with its trainer."""

import math
import random

import pytest
import torch
from datasets import Dataset
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.sentence_transformer.losses import (
    GISTEmbedLoss,
    MultipleNegativesRankingLoss,
)
from sentence_transformers.sentence_transformer.modules import StaticEmbedding

from softnce.encoders.static import train_tokenizer
from softnce.errors import ConfigError
from softnce.losses.st_adapter import ShiftedInfoNCELoss
from softnce.losses.st_columns import Guide, duplicates
from tests.conftest import made_pair

ROWS = 9


@pytest.fixture(scope="module")
def texts():
    draw = random.Random(3)
    made = [made_pair(number, draw) for number in range(3 * ROWS)]
    codes = [row["code"] for row in made]
    return [row["query"] for row in made[:ROWS]], codes[:ROWS], codes[ROWS : 2 * ROWS]


def both(model, texts, columns, ours, theirs):
    features = [model.preprocess(list(side)) for side in texts[:columns]]
    with torch.no_grad():
        return (loss([dict(one) for one in features], None).item() for loss in (ours, theirs))


@pytest.mark.parametrize("columns", [2, 3])
@pytest.mark.parametrize(
    ("directions", "partition", "named"),
    [
        ("qc", "joint", ("query_to_doc",)),
        ("qc+qq+cc", "joint", ("query_to_doc", "query_to_query", "doc_to_doc")),
        ("qc+cq", "per_direction", ("query_to_doc", "doc_to_query")),
    ],
)
def test_it_is_multiple_negatives_ranking(model, texts, columns, directions, partition, named):
    ours = ShiftedInfoNCELoss(model, directions=directions, partition=partition)
    theirs = MultipleNegativesRankingLoss(model, directions=named, partition_mode=partition)
    found, wanted = both(model, texts, columns, ours, theirs)
    assert found == pytest.approx(wanted, abs=1e-5)


def test_the_tilt_is_st_s_hardness(model, texts):
    ours = ShiftedInfoNCELoss(model, strength=9.0)
    theirs = MultipleNegativesRankingLoss(
        model, hardness_mode="in_batch_negatives", hardness_strength=9.0
    )
    found, wanted = both(model, texts, 2, ours, theirs)
    assert found == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize(
    ("strategy", "margin", "ours"),
    [("absolute", 0.6, {"margin": -0.6}), ("relative", 0.3, {"margin": 0.3, "relative": True})],
)
def test_the_mask_of_a_guide_is_gist(model, guide, texts, strategy, margin, ours):
    mine = ShiftedInfoNCELoss(model, estimator=Guide(guide, model), **ours)
    theirs = GISTEmbedLoss(
        model,
        guide,
        temperature=0.05,
        margin_strategy=strategy,
        margin=margin,
        contrast_anchors=False,
        contrast_positives=False,
    )
    found, wanted = both(model, texts, 2, mine, theirs)
    assert found == pytest.approx(wanted, abs=1e-5)


def test_gist_in_three_directions(model, guide, texts):
    """ST masks by the guide's similarity within a side, ours by that of query and code."""
    mine = ShiftedInfoNCELoss(
        model, estimator=Guide(guide, model), margin=0.0, directions="qc+qq+cc"
    )
    found, plain = both(model, texts, 2, mine, ShiftedInfoNCELoss(model, directions="qc+qq+cc"))
    assert 0 < found <= plain


@pytest.mark.parametrize("margin", [-0.1])
def test_st_keeps_an_anchor_as_its_own_negative(model, texts, margin):
    """With a margin below 0 ST's mask spares the anchor itself, whose cosine is 1."""
    columns = [model.preprocess(list(side)) for side in (texts[1], texts[1])]  # all positives at 1
    theirs = GISTEmbedLoss(model, model, temperature=0.05, margin=margin, contrast_positives=False)
    with torch.no_grad():
        found = theirs([dict(one) for one in columns], None).item()
        ours = ShiftedInfoNCELoss(model, margin=-margin, directions="qc+qq")(columns).item()
    assert found > math.log(2)
    assert ours < found


def test_duplicates_are_known_by_their_tokens(model, texts):
    queries, codes = [*texts[0][:3], texts[0][0]], [*texts[1][:3], texts[1][2]]
    columns = [model.preprocess(side) for side in (queries, codes)]
    marked = duplicates(columns, torch.zeros(4, 4))
    off = marked & ~torch.eye(4, dtype=torch.bool)
    assert off.nonzero().tolist() == [[0, 3], [2, 3], [3, 0], [3, 2]]
    with torch.no_grad():
        plain, masked, promoted = (
            ShiftedInfoNCELoss(model, known_duplicates=one)(columns).item()
            for one in ("keep", "mask", "promote")
        )
    assert masked < plain
    assert promoted != plain


def test_pairs_that_the_guide_does_not_confirm_count_for_nothing(model, texts):
    columns = [model.preprocess(list(side)) for side in (texts[0], [*texts[1][1:], texts[1][0]])]
    with torch.no_grad():
        loss = ShiftedInfoNCELoss(model, trust_rank=1, trust_least=0.99)(columns)
        soft = ShiftedInfoNCELoss(model, trust_rank=8, trust_softness=0.02)(columns)
    assert loss == 0
    assert soft > 0
    with pytest.raises(ConfigError, match=r"loss\.trust_softness=-1"):
        ShiftedInfoNCELoss(model, trust_rank=1, trust_softness=-1)


def test_it_trains_with_st_s_trainer(texts, tmp_path):
    tokenizer = train_tokenizer([*texts[0], *texts[1]], vocabulary=300, max_length=32)
    torch.manual_seed(0)
    static = SentenceTransformer(
        modules=[StaticEmbedding(tokenizer, embedding_dim=16)], device="cpu"
    )
    loss = ShiftedInfoNCELoss(
        static, strength=-1.0, prior=0.02, directions="qc+qq", known_duplicates="mask"
    )
    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(tmp_path),
        num_train_epochs=8,
        per_device_train_batch_size=ROWS,
        learning_rate=0.05,
        report_to=[],
        save_strategy="no",
        logging_steps=1,
        use_cpu=True,
    )
    data = Dataset.from_dict({"anchor": list(texts[0]), "positive": list(texts[1])})
    trainer = SentenceTransformerTrainer(
        model=static, args=arguments, train_dataset=data, loss=loss
    )
    trainer.train()
    losses = [one["loss"] for one in trainer.state.log_history if "loss" in one]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"share": 1.0}, "leaves nothing"),
        ({"prior": 1.0}, "leaves no negatives"),
        ({"strength": 1e39}, "overflows float32"),
        ({"margin": 0.1, "share": 0.1}, "the mask drops"),
        ({"directions": "qc+qd"}, "directions='qd': unknown"),
        ({"partition": "both"}, "partition='both': unknown"),
        ({"known_duplicates": "drop"}, "known_duplicates='drop': unknown"),
        ({"loss_temperature": 0.0}, "out of range"),
    ],
)
def test_a_wrong_setting_is_refused_at_once(model, settings, said):
    with pytest.raises(ConfigError, match=said):
        ShiftedInfoNCELoss(model, **settings)


def test_a_guide_of_another_vocabulary_is_refused(model, texts):
    tokenizer = train_tokenizer(list(texts[0]), vocabulary=100, max_length=32)
    static = SentenceTransformer(
        modules=[StaticEmbedding(tokenizer, embedding_dim=8)], device="cpu"
    )
    with pytest.raises(ConfigError, match="another vocabulary"):
        Guide(static, model)
