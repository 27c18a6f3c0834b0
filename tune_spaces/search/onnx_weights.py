"""A transformer as an ONNX graph, where sentence-transformers' own ONNX backend looks for it.

PyTorch writes the graph: that backend's exporter, optimum, knows no transformers of today.
"""

import logging
import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from softnce.errors import ConfigError, SetupError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

FILE = "onnx/model.onnx"
PACKAGES = ("onnx", "onnxscript", "onnxruntime")
OUTPUTS = ("last_hidden_state", "sentence_embedding")
_TEXTS = ("read a csv file", "def read(path):\n    return open(path).read()", "x")
_TOLERANCE = 1e-3  # of a value; rounding gives 1e-6


def require_onnx(name: str, model: "SentenceTransformer") -> None:
    """Check that a model can be written as ONNX here.

    Raises:
        ConfigError: it is no transformer.
        SetupError: a package is missing.
    """
    from sentence_transformers.sentence_transformer.modules import Transformer

    if not isinstance(model[0], Transformer):
        raise ConfigError(
            f"{name}: --onnx writes transformers, and this is a {type(model[0]).__name__}",
            "leave --onnx out",
        )
    missing = [package for package in PACKAGES if find_spec(package) is None]
    if missing:
        raise SetupError(
            f"--onnx: the package {missing[0]} is not installed",
            f"install {', '.join(PACKAGES)} (softnce's extra onnx), or leave --onnx out",
        )


def add_onnx(name: str, model: "SentenceTransformer", folder: Path) -> None:
    """Write the graph into a model's folder, once it gives the vectors that the model gives.

    Args:
        name: of the model, as it is shown.
        model: on the CPU, in evaluation mode.
        folder: of the model.

    Raises:
        SetupError: PyTorch cannot write it, or it gives other vectors.
    """
    path = folder / FILE
    path.parent.mkdir()
    inputs = _tokens(model, _TEXTS[:2])
    try:
        _write(model, inputs, path)
        apart = _difference(model, path)
    except Exception as error:  # torch.export and onnxruntime have no class of errors in common
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise SetupError(
            f"{name}: no ONNX weights could be written: {reason}", "leave --onnx out"
        ) from error
    if not apart <= _TOLERANCE:
        raise SetupError(
            f"{name}: the ONNX weights give other vectors, by up to {apart:.2g}", "leave --onnx out"
        )


def _tokens(model: "SentenceTransformer", texts: Sequence[str]) -> dict[str, Any]:
    """Return what the graph takes: (n, length) tensors by name."""
    tokenizer: Any = model.tokenizer
    found = tokenizer(
        list(texts),
        padding=True,
        truncation=True,
        max_length=model.max_seq_length,
        return_tensors="pt",
    )
    return {one: found[one] for one in tokenizer.model_input_names if one in found}


def _write(model: "SentenceTransformer", inputs: dict[str, Any], path: Path) -> None:
    import torch

    class Graph(torch.nn.Module):
        """The whole model, as a function of tensors."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            found = self.model(dict(zip(inputs, tensors, strict=True)))
            return found["token_embeddings"], found["sentence_embedding"]

    axes = {0: torch.export.Dim("texts"), 1: torch.export.Dim("length", max=model.max_seq_length)}
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Graph().eval(),
            tuple(inputs.values()),
            path,
            input_names=list(inputs),
            output_names=list(OUTPUTS),
            dynamic_shapes=(tuple(axes for _ in inputs),),
            dynamo=True,
            external_data=False,
            verbose=False,
        )


def _difference(model: "SentenceTransformer", path: Path) -> float:
    """Measure how far the graph's vectors are from the model's own, at most."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    inputs = {name: one.numpy() for name, one in _tokens(model, _TEXTS).items()}
    found = session.run([OUTPUTS[1]], inputs)[0]
    own = model.encode(list(_TEXTS), show_progress_bar=False)
    return float(abs(found - own).max())
