"""Two real processes over gloo do exactly what one process does with the whole batch."""

import os
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.distributed as dist

from softnce.config.sections.estimators import MixtureSection
from softnce.config.sections.method import LossSection, WeightsSection
from softnce.data.batching import negative_rows
from softnce.encoders.static import static_encoder, train_tokenizer
from softnce.ragged import ragged
from softnce.training.gather import Workers
from softnce.training.step import Batch, Objective, Texts
from softnce.weights.bm25 import BM25Estimator, terms
from softnce.weights.mixture import MixtureEstimator
from softnce.weights.weighting import standardised
from tests.softnce.distributed.two_workers import run_by_two

PAIRS = 40
ROWS = np.random.default_rng(5).permutation(PAIRS)[:32]
QUERIES = [f"read {'the ' * (n % 5)}file number{n % 7} of list{n % 3}" for n in range(PAIRS)]
NEGATIVES = [f"def write_{n % 5}(list{n % 3}): return {'y ' * (n % 6)}" for n in range(2 * PAIRS)]
CODES = [f"def read_{n % 7}(list{n % 3}): return {n} {'x ' * (n % 4)}" for n in range(PAIRS)]
CASES = {
    "infonce": {"name": "infonce"},
    "symmetric infonce": {"name": "infonce", "symmetric": True},
    "raw": {},
    "standardised": {},
    "self": {},
    "raw self": {},
    "symmetric": {"symmetric": True},
    "symmetric self": {"symmetric": True},
    "bce": {"name": "bce"},
    "bce of negatives": {"name": "bce", "bce_negatives": "negatives"},
    "weighted-infonce": {"name": "weighted-infonce"},
    "kl-infonce": {"name": "kl-infonce"},
    "top-k": {"name": "top-k", "top_k": 3},
    "dynamic-threshold": {"name": "dynamic-threshold"},
    "mixture with self": {},
    "raw mixture with self": {},
    "hard infonce": {"name": "infonce"},
    "hard": {},
    "hard raw": {},
    "hard self": {},
    "hard symmetric": {"symmetric": True},
    "hard mixture with self": {},
    "hard kl-infonce": {"name": "kl-infonce"},
    "margin-mask": {"name": "margin-mask", "margin": 0.5},
    "hard tilted": {"name": "tilted", "tilt": -2.0},
    "tilted self": {"name": "tilted", "tilt": 3.0},
    "debiased": {"name": "debiased", "prior": 0.05},
    "promoted": {"name": "promoted", "promotion": 0.3},
    "hard shifted": {"name": "shifted", "tilt": -1.0, "prior": 0.02},
    "joint infonce": {"name": "infonce", "directions": "qc+qq+cq+cc"},
    "hard joint": {"directions": "qc+qq+cc"},
    "hard apart": {"directions": "qc+cq+cc", "partition": "per_direction"},
    "trusted self": {"name": "shifted", "trust_rank": 2, "trust_least": -0.5},
    "softly trusted self": {"name": "shifted", "trust_rank": 2, "trust_softness": 0.1},
    "masked duplicates": {"duplicates": "mask"},
    "hard joint masked": {"name": "infonce", "directions": "qc+qq", "duplicates": "mask"},
    "guided infonce": {"name": "infonce"},
    "guided tilted self": {"name": "tilted", "tilt": -2.0, "directions": "qc+cc"},
    "promoted duplicates infonce": {"name": "infonce", "duplicates": "promote"},
}


def built() -> tuple:
    tokenizer = train_tokenizer(QUERIES + CODES, vocabulary=300, max_length=16)
    generator = torch.Generator().manual_seed(3)
    encoder = static_encoder(tokenizer, dimensions=8, similarity="cosine", generator=generator)
    return encoder, encoder.tokenize(QUERIES), encoder.tokenize(CODES)


def batch_for(workers: Workers, case: str, scored: np.ndarray) -> Batch:
    """Estimate relevance as the loop does, and mark duplicates where the loss asks for them."""
    batch = estimated(workers, case, scored)
    if "guided" in case:  # by functions of other training pairs
        batch = replace(batch, negatives=(ROWS + 1) % PAIRS)
    if "duplicates" not in CASES[case]:
        return batch
    columns = np.concatenate([ROWS, negative_rows(ROWS, 2 if "hard" in case else 0) + PAIRS])
    marked = torch.from_numpy(scored[:, None] % 11 == columns[None] % 11)
    return replace(batch, marked=marked)


