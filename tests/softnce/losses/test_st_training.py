"""Every loss of today trains in sentence-transformers' own trainer, without the rest of softnce."""

import json
import random
import subprocess
import sys

import pytest
import torch
from datasets import Dataset
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.sentence_transformer.modules import StaticEmbedding

from softnce.encoders.static import train_tokenizer
from softnce.losses.st_adapter import ShiftedInfoNCELoss, SoftInfoNCELoss
from tests.conftest import made_pair

LOSSES = [
    (SoftInfoNCELoss, {"alpha": 1.3, "beta": 0.7, "estimator": "bm25"}),
    (SoftInfoNCELoss, {"alpha": -2.0, "estimator": "self", "temperature": 0.2}),
    (ShiftedInfoNCELoss, {}),
    (ShiftedInfoNCELoss, {"margin": 0.1, "directions": "qc+qq+cc"}),
    (ShiftedInfoNCELoss, {"margin": 0.05, "relative": True}),
    (ShiftedInfoNCELoss, {"strength": 5.0}),
    (ShiftedInfoNCELoss, {"strength": -5.0, "estimator": "bm25", "scale": "standardised"}),
    (ShiftedInfoNCELoss, {"prior": 0.02}),
    (ShiftedInfoNCELoss, {"share": 0.3}),
    (ShiftedInfoNCELoss, {"trust_rank": 20, "trust_least": -1.0}),
    (ShiftedInfoNCELoss, {"known_duplicates": "mask"}),
    (ShiftedInfoNCELoss, {"known_duplicates": "promote"}),
    (ShiftedInfoNCELoss, {"directions": "qc+qq+cq+cc", "partition": "per_direction"}),
]


@pytest.fixture(scope="module")
def rows():
    draw = random.Random(3)
    made = [made_pair(number, draw) for number in range(48)]
    queries, codes = [row["query"] for row in made], [row["code"] for row in made]
    queries[1] = queries[0]  # a duplicate, for those that know of some
    return {"anchor": queries[:24], "positive": codes[:24], "negative": codes[24:]}


@pytest.mark.long
@pytest.mark.parametrize("columns", [2, 3])
@pytest.mark.parametrize(("kind", "settings"), LOSSES, ids=str)
def test_five_steps_of_the_real_trainer(rows, tmp_path, kind, settings, columns):
    texts = [text for column in rows.values() for text in column]
    tokenizer = train_tokenizer(texts, vocabulary=300, max_length=32)
    torch.manual_seed(0)
    model = SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=8)], device="cpu")
    before = model[0].embedding.weight.detach().clone()
    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(tmp_path), max_steps=5, per_device_train_batch_size=8, learning_rate=0.05,
        report_to=[], save_strategy="no", logging_steps=1, use_cpu=True,
        dataloader_drop_last=True, disable_tqdm=True,
    )  # fmt: skip
    data = Dataset.from_dict({name: rows[name] for name in list(rows)[:columns]})
    loss = kind(model, **settings)
    trainer = SentenceTransformerTrainer(model=model, args=arguments, train_dataset=data, loss=loss)
    trainer.train()
    losses = [one["loss"] for one in trainer.state.log_history if "loss" in one]
    assert len(losses) == 5
    assert all(0 < one < 100 for one in losses)
    assert not torch.equal(before, model[0].embedding.weight)
    assert json.dumps(loss.get_config_dict())


def test_no_other_part_of_softnce_is_imported():
    """What it stands on are losses, weights, and the small modules below these."""
    script = (
        "import sys, json\nfrom softnce.losses.st_adapter import ShiftedInfoNCELoss\n"
        "print(json.dumps([one for one in sys.modules if one.startswith('softnce.')]))"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    rooms = {one.split(".")[1] for one in json.loads(ended.stdout)}
    floor = {"errors", "formula", "plugins", "shapes", "weight_domain"}
    assert rooms <= {"losses", "weights", *floor}
