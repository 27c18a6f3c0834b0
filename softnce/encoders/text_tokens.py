"""Texts to token ids by the tokenizer, prompts and lengths that a model stores."""

import json
from collections.abc import Sequence
from hashlib import sha256

from sentence_transformers import SentenceTransformer

from softnce.encoders.encoder import Side
from softnce.ragged import Ragged, ragged

_CALL_STATE = ("truncation", "padding")  # set anew by every call of the tokenizer
PROMPTS: dict[Side, tuple[str, ...]] = {  # by sentence-transformers' names, the first one counting
    "query": ("query",),
    "code": ("document", "passage", "corpus"),
}


def text_tokens(whole: SentenceTransformer, texts: Sequence[str], side: Side) -> Ragged:
    """Return the token ids of each text behind the prompt of its side, special tokens included.

    Args:
        whole: a model with its tokenizer, prompts and lengths.
        texts: of any length; they are cut at the length of their side.
        side: what they are.
    """
    if not texts:
        return ragged([])
    tokenizer, prompt = whole.tokenizer, prompt_of(whole, side)
    backend = tokenizer.backend_tokenizer  # what it calls, without its objects for each text
    backend.no_padding()
    backend.enable_truncation(length_of(whole, side), direction=tokenizer.truncation_side)
    backend.encode_special_tokens = tokenizer.split_special_tokens
    asked = [prompt + text for text in texts] if prompt else list(texts)
    return ragged([one.ids for one in backend.encode_batch_fast(asked)])


def prompt_of(whole: SentenceTransformer, side: Side) -> str:
    """Return what stands before every text of a side."""
    found = (whole.prompts.get(name) for name in PROMPTS[side])
    return next((one for one in found if one), "")


def length_of(whole: SentenceTransformer, side: Side) -> int:
    """Return how many tokens are kept of a text of a side."""
    module = whole[0]
    own = module.query_length if side == "query" else module.document_length
    return int(own or whole.max_seq_length)


def reading_digest(whole: SentenceTransformer) -> str:
    """Return a name that changes whenever ``text_tokens`` would return other ids."""
    backend = json.loads(whole.tokenizer.backend_tokenizer.to_str())
    rules = {name: part for name, part in backend.items() if name not in _CALL_STATE}
    sides = [[prompt_of(whole, side), length_of(whole, side)] for side in PROMPTS]
    plain = [["", whole.max_seq_length]] * len(sides)
    own = [] if sides == plain else sides
    text = json.dumps([rules, whole.max_seq_length, *own], sort_keys=True)
    return sha256(text.encode()).hexdigest()


def special_ids(whole: SentenceTransformer) -> frozenset[int]:
    """Return the ids that stand for no text, those of prefix tokens included."""
    added = whole.tokenizer.backend_tokenizer.get_added_tokens_decoder()
    marked = {number for number, token in added.items() if token.special}
    return frozenset(marked) | frozenset(whole.tokenizer.all_special_ids)
