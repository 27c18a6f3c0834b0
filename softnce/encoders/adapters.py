"""Low-rank adapters: a transformer's own weights stay, and small matrices beside them are trained.

Source: Hu et al. 2022, *LoRA: Low-Rank Adaptation of Large Language Models*. The layers are peft's;
beside a linear module W they compute ``W x + alpha / rank * B A x``, with B = 0 before training.
"""

import copy
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from softnce.errors import ConfigError

ALL = "all"
_NAME = "default"  # peft's, of the only adapters
_BASE = ".base_layer"  # peft keeps the module beside which an adapter stands under this name
_OWN = ".lora_"  # in the names of an adapter's own parameters
_NUMBERED = re.compile(r"(?:^|\.)\d+\.")


@dataclass(frozen=True, slots=True)
class Adapters:
    """Which adapters a transformer gets.

    Attributes:
        rank: rows of A and columns of B.
        alpha: their product counts ``alpha / rank`` times.
        dropout: share of an adapter's inputs that are dropped in training.
        targets: ``all`` linear modules of the layers, or the ends of their names, joined by ``+``.
        seed: draws A.
    """

    rank: int
    alpha: float
    dropout: float
    targets: str
    seed: int


def add_adapters(transformer: nn.Module, model: str, adapters: Adapters) -> None:
    """Put adapters beside linear modules of a transformer, which are frozen.

    Args:
        transformer: as transformers has it.
        model: its name, for messages.
        adapters: which.

    Raises:
        ConfigError: it has no such modules; those that it has are named.
    """
    from peft import LoraConfig, inject_adapter_in_model  # a static encoder needs none

    targets = _targets(transformer, model, adapters.targets)
    linear = [isinstance(transformer.get_submodule(name), nn.Linear) for name in targets]
    settings = LoraConfig(
        r=adapters.rank,
        lora_alpha=adapters.alpha,  # type: ignore[arg-type]  # peft divides it by the rank
        lora_dropout=adapters.dropout,
        target_modules=targets,
        fan_in_fan_out=not any(linear),  # as Conv1D has its weights; peft looks at each once more
    )
    with torch.random.fork_rng(devices=[]):  # what peft draws is drawn anew
        inject_adapter_in_model(settings, transformer, _NAME)
    generator = torch.Generator().manual_seed(adapters.seed)
    for layer in _adapted(transformer).values():
        first = layer.lora_A[_NAME].weight
        nn.init.kaiming_uniform_(first, a=math.sqrt(5), generator=generator)  # as peft draws it
        layer.cast_input_dtype_enabled = False  # autocast does it, without a copy in between


def freeze_others(model: nn.Module) -> None:
    """Let only the adapters of a model train."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(is_of_adapter(name))


def is_of_adapter(name: str) -> bool:
    """Tell whether a parameter of this name is an adapter's own.

    >>> is_of_adapter("layer.0.query.lora_A.default.weight"), is_of_adapter("layer.0.query.weight")
    (True, False)
    """
    return _OWN in name


def has_adapters(model: nn.Module) -> bool:
    """Tell whether a model has adapters."""
    return any(is_of_adapter(name) for name, _ in model.named_parameters())


def without_adapters(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return a model's weights by the names that they have without adapters, and none of these."""
    return {
        name.replace(f"{_BASE}.", "."): one
        for name, one in state.items()
        if not is_of_adapter(name)
    }


def merged(model: nn.Module) -> nn.Module:
    """Return a copy of a model whose weights hold what its adapters add; it needs no peft.

    Args:
        model: is left as it is, and returned itself where it has no adapters.

    Raises:
        ValueError: what the adapters add is NaN or infinite.
    """
    if not has_adapters(model):
        return model
    plain = copy.deepcopy(model)
    for name, layer in _adapted(plain).items():
        layer.merge(safe_merge=True)
        parent, _, own = name.rpartition(".")
        setattr(plain.get_submodule(parent), own, layer.base_layer)
    for module in plain.modules():
        module.__dict__.pop("peft_config", None)  # what peft leaves at the transformer
    return plain.requires_grad_(True)  # noqa: FBT003


@contextmanager
def at_rest(model: nn.Module) -> Iterator[None]:
    """Let a model compute without its adapters, which takes as long as with merged ones."""
    layers = _adapted(model).values()
    for layer in layers:
        layer.enable_adapters(enabled=False)
    try:
        yield
    finally:
        for layer in layers:
            layer.enable_adapters(enabled=True)


def _adapted(model: nn.Module) -> dict[str, Any]:
    """Return peft's layers by their names, none where a model has no adapters."""
    names = [name.removesuffix(_BASE) for name, _ in model.named_modules() if name.endswith(_BASE)]
    return {name: model.get_submodule(name) for name in names}


def _targets(transformer: nn.Module, model: str, wanted: str) -> list[str]:
    """Return the whole names of the linear modules that are wanted, of those in numbered layers."""
    from transformers.pytorch_utils import Conv1D  # the linear modules of GPT-2 and its kin

    linear = [
        name
        for name, module in transformer.named_modules()
        if isinstance(module, nn.Linear | Conv1D) and _NUMBERED.search(name)
    ]
    if not linear:
        raise ConfigError(
            f"encoder.lora.rank: {model} has no linear modules in its layers",
            "leave it out, and all weights are trained",
        )
    ends = {one: f".{one}" for one in wanted.split("+")} if wanted != ALL else {ALL: ""}
    found = {one: [name for name in linear if name.endswith(end)] for one, end in ends.items()}
    missing = [one for one, names in found.items() if not names]
    if missing:
        known = dict.fromkeys(_NUMBERED.split(name)[-1] for name in linear)
        raise ConfigError(
            f"encoder.lora.targets: the layers of {model} have no linear module {missing[0]}",
            f"name some of {', '.join(known)}, joined by +, or all",
        )
    return [name for name in linear if any(name in names for names in found.values())]
