"""Memory that runs out for real: the passes become smaller, the batch does not."""

import numpy as np
import pytest
import torch

from softnce.config.file import validated
from softnce.encoders.static import static_encoder, train_tokenizer
from softnce.ragged import ragged
from softnce.training.gather import Workers
from softnce.training.resource_errors import fitted
from softnce.training.step import Batch, Objective, Texts, differentiated

TEXTS = [f"read every row of table {number}" for number in range(12)]


@pytest.fixture
def encoder():
    tokenizer = train_tokenizer(TEXTS, vocabulary=300, max_length=32)
    made = static_encoder(
        tokenizer, dimensions=8, similarity="cosine", generator=torch.Generator().manual_seed(0)
    )
    made.model.train()
    return made


def greedy(encoder, tokens, fits):
    """Return an attempt that asks the machine for too much unless the passes are small."""

    def attempt():
        now = encoder.max_tokens_per_pass or tokens
        if now > fits:
            torch.empty(2**46, dtype=torch.float64)  # more than any machine gives
        return now

    return attempt


def test_passes_are_halved_until_they_fit_and_the_log_says_so(encoder, caplog):
    assert fitted(encoder, greedy(encoder, 1000, 300), tokens=1000, longest=50) == 250
    assert encoder.max_tokens_per_pass == 250
    assert "at most 500 tokens" in caplog.text
    assert "at most 250 tokens" in caplog.text


def test_a_bound_above_the_batch_is_no_bound(encoder):
    encoder.max_tokens_per_pass = 100_000
    attempt = greedy(encoder, 1000, 600)
    assert fitted(encoder, attempt, tokens=1000, longest=50) == 500


def test_a_text_that_does_not_fit_alone_ends_the_run(encoder):
    with pytest.raises(RuntimeError, match="allocate memory"):
        fitted(encoder, greedy(encoder, 1000, 10), tokens=1000, longest=200)
    assert encoder.max_tokens_per_pass == 125  # below the longest text nothing is left to halve


def test_another_error_is_not_tried_again(encoder):
    calls = []

    def attempt():
        calls.append(1)
        raise RuntimeError("a shape")

    with pytest.raises(RuntimeError, match="a shape"):
        fitted(encoder, attempt, tokens=1000, longest=50)
    assert len(calls) == 1


def test_smaller_passes_leave_loss_and_gradient_of_the_whole_batch(encoder):
    config = validated({"data": {"path": "x"}, "loss": {"name": "infonce"}})
    texts = Texts(encoder.tokenize(TEXTS), encoder.tokenize(TEXTS[::-1]), ragged([]))
    batch = Batch(np.arange(12), None)
    objective = Objective("cosine", config.loss, config.weights, Workers())
    found = []
    for bound in (None, 16):
        encoder.max_tokens_per_pass = bound
        outcome = differentiated(encoder, objective, texts, batch, precision="fp32")
        assert outcome.scored.logits.shape == (12, 12)
        found.append(
            (outcome.loss.item(), [one.grad.clone() for one in encoder.model.parameters()])
        )
    (loss, gradients), (same, again) = found
    assert same == pytest.approx(loss, abs=1e-6)
    for one, other in zip(again, gradients, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)


def test_the_tokens_of_a_batch_are_those_of_its_hard_negatives_too(encoder):
    tokens = encoder.tokenize(TEXTS)
    each = ragged([[1] * n for n in range(1, 25)])
    found = Texts(tokens, tokens, each).lengths(Batch(np.array([0, 3]), None))
    assert found[4:].tolist() == [1, 2, 7, 8]
