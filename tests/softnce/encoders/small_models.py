"""Small pretrained models with random weights, in the hub's own layout, tokenizer trained here."""

import json

import torch
from tokenizers import ByteLevelBPETokenizer
from transformers import (
    AutoModel,
    LlamaConfig,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaTokenizerFast,
)

MARKS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
MODE = "<encoder-only>"  # UniXcoder's: in the vocabulary, but no token that the tokenizer looks for
CODES = [
    "def f(alpha, beta=1):\n    gamma = alpha + beta\n    return gamma",
    "for item in items:\n    total += item\nprint(total, items)",
    "def parseHTTPHeader(line):\n    return line.split(':')",
    "x = 'ünïcode 🙂'\ny = x",
]


def byte_level_bpe(texts=CODES, vocabulary=400):
    """Train a byte-level BPE with RoBERTa's marks first, then UniXcoder's mode."""
    bpe = ByteLevelBPETokenizer()
    bpe.train_from_iterator(list(texts) * 3, vocabulary, special_tokens=[*MARKS[:4], MODE])
    return bpe


def small_roberta(folder, *, texts=CODES, size=32, places=340, seed=0):
    """Write a RoBERTa as the hub has it: config, safetensors, tokenizer, no modules.json."""
    bpe = byte_level_bpe(texts)
    bpe.save_model(str(folder))
    vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    _, *lines = (folder / "merges.txt").read_text(encoding="utf-8").splitlines()
    merges = [tuple(line.split(" ")) for line in lines]
    tokenizer = RobertaTokenizerFast(vocab=vocabulary, merges=merges, model_max_length=512)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(seed)
    config = RobertaConfig(
        vocab_size=len(tokenizer), hidden_size=size, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=2 * size, max_position_embeddings=places, initializer_range=0.2,
        type_vocab_size=1,
    )  # fmt: skip
    AutoModel.from_config(config).save_pretrained(folder)
    return folder


def small_decoder(folder, *, padding_side="left"):
    """Write a decoder whose tokenizer ends each text with a mark, as embedders of today do."""
    bpe = byte_level_bpe()
    from tokenizers.processors import TemplateProcessing

    inner = bpe._tokenizer
    inner.post_processor = TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 2)])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="<pad>", eos_token="</s>", padding_side=padding_side,
        model_max_length=128,
    )  # fmt: skip
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, intermediate_size=64, max_position_embeddings=128,
        initializer_range=0.2, pad_token_id=1,
    )  # fmt: skip
    AutoModel.from_config(config).save_pretrained(folder)
    return folder
