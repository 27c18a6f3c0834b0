"""Pretrained models from a folder or the hub; nothing in them is ever run as code."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from safetensors import SafetensorError
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Transformer

from softnce.encoders.options import DEFAULTS, PretrainedOptions
from softnce.errors import ConfigError, SetupError

_LOADING_ERRORS = (
    *(OSError, ValueError, KeyError, ImportError, RuntimeError),
    *(SafetensorError, UnpicklingError, EOFError),
)
_SPACE = "\N{LOWER ONE EIGHTH BLOCK}"  # stands for a space in the vocabularies of SentencePiece
_TENSORS_ALONE = (
    "name a model with .safetensors, or set encoder.allow_bin, which reads tensors alone"
)
_NO_CONVERSION = "DISABLE_SAFETENSORS_CONVERSION"  # else another revision than asked for is loaded


class UnsafeWeightsError(SetupError):
    """The weights are in a format that can hold code, and nobody allowed to read tensors of it."""


def load_model(model: str, options: PretrainedOptions = DEFAULTS) -> SentenceTransformer:
    """Load a sentence-transformers model as it is, on the CPU; none of its files may run code.

    Args:
        model: folder or hub id, in sentence-transformers' or Hugging Face's layout.
        options: its revision, and whether ``.bin`` weights will do.

    Raises:
        SetupError: there is no such folder, it holds no model, its weights are no numbers, or the
            hub cannot be reached.
        UnsafeWeightsError: its weights are not in safetensors.
    """
    looks_like_a_path = model.startswith((".", "/", "~")) or model.count("/") > 1
    folder = Path(model).expanduser()
    if looks_like_a_path and not folder.is_dir():
        raise SetupError(f"{model}: there is no such folder", "check the path", "encoder.model")
    _check_place(folder, model, options)
    place = str(folder) if folder.is_dir() else model
    try:
        with _as_published():
            loaded = SentenceTransformer(
                place,
                device="cpu",
                trust_remote_code=False,
                revision=options.revision,
                model_kwargs={} if options.allow_bin else {"use_safetensors": True},
            )
    except _LOADING_ERRORS as error:
        raise _explained(error, model, options) from error
    _require_finite_weights(loaded, model)
    return loaded


def load_transformer(model: str, options: PretrainedOptions = DEFAULTS) -> SentenceTransformer:
    """Load a model whose first part is a transformer with its own tokenizer, in single precision.

    Raises:
        SetupError: as ``load_model``, or it has no tokenizer.
        ConfigError: it is another kind of model.
    """
    loaded = load_model(model, options)
    if not isinstance(loaded[0], Transformer):
        raise ConfigError(
            f"{model}: holds a {type(loaded[0]).__name__}, not a transformer",
            "name a transformer model",
            setting="encoder.model",
        )
    require_tokenizer(loaded, model)
    return loaded.float()  # AdamW's steps would round to nothing in half precision


def require_tokenizer(loaded: SentenceTransformer, model: str) -> None:
    """Refuse the empty tokenizer that transformers makes up where a folder has none."""
    tokenizer = loaded.tokenizer
    special = {*tokenizer.all_special_tokens, *tokenizer.get_added_vocab(), _SPACE}
    if not tokenizer.get_vocab().keys() - special:
        raise SetupError(
            f"{model}: has no tokenizer but its special tokens, so that every text reads alike",
            "put the tokenizer's files there: tokenizer.json, or its vocabulary",
            setting="encoder.model",
        )


def _check_place(folder: Path, model: str, options: PretrainedOptions) -> None:
    """Refuse what a folder can be seen to lack before it is loaded."""
    if not folder.is_dir():
        return
    if options.revision is not None:
        raise SetupError(
            f"{model}: a folder, which has no revision {options.revision}",
            "leave encoder.revision out, or name a model of the hub",
            setting="encoder.model",
        )
    weights = [*folder.rglob("pytorch_model*.bin")]
    bare = [one for one in weights if not any(one.parent.glob("*.safetensors"))]
    if bare and not options.allow_bin:
        raise UnsafeWeightsError(
            f"{bare[0]}: weights in a .bin file, a format that can hold code",
            _TENSORS_ALONE,
            setting="encoder.model",
        )


@contextmanager
def _as_published() -> Iterator[None]:
    """Keep transformers from fetching weights that somebody else converted."""
    before = os.environ.get(_NO_CONVERSION)
    os.environ[_NO_CONVERSION] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_NO_CONVERSION]
        else:
            os.environ[_NO_CONVERSION] = before


def _explained(error: Exception, model: str, options: PretrainedOptions) -> SetupError:
    """Say in one line why a model could not be loaded."""
    if isinstance(error, UnpicklingError) or "weights_only" in str(error):
        return SetupError(
            f"{model}: its .bin file is damaged, or would run code when it is read",
            "name a model with .safetensors",
            setting="encoder.model",
        )
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    is_of_hub = not Path(model).expanduser().is_dir()
    if is_of_hub and not options.allow_bin and "use_safetensors" in reason:
        return UnsafeWeightsError(
            f"{model}: the hub has no .safetensors of it", _TENSORS_ALONE, setting="encoder.model"
        )
    return SetupError(
        f"{model}: neither a folder with a model nor a model that the hub gave: {reason}",
        setting="encoder.model",
    )


def _require_finite_weights(loaded: SentenceTransformer, model: str) -> None:
    weights: Any = loaded.named_parameters()
    broken = [name for name, one in weights if not one.isfinite().all()]
    if broken:
        raise SetupError(
            f"{model}: {len(broken)} of its weights hold NaN or infinity, first {broken[0]}",
            "take another copy: the model has diverged, or its file is damaged",
            setting="encoder.model",
        )
