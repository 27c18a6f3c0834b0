"""What a study is compared with besides InfoNCE: the encoder before training, and BM25.

They tell whether training is worth it at all. They are measured once, on the validation queries,
and lie in the study's folder.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from softnce.config.config import Config
from softnce.whole_files import write_json

if TYPE_CHECKING:
    import torch

    from softnce.data.pairs import PairSet
    from softnce.inputs.prepared import Prepared

UNTRAINED, BM25 = "encoder before training", "BM25"
_FILE = "baselines.json"
_SCORES_AT_ONCE = 2**24
Metrics = Mapping[str, float]


def store_baselines(
    root: Path,
    config: Config,
    prepared: "Prepared",
    pairs: "PairSet",
    *,
    tell: Callable[[str], None],
) -> None:
    """Measure what a study is compared with, unless it is known.

    Args:
        root: the study's folder.
        config: of the study.
        prepared: its inputs.
        pairs: its data.
        tell: is handed a sentence before work that takes long.
    """
    if stored_baselines(root):
        return
    if config.encoder.model:
        tell("scoring the encoder before training")
    found = {UNTRAINED: _untrained(config, prepared), BM25: _bm25(prepared, pairs)}
    write_json(root / _FILE, found)


def stored_baselines(root: Path) -> Mapping[str, Metrics]:
    """Return the metrics of each baseline by its name; empty before they are measured."""
    path = root / _FILE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {name: {k: float(v) for k, v in found[name].items()} for name in (UNTRAINED, BM25)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _untrained(config: Config, prepared: "Prepared") -> Metrics:
    from softnce.inputs.device import device_of
    from softnce.training.scoring import validate

    encoder = prepared.encoder(config.encoder, seed=config.optim.seed)
    encoder.model.to(_there(device_of(config)))
    return validate(encoder, prepared)


def _there(device: "torch.device") -> "torch.device":
    """Return the CPU where the trials' GPUs are on other machines."""
    import torch

    return device if torch.cuda.is_available() else torch.device("cpu")


def _bm25(prepared: "Prepared", pairs: "PairSet") -> Metrics:
    import torch

    from softnce.weights.bm25 import BM25Estimator, terms

    sample = prepared.validation_sample()
    queries = [terms(pairs.valid.texts[row]) for row in sample.queries]
    documents = [terms(pairs.candidates[row]) for row in sample.candidates]
    padding: list[list[str]] = [[]] * max(0, len(queries) - len(documents))
    estimator = BM25Estimator(queries, documents=documents + padding, variant="lucene")
    candidates, answers = torch.arange(len(documents)), torch.from_numpy(sample.answers)
    size = max(1, _SCORES_AT_ONCE // len(documents))
    ranks = []
    for start in range(0, len(queries), size):
        rows = torch.arange(start, min(start + size, len(queries)))
        scores = estimator.relevance(rows, candidates)
        own = scores.gather(1, answers[rows].unsqueeze(1))
        ahead, equal = (scores > own).sum(dim=1), (scores == own).sum(dim=1) - 1
        ranks.append(1.0 + ahead.double() + equal.double() / 2)
    return prepared.summed_up(torch.cat(ranks))