def estimated(workers: Workers, case: str, scored: np.ndarray) -> Batch:
    """Estimate relevance: raw for one's own rows, standardised over all."""
    if CASES[case].get("name") in ("infonce", "debiased") or estimator_of(case) == "self":
        return Batch(ROWS, None)
    documents = [terms(text) for text in CODES + NEGATIVES] if "hard" in case else None
    estimator = BM25Estimator([terms(text) for text in QUERIES], documents=documents)
    everyone, own = torch.from_numpy(ROWS), torch.from_numpy(scored)
    hard = torch.from_numpy(negative_rows(ROWS, 2 if documents else 0)) + PAIRS
    candidates = torch.cat([everyone, hard])
    if "mixture" in case:
        mixed = MixtureEstimator({"bm25": estimator}, {"bm25": 3, "self": 1}, pairs=PAIRS)
        return Batch(ROWS, mixed.relevance(everyone, candidates))
    if "raw" in case:
        return Batch(ROWS, estimator.relevance(own, candidates))
    whole = standardised(estimator.relevance(everyone, candidates))
    if len(own) == len(everyone):
        return Batch(ROWS, whole)
    return Batch(ROWS, whole.view(workers.world, -1, len(candidates))[workers.rank])


def estimator_of(case: str) -> str:
    return next((name for name in ("mixture", "self") if name in case), "bm25")


def stepped(workers: Workers, case: str) -> dict[str, torch.Tensor]:
    """Take one step's loss and averaged gradients."""
    encoder, queries, codes = built()
    objective = Objective(
        "cosine",
        LossSection(**CASES[case]),
        WeightsSection(
            estimator=estimator_of(case),
            mixture=MixtureSection(bm25=3, teacher=0, self=1),
            scale="raw" if "raw" in case else "standardised",
            alpha=1.5,
            beta=0.5,
            temperature=0.7,
        ),
        workers,
    )
    batch = batch_for(workers, case, objective.scored(ROWS))
    hard = encoder.tokenize(NEGATIVES) if "hard" in case else ragged([])
    outcome = objective.outcome(encoder, Texts(queries, codes, hard), batch)
    outcome.loss.backward()
    parameters = list(encoder.model.parameters())
    workers.average_gradients(parameters)
    found = {f"gradient{i}": one.grad for i, one in enumerate(parameters)}
    found["loss"] = workers.mean(outcome.loss.detach())
    found["relief"] = workers.mean(outcome.relief())
    return found


def exchanged(workers: Workers) -> dict[str, torch.Tensor]:
    """Take what the workers agree on."""
    broken = torch.tensor([1.0, float("nan") if workers.rank == 1 else 2.0])
    return {
        "agreed": torch.tensor(workers.agree([float(workers.rank), 0.1])),
        "mean": workers.mean(torch.tensor([float(workers.rank), 4.0])),
        "broken": workers.mean(broken),
        "share": torch.from_numpy(workers.share(np.arange(6))),
    }


def be_a_worker(port: str, folder: str, rank: int) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=port)
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=2)
    workers = Workers(rank, 2)
    found = {case: stepped(workers, case) for case in CASES} | {"exchanged": exchanged(workers)}
    torch.save(found, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """What each of two workers found."""
    folder = tmp_path_factory.mktemp("two")
    run_by_two(__file__, folder)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in (0, 1)]


@pytest.mark.parametrize("case", CASES)
def test_loss_and_gradients_are_those_of_one_process(two, case):
    alone = stepped(Workers(), case)
    assert alone["gradient0"].abs().max() > 1e-3
    for found in two:
        for name, wanted in alone.items():
            torch.testing.assert_close(found[case][name], wanted, atol=1e-5, rtol=1e-5)


def test_the_weights_matter_in_this_test():
    losses = {case: float(stepped(Workers(), case)["loss"]) for case in CASES}
    assert len({round(loss, 4) for loss in losses.values()}) == len(CASES)


@pytest.mark.parametrize("rank", [0, 1])
def test_workers_agree_on_what_the_first_says(two, rank):
    assert two[rank]["exchanged"]["agreed"].tolist() == pytest.approx([0.0, 0.1])


@pytest.mark.parametrize("rank", [0, 1])
def test_what_is_not_finite_on_one_worker_is_so_on_all(two, rank):
    assert two[rank]["exchanged"]["mean"].tolist() == [0.5, 4.0]
    assert two[rank]["exchanged"]["broken"].isfinite().tolist() == [True, False]


def test_every_row_is_shared_out_once_in_order(two):
    assert torch.cat([one["exchanged"]["share"] for one in two]).tolist() == list(range(6))


def test_alone_everything_stays_as_it_is():
    alone, vectors = Workers(), torch.ones(2, 3)
    assert alone.gather(vectors) is vectors
    assert alone.agree([3.0]) == [3.0]
    assert alone.share(np.arange(4)).tolist() == [0, 1, 2, 3]


if __name__ == "__main__":
    be_a_worker(sys.argv[1], sys.argv[2], int(sys.argv[3]))
