"""What only a GPU can show: the same numbers as on the CPU, no waiting, memory that is bounded."""

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertConfig

from softnce.config.config import Config
from softnce.config.file import with_overrides
from softnce.data.pairs import read_pairs
from softnce.encoders.packing.attention import packed_attention
from softnce.encoders.transformer import transformer_encoder
from softnce.inputs.prepare import prepare
from softnce.ragged import save_arrays
from softnce.training import loop
from softnce.training.gather import Workers
from tests.softnce.encoders.test_packing import CONFIGS, SHAPE, TEXTS, saved

pytestmark = pytest.mark.gpu
GPU = torch.device("cuda")
LOSSES = {
    "infonce": {"loss/name": "infonce"},
    "bm25": {"weights/estimator": "bm25"},
    "simcse": {"weights/estimator": "simcse"},
    "teacher": {"weights/estimator": "teacher"},
    "self": {"weights/estimator": "self"},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small BERT without dropout, which the two devices would draw differently."""
    config = BertConfig(**SHAPE, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    return saved(config, tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def prepared(made_pairs, folder, tmp_path_factory):
    config = config_of(folder, made_pairs)
    made = prepare(
        config, read_pairs(made_pairs), tmp_path_factory.mktemp("cache"), tell=lambda _: None
    )
    draw = np.random.default_rng(0)
    vectors = {
        name: draw.standard_normal((made.train, 32)).astype(np.float32)
        for name in ("queries", "codes")
    }
    save_arrays(Path(made.cache) / "vectors", vectors)
    return replace(made, vectors={"simcse": "vectors", "teacher": "vectors"})


def config_of(folder, pairs, **changes):
    base = {
        "data": {"path": str(pairs)},
        "encoder": {"kind": "transformer", "model": folder},
        "loss": {"name": "soft-infonce"},
        "optim": {"epochs": 1, "batch_size": 32, "learning_rate": 1e-3, "max_steps": 12},
    }
    paths = {path.replace("__", "/"): value for path, value in changes.items()}
    return with_overrides(Config.model_validate(base), paths)


@pytest.mark.parametrize("loss", LOSSES)
def test_an_epoch_is_that_of_the_cpu(prepared, made_pairs, folder, tmp_path, loss):
    config = with_overrides(config_of(folder, made_pairs), LOSSES[loss])
    reports = [
        next(loop.epochs(config, prepared, tmp_path / device, device=torch.device(device)))
        for device in ("cpu", "cuda")
    ]
    assert reports[1]["loss"] == pytest.approx(reports[0]["loss"], rel=2e-3)
    assert reports[1]["mrr"] == pytest.approx(reports[0]["mrr"], abs=0.02)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_step_never_waits_for_the_gpu(prepared, made_pairs, folder, tmp_path, loss, precision):
    config = config_of(folder, made_pairs, optim__precision=precision)
    config = with_overrides(config, LOSSES[loss])
    run = loop._started(config, prepared, tmp_path, Workers(), GPU)
    batches, texts = loop.loader_of(run), loop.texts_of(prepared)
    objective = loop._objective(run)
    ready = list(batches.prefetched(batches.drawn(1)[:6]))
    for number, batch in enumerate(ready):
        torch.cuda.set_sync_debug_mode("error" if number >= 2 else "default")
        try:
            with loop._autocast(run):
                outcome = objective.outcome(run.encoder, texts, batch)
            loop._descend(run, outcome.loss)
        finally:
            torch.cuda.set_sync_debug_mode("default")
    assert bool(torch.isfinite(outcome.loss))


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_packed_attention_is_attention_row_by_row(precision):
    draw = torch.Generator().manual_seed(0)
    lengths = [3, 1, 40, 17]
    ends = torch.tensor([0, 3, 4, 44, 61], dtype=torch.int32)
    parts = [torch.randn(1, 4, sum(lengths), 32, generator=draw) for _ in range(3)]
    found = []
    for device in ("cpu", "cuda"):
        heads = [one.detach().to(device, precision).requires_grad_() for one in parts]
        options = {"cu_seq_lens_q": ends.to(device), "max_length_q": max(lengths)}
        attended, _ = packed_attention(torch.nn.Identity(), *heads, None, **options)
        (attended.float() ** 2).sum().backward()
        found.append([attended, *(one.grad for one in heads)])
    slack = 1e-4 if precision == torch.float32 else 5e-2
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(theirs.cpu(), ours, atol=slack, rtol=slack)


@pytest.mark.parametrize("kind", CONFIGS)
def test_rows_are_packed_by_themselves(tmp_path, kind):
    encoder = transformer_encoder(saved(CONFIGS[kind], tmp_path))
    tokens = encoder.tokenize(TEXTS)
    wanted = encoder.encode_all(tokens)
    encoder.model.to(GPU)
    assert encoder.is_packed
    torch.testing.assert_close(encoder.encode_all(tokens), wanted, atol=1e-3, rtol=0)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_same_seed_gives_the_same_numbers(
    prepared, made_pairs, tmp_path, folder, precision, compiled
):
    config = config_of(folder, made_pairs, optim__precision=precision, optim__compile=compiled)
    config = with_overrides(config, LOSSES["bm25"])
    found = [
        next(loop.epochs(config, prepared, tmp_path / name, device=GPU)) for name in ("one", "two")
    ]
    assert not torch.is_deterministic_algorithms_warn_only_enabled()
    assert found[0]["loss"] == found[1]["loss"]
    assert found[0]["mrr"] == found[1]["mrr"]


def test_gradient_caching_bounds_the_memory(folder):
    draw = random.Random(0)
    texts = [" ".join(draw.choices("abc", k=40)) for _ in range(4000)]
    encoder = transformer_encoder(folder)
    encoder.model.to(GPU).train()
    tokens, peaks = encoder.tokenize(texts), []
    encoder.encode(tokens.take(np.arange(4))).sum().backward()
    for bound in (None, 8192):
        encoder.max_tokens_per_pass = bound
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        encoder.encode(tokens).logsumexp(dim=0).sum().backward()
        peaks.append(torch.cuda.max_memory_allocated() - before)
    assert peaks[1] < peaks[0] / 4


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("loss", ["infonce", "bm25"])
def test_recorded_passes_train_as_others_do(prepared, made_pairs, tmp_path, loss, compiled):
    """Dropout included: a replay draws what the pass would have drawn."""
    folder = saved(BertConfig(**SHAPE), tmp_path / "model")
    config = config_of(folder, made_pairs, optim__compile=compiled, optim__epochs=2)
    config = with_overrides(config, LOSSES[loss] | {"optim/precision": "bf16"})
    found = {}
    for recorded in ("never", "auto"):
        own = with_overrides(config, {"optim/cuda_graphs": recorded})
        found[recorded] = list(loop.epochs(own, prepared, tmp_path / recorded, device=GPU))
    for plain, replayed in zip(found["never"], found["auto"], strict=True):
        assert replayed["loss"] == pytest.approx(plain["loss"], rel=2e-2)
        assert replayed["mrr"] == pytest.approx(plain["mrr"], abs=0.05)


def test_a_size_is_recorded_when_it_is_met_again(folder):
    encoder = transformer_encoder(folder)
    encoder.model.to(GPU).train()
    encoder.record_passes()
    tokens = encoder.tokenize(TEXTS)
    found = []
    for _ in range(4):
        encoder.model.zero_grad(set_to_none=True)
        vectors = encoder.encode(tokens)
        (vectors @ vectors.T).logsumexp(dim=1).sum().backward()
        gradients = [one.grad.clone() for one in encoder.model.parameters() if one.grad is not None]
        found.append([vectors.detach(), *gradients])
        del vectors
    assert len(encoder._graphs._recorded) == 1
    for once in found[1:]:
        for ours, first in zip(once, found[0], strict=True):
            torch.testing.assert_close(ours, first, atol=1e-5, rtol=1e-3)
