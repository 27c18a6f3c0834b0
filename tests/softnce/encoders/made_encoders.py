"""Texts, and a static encoder trained on them."""

import torch

from softnce.encoders.static import static_encoder, train_tokenizer

TEXTS = [
    "read a csv file",
    "",
    "def parseHTTPHeader(line):\n    return line.split(':')",
    "  white   space\n\n",
    "sum the numbers " * 40,
    "中文 and ünïcode 🙂",
    "x",
]


LENGTH = 24


def made_static(similarity="cosine", max_length=LENGTH, seed=0):
    tokenizer = train_tokenizer(TEXTS * 3, vocabulary=400, max_length=max_length)
    generator = torch.Generator().manual_seed(seed)
    return static_encoder(tokenizer, dimensions=16, similarity=similarity, generator=generator)
