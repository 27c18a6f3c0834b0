"""The optimizer against transformers' own schedule and rule of decay."""

import pytest
import torch
from tokenizers import Tokenizer, models
from transformers import BertConfig, BertModel, get_linear_schedule_with_warmup

from softnce.config.sections.training import OptimSection
from softnce.encoders.static import static_encoder
from softnce.training.optimizer import adamw, rate_share, warmup_steps


def shares(steps, warmup):
    return [rate_share(step, steps=steps, warmup=warmup) for step in range(steps)]


def transformers_shares(steps, warmup):
    """Return the shares of transformers' schedule at the steps 0 to ``steps``."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = get_linear_schedule_with_warmup(optimizer, warmup, steps)
    found = []
    for _ in range(steps + 1):
        found.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    return found


@pytest.mark.parametrize(
    ("steps", "warmup"), [(1, 0), (1, 1), (2, 1), (7, 0), (8, 2), (9, 8), (10, 10)]
)
def test_the_rate_is_transformers_without_its_idle_first_step(steps, warmup):
    risen = transformers_shares(steps + 1, warmup)[1 : warmup + 1]  # one step more: to the peak
    fallen = transformers_shares(steps, warmup)[warmup:steps]
    assert shares(steps, warmup) == pytest.approx(risen + fallen)


@pytest.mark.parametrize("warmup", [0, 1, 5, 13])
def test_every_step_trains(warmup):
    found = shares(13, warmup)
    assert min(found) > 0
    assert max(found) == 1.0


@pytest.mark.parametrize(
    ("steps", "share", "wanted"),
    [(1, 0.0, 0), (1, 0.1, 1), (30, 0.1, 3), (31, 0.1, 4), (7, 1.0, 7), (1000, 0.007, 7)],
)
def test_a_share_of_the_steps_is_rounded_up(steps, share, wanted):
    assert warmup_steps(steps, share) == wanted


def decayed(model):
    """Return the names of the parameters that a weight decay reaches."""
    optimizer = adamw(model, OptimSection(weight_decay=0.25))
    reached = {
        id(one)
        for group in optimizer.param_groups
        if group["weight_decay"] > 0
        for one in group["params"]
    }
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(
        list(model.parameters())
    )
    return {name for name, one in model.named_parameters() if id(one) in reached}


def test_weight_decay_spares_biases_and_norms():
    shape = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 8}
    model = BertModel(BertConfig(num_hidden_layers=1, vocab_size=20, **shape))
    wanted = {
        name
        for name, _ in model.named_parameters()
        if not name.endswith("bias") and "LayerNorm" not in name
    }
    assert decayed(model) == wanted
    assert "embeddings.word_embeddings.weight" in wanted


def test_the_embeddings_of_a_static_encoder_decay():
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "read": 1}, unk_token="[UNK]"))
    generator = torch.Generator().manual_seed(0)
    encoder = static_encoder(tokenizer, dimensions=8, similarity="cosine", generator=generator)
    assert len(decayed(encoder.model)) == len(list(encoder.model.parameters())) == 1
