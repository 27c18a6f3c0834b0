"""What several benchmarks need: real pairs, and vectors of the right size."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing

from softnce.data.pairs import PairSet, read_pairs
from softnce.inputs.prepared import Prepared
from softnce.ragged import save_arrays

REAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "csn-python-mini"


def real_pairs(scratch: Path, *, most: int) -> tuple[PairSet, Path]:
    """Read the real set where it is at hand, else mine the installed packages."""
    if REAL.is_dir():
        return read_pairs(REAL), REAL
    return mined_pairs(scratch, most=most)


def mined_pairs(scratch: Path, *, most: int) -> tuple[PairSet, Path]:
    """Mine the packages of this environment."""
    from softnce.data.mining.mine import mine
    from softnce.data.mining.sources import named_paths

    mine(named_paths(["@environment"]), scratch / "mined", max_pairs=most)
    return read_pairs(scratch / "mined"), scratch / "mined"


def random_roberta(folder: Path, texts: Iterable[str], *, vocabulary: int, **shape: int) -> Path:
    """Write a RoBERTa with random weights, and a tokenizer trained on the texts, as the hub does.

    Args:
        folder: to write.
        texts: what the byte-pair tokenizer learns from, so that lengths are as in practice.
        vocabulary: tokens.
        shape: layers, heads and sizes, in transformers' words.
    """
    from tokenizers.implementations import ByteLevelBPETokenizer
    from transformers import PreTrainedTokenizerFast, RobertaConfig, RobertaModel

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
    torch.manual_seed(0)
    config = RobertaConfig(vocab_size=vocabulary, max_position_embeddings=514, **shape)
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
