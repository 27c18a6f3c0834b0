"""Pretrained models from a folder or the hub; nothing in them is ever run as code."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from safetensors import SafetensorError
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules.input_module import InputModule
from sentence_transformers.sentence_transformer.modules import Transformer

from softnce.encoders.checks.parts import cap_length, require_padding, require_tokenizer
from softnce.encoders.checks.weights import missing_weights, require_finite_weights, require_weights
from softnce.encoders.hub import is_out_of_reach, refuse_adapters
from softnce.encoders.options import DEFAULTS, PretrainedOptions
from softnce.errors import ConfigError, SetupError

_LOADING_ERRORS = (
    *(OSError, ValueError, KeyError, ImportError, RuntimeError, TypeError, AttributeError),
    *(SafetensorError, UnpicklingError, EOFError),
)
_TENSORS_ALONE = (
    "name a model with .safetensors, or set encoder.allow_bin, which reads tensors alone"
)
_WRITTEN_ANEW = "softnce export MODEL OUT --allow-bin writes it anew, as safetensors"
_NO_CONVERSION = "DISABLE_SAFETENSORS_CONVERSION"  # else another revision than asked for is loaded


class UnsafeWeightsError(SetupError):
    """The weights are in a format that can hold code, and nobody allowed to read tensors of it."""

    def at(self, setting: str) -> SetupError:
        """Return the same error about a setting beside which no other one allows such weights."""
        return SetupError(self.found, _WRITTEN_ANEW, setting)

    def of_a_model_in_use(self) -> SetupError:
        """Return the same error about a model that is named by no setting."""
        return SetupError(self.found, _WRITTEN_ANEW)


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
    is_cut_off = not folder.is_dir() and is_out_of_reach(model, options.revision)
    refuse_adapters(model, options.revision, is_cut_off=is_cut_off)
    try:
        with _as_published(), missing_weights() as missing:
            loaded = SentenceTransformer(
                place,
                device="cpu",
                trust_remote_code=False,
                revision=options.revision,
                local_files_only=is_cut_off,
                model_kwargs=_model_options(options, is_cut_off=is_cut_off),
            )
    except _LOADING_ERRORS as error:
        raise _explained(error, model, options, is_cut_off=is_cut_off) from error
    require_weights(missing, model, options)
    require_finite_weights(loaded, model)
    if not isinstance(loaded[0], InputModule):
        raise SetupError(f"{model}: its first part, a {type(loaded[0]).__name__}, reads no texts")
    if isinstance(loaded[0], Transformer) and loaded[0].tokenizer is not None:
        cap_length(loaded, model)
        require_padding(loaded, model)
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


def _model_options(options: PretrainedOptions, *, is_cut_off: bool) -> dict[str, Any]:
    """Return what transformers is to know; with peft it asks the hub for adapters, many times."""
    safe: dict[str, Any] = {} if options.allow_bin else {"use_safetensors": True}
    return safe | ({"adapter_kwargs": {"local_files_only": True}} if is_cut_off else {})


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


def _explained(
    error: Exception, model: str, options: PretrainedOptions, *, is_cut_off: bool
) -> SetupError:
    """Say in one line why a model could not be loaded."""
    if isinstance(error, UnpicklingError) or "weights_only" in str(error):
        return SetupError(
            f"{model}: its .bin file is damaged, or would run code when it is read",
            "name a model with .safetensors",
            setting="encoder.model",
        )
    if "ignore_mismatched_sizes" in str(error):
        return SetupError(
            f"{model}: its weights have other sizes than its config.json says",
            "take both from one source",
            setting="encoder.model",
        )
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    is_of_hub = not Path(model).expanduser().is_dir()
    if is_of_hub and not options.allow_bin and "use_safetensors" in reason:
        return UnsafeWeightsError(
            f"{model}: the hub has no .safetensors of it", _TENSORS_ALONE, setting="encoder.model"
        )
    said = f"{model}: neither a folder with a model nor a model that the hub gave"
    if is_cut_off and isinstance(error, OSError):
        return SetupError(
            f"{said}: it is out of reach, and its cache here has no such model",
            "name a folder that holds the model, or connect to the hub",
            setting="encoder.model",
        )
    return SetupError(f"{said}: {reason}", setting="encoder.model")
