"""Steps of sentence-transformers' own trainer on given batches, with its best settings."""

import importlib.util
import tempfile
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.sentence_transformer.losses import (
    CachedMultipleNegativesRankingLoss,
    MultipleNegativesRankingLoss,
)
from torch.utils.data import BatchSampler, SequentialSampler
from transformers import PrinterCallback, TrainerCallback

from softnce.data.pairs import Pair

_models: dict[str, SentenceTransformer] = {}


class InOrder(SentenceTransformerTrainer):
    """Takes the rows as they come, so that both sides train on the same batches."""

    def get_batch_sampler(
        self,
        dataset: Dataset,
        batch_size: int,
        drop_last: bool,  # noqa: FBT001
        **_: Any,  # noqa: ANN401
    ) -> BatchSampler:
        """Return batches of consecutive rows."""
        return BatchSampler(SequentialSampler(dataset), batch_size, drop_last)


class Clock(TrainerCallback):
    """Notes when each step ends."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_step_end(self, *_: object, **__: object) -> None:
        """Wait for the device, then look at the clock."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.ends.append(time.perf_counter())


def trainer_seconds(
    model: str,
    pairs: Sequence[Pair],
    rows: np.ndarray,
    *,
    cached: int = 0,
    compiled: bool = False,
) -> float:
    """Train on some batches and return the seconds of a step, the first step left out.

    Args:
        model: folder of the encoder.
        pairs: of the training split.
        rows: (steps, n) those of each batch.
        cached: texts of a forward pass where the loss caches gradients; 0: it does not.
        compiled: whether the model is compiled.
    """
    flat = [pairs[row] for row in np.concatenate([rows[:1], rows]).reshape(-1)]
    dataset = Dataset.from_dict(
        {"query": [pair.query for pair in flat], "code": [pair.code for pair in flat]}
    )
    on_gpu = torch.cuda.is_available()
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        settings = SentenceTransformerTrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=rows.shape[1],
            max_steps=len(rows) + 1,
            learning_rate=1e-6,
            bf16=True,
            optim="adamw_torch_fused" if on_gpu else "adamw_torch",
            dataloader_num_workers=4 if on_gpu else 0,
            dataloader_drop_last=True,
            torch_compile=compiled,
            use_cpu=not on_gpu,
            logging_strategy="no",
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        loaded = _loaded(model)
        loss = (
            CachedMultipleNegativesRankingLoss(loaded, scale=20.0, mini_batch_size=cached)
            if cached
            else MultipleNegativesRankingLoss(loaded, scale=20.0)
        )
        trainer = InOrder(
            model=loaded, args=settings, train_dataset=dataset, loss=loss, callbacks=[clock]
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return (clock.ends[-1] - clock.ends[0]) / (len(clock.ends) - 1)


def _loaded(model: str) -> SentenceTransformer:
    if model not in _models:
        has_flash = torch.cuda.is_available() and importlib.util.find_spec("flash_attn")
        options = {"attn_implementation": "flash_attention_2", "dtype": torch.bfloat16}
        _models[model] = SentenceTransformer(model, model_kwargs=options if has_flash else {})
        _models[model].max_seq_length = 256
    return _models[model]
