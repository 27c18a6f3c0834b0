"""A pretrained transformer with its pooling, prompts and lengths."""

from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import (
    Dense,
    Normalize,
    Pooling,
)
from tokenizers import AddedToken

from softnce.encoders.encoder import Side
from softnce.encoders.options import PretrainedOptions
from softnce.encoders.text_tokens import PROMPTS, length_of, prompt_of
from softnce.errors import ConfigError

_MODES = {"last": "lasttoken"}  # where sentence-transformers has another name


def assembled(
    loaded: SentenceTransformer, model: str, options: PretrainedOptions
) -> SentenceTransformer:
    """Put a loaded model together as the options say.

    Args:
        loaded: its first module is a transformer.
        model: its name, for messages.
        options: pooling, similarity, prompts, lengths.

    Raises:
        ConfigError: it has no pooler to use, lacks a prefix token, or leaves its prompt out of the
            pooling.
    """
    if options.pooling == "auto":
        modules = [module for module in loaded if not isinstance(module, Normalize)]
    else:
        modules = [loaded[0], *_pooling(loaded, options.pooling, model)]
    prompts = _prompts(loaded, model, options)
    if any(prompts.values()) and not all(getattr(one, "include_prompt", True) for one in modules):
        raise ConfigError(
            f"{model}: leaves its prompt out of the pooling, which cannot be trained here",
            "set encoder.pooling, or encoder.query_prompt and encoder.code_prompt to ''",
            setting="encoder.model",
        )
    if options.similarity == "cosine":
        modules.append(Normalize())
    joined = SentenceTransformer(
        modules=modules,
        similarity_fn_name=options.similarity,
        device="cpu",
        prompts=prompts,
    )
    if prompts["query"] == prompts["document"] != "":
        joined.default_prompt_name = "query"  # for who asks sentence-transformers for no side
    _set_lengths(joined, loaded, options)
    _require_room(joined, model)
    return joined


def checkpoint_layers(whole: SentenceTransformer) -> None:
    """Let the layers of a model's transformer compute their activations again for the gradient."""
    model: Any = whole[0].auto_model
    enable = getattr(model, "activation_checkpointing_enable", None)  # its name of late
    (enable or model.gradient_checkpointing_enable)({"use_reentrant": False})


def compile_layers(whole: torch.nn.Module) -> None:
    """Compile the layers of a transformer: they are alike, so that one compilation serves all."""
    stacks = [one for one in whole.modules() if isinstance(one, torch.nn.ModuleList)]
    for layer in max(stacks, key=len, default=()):
        layer.compile(dynamic=True)


def _set_lengths(
    joined: SentenceTransformer, loaded: SentenceTransformer, options: PretrainedOptions
) -> None:
    limit = loaded.max_seq_length or options.max_length
    own = options.query_max_length or joined[0].query_length or options.max_length
    joined[0].document_length = None
    joined.max_seq_length = min(options.max_length, limit)
    query = min(own, limit)
    joined[0].query_length = None if query == joined.max_seq_length else query


def _require_room(joined: SentenceTransformer, model: str) -> None:
    """Refuse a prompt that fills all places of its side, so that all texts would read alike."""
    for side in PROMPTS:
        prompt, length = prompt_of(joined, side), length_of(joined, side)
        if not prompt:
            continue
        backend = joined.tokenizer.backend_tokenizer
        backend.no_truncation()
        backend.no_padding()  # some tokenizers are stored with one
        used = len(backend.encode(prompt).ids)
        if used >= length:
            raise ConfigError(
                f"{model}: the prompt of a {side} and its marks take {used} of {length} tokens",
                f"shorten encoder.{side}_prompt, or raise the length",
                setting="encoder.model",
            )


def _prompts(loaded: SentenceTransformer, model: str, options: PretrainedOptions) -> dict[str, str]:
    prefix = _prefix(loaded, model, options.prefix_tokens)
    asked: dict[Side, str | None] = {"query": options.query_prompt, "code": options.code_prompt}
    found = {
        side: prompt_of(loaded, side) if text is None else text for side, text in asked.items()
    }
    whole = {
        side: text if text.startswith(prefix) else prefix + text for side, text in found.items()
    }
    return {"query": whole["query"], "document": whole["code"]}


def _prefix(loaded: SentenceTransformer, model: str, tokens: tuple[str, ...]) -> str:
    """Let the tokenizer know tokens of its vocabulary where they stand in a text."""
    known = loaded.tokenizer.get_vocab()
    missing = [one for one in tokens if one not in known]
    if missing:
        raise ConfigError(
            f"encoder.prefix_tokens: {missing[0]} is no token of {model}",
            "name a model that has it, as UniXcoder has <encoder-only>, or leave them out",
        )
    loaded.tokenizer.add_tokens(
        [AddedToken(one, special=True, normalized=False) for one in tokens], special_tokens=True
    )
    return "".join(tokens)


def _pooling(loaded: SentenceTransformer, pooling: str, model: str) -> list[torch.nn.Module]:
    transformer = loaded[0]
    size = transformer.get_embedding_dimension()
    if pooling != "pooler":
        return [Pooling(size, pooling_mode=_MODES.get(pooling, pooling))]
    if trained := _trained_head(loaded):
        return trained
    pooler: Any = getattr(transformer.auto_model, "pooler", None)
    if getattr(pooler, "dense", None) is None:
        raise ConfigError(
            f"encoder.pooling: pooler, but {model} has no pooler",
            "use cls or mean",
        )
    head = Dense(
        size,
        size,
        activation_function=torch.nn.Tanh(),
        init_weight=pooler.dense.weight.detach().clone(),
        init_bias=pooler.dense.bias.detach().clone(),
    )
    return [Pooling(size, pooling_mode="cls"), head]


def _trained_head(loaded: SentenceTransformer) -> list[torch.nn.Module]:
    """Return the head that a model was exported with, if it has one: training goes on with it."""
    head = [module for module in loaded if not isinstance(module, Normalize)][1:]
    kinds = [type(module) for module in head]
    if kinds != [Pooling, Dense] or head[0].pooling_mode != "cls":
        return []
    own = head[1]  # another one projects, say, to fewer dimensions
    is_square = own.in_features == own.out_features
    return head if is_square and isinstance(own.activation_function, torch.nn.Tanh) else []
