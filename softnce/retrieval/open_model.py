"""A sentence-transformers model that encodes queries and codes, without training."""

import hashlib
import json
import logging
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor

from softnce.encoders.checks.parts import FORWARD_ERRORS, require_tokenizer
from softnce.encoders.graphcodebert import FlowEncoder, stored_flow
from softnce.encoders.loading import UnsafeWeightsError, load_model
from softnce.encoders.options import PretrainedOptions
from softnce.errors import SetupError, SoftnceError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Progress = Callable[[str, int, int], None]
Encode = Callable[..., Tensor]
_TEXTS_A_CALL = 1024
_BATCH = 32
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")  # of a function: another in every process


class OpenModel:
    """A model with its own prompts, lengths and similarity.

    Attributes:
        name: as it is shown.
    """

    def __init__(
        self, name: str, model: "SentenceTransformer", flow: FlowEncoder | None = None
    ) -> None:
        self.name, self._model, self._flow = name, model, flow

    @property
    def reads_data_flow(self) -> bool:
        """Tell whether codes are read with their data flow."""
        return self._flow is not None

    def queries(self, texts: Sequence[str], progress: Progress) -> Float[Tensor, "n d"]:
        """Encode queries, each distinct text once.

        Raises:
            SetupError: the model cannot encode them, or gives no usable vectors.
        """
        return self._vectors(texts, "queries", self._model.encode_query, progress)

    def codes(
        self, texts: Sequence[str], progress: Progress, *, languages: Sequence[str] = ()
    ) -> Float[Tensor, "n d"]:
        """Encode codes, each distinct text once; a model of data flow reads it by languages.

        Raises:
            SetupError: as ``queries``.
        """
        if self._flow is not None:
            return self._flow_vectors(self._flow, texts, languages, progress)
        return self._vectors(texts, "codes", self._model.encode_document, progress)

    def _flow_vectors(
        self,
        encoder: FlowEncoder,
        texts: Sequence[str],
        languages: Sequence[str],
        progress: Progress,
    ) -> Float[Tensor, "n d"]:
        parts = []
        for start in range(0, len(texts), _TEXTS_A_CALL):
            progress(f"{self.name}: encoding codes", start, len(texts))
            stop = start + _TEXTS_A_CALL
            tokens = encoder.tokenize(
                texts[start:stop], side="code", languages=languages[start:stop]
            )
            parts.append(encoder.encode_all(tokens))
        vectors = torch.cat(parts) if parts else torch.empty(0, encoder.dimensions)
        self._require_finite(vectors, "codes")
        return vectors

    def similarity(
        self, queries: Float[Tensor, "q d"], codes: Float[Tensor, "c d"]
    ) -> Float[Tensor, "q c"]:
        """Compare all queries with all codes as the model is meant to."""
        found: Float[Tensor, "q c"] = self._model.similarity(queries, codes)
        return found

    @property
    def similarity_name(self) -> str:
        """Name how vectors are compared: cosine, dot, euclidean or manhattan."""
        return str(self._model.similarity_fn_name)

    def digest(self) -> str:
        """Return a name that changes whenever vectors would: weights, tokens, prompts, modules."""
        model: Any = self._model
        settings = [
            _ADDRESS.sub("", repr(model)),
            model.prompts,
            model.default_prompt_name,
            model.truncate_dim,
            str(model.max_seq_length),
            str(getattr(model[0], "query_length", None)),
            None if self._flow is None else self._flow.tokenizer_digest(),
            self.similarity_name,
            _tokenizer_rules(model),
        ]
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
        for name, tensor in model.state_dict().items():
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            flat = tensor.detach().cpu().contiguous().reshape(-1)
            digest.update(flat.view(torch.uint8).numpy())
        return digest.hexdigest()

    def _vectors(
        self, texts: Sequence[str], what: str, encode: Encode, progress: Progress
    ) -> Float[Tensor, "n d"]:
        """Encode texts sorted by length, the longest first, so that little padding is computed."""
        distinct = sorted(set(texts), key=len, reverse=True)
        parts: list[Tensor] = []
        for start in range(0, len(distinct), _TEXTS_A_CALL):
            progress(f"{self.name}: encoding {what}", start, len(distinct))
            part = distinct[start : start + _TEXTS_A_CALL]
            try:
                found = encode(
                    part, batch_size=_BATCH, convert_to_tensor=True, show_progress_bar=False
                )
            except FORWARD_ERRORS as error:
                reason = (str(error).strip() or type(error).__name__).splitlines()[0]
                raise SetupError(f"{self.name}: cannot encode the {what}: {reason}") from error
            parts.append(found.detach().float().cpu())
        vectors = torch.cat(parts)
        self._require_finite(vectors, what)
        place = {text: row for row, text in enumerate(distinct)}
        return vectors[torch.tensor([place[text] for text in texts])]

    def _require_finite(self, vectors: Float[Tensor, "n d"], what: str) -> None:
        broken = int((~vectors.isfinite().all(dim=1)).sum())
        if broken:
            raise SetupError(
                f"{self.name}: {broken} of {len(vectors)} vectors of {what} hold NaN or infinity",
                "take another copy of the model: it has diverged, or its file is damaged",
            )


def open_model(model: str, name: str | None = None) -> OpenModel:
    """Open a model, on the GPU where there is one.

    Args:
        model: a folder or hub id.
        name: as it is shown; the end of the path unless given.

    Raises:
        SetupError: it cannot be loaded.
    """
    loaded = quietly_loaded(model)
    if torch.cuda.is_available():
        loaded.to("cuda")
    shown = name or "/".join(model.rstrip("/").split("/")[-2:])
    return OpenModel(shown, loaded, stored_flow(loaded, model))


def quietly_loaded(model: str, *, allow_bin: bool = False) -> "SentenceTransformer":
    """Load a model with its tokenizer on the CPU, while the libraries show nothing.

    Args:
        model: folder or hub id.
        allow_bin: whether weights may come from a ``.bin`` file.

    Raises:
        SetupError: it cannot be loaded.
    """
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    for library in ("huggingface_hub", "transformers", "sentence_transformers"):
        logging.getLogger(library).setLevel(logging.ERROR)  # each retry would be a line
    try:
        loaded = load_model(model, PretrainedOptions(allow_bin=allow_bin))
        if getattr(loaded, "tokenizer", None) is not None and hasattr(
            loaded.tokenizer, "all_special_tokens"
        ):
            require_tokenizer(loaded, model)
    except UnsafeWeightsError as error:
        raise error.of_a_model_in_use() from error
    except SoftnceError as error:
        raise type(error)(error.found, error.cure) from error
    return loaded.eval()


def _tokenizer_rules(model: Any) -> str:  # noqa: ANN401  (a tokenizer of any library)
    """Return how texts become tokens, where the tokenizer can tell."""
    tokenizer = getattr(model, "tokenizer", None)
    inner: Any = getattr(tokenizer, "backend_tokenizer", tokenizer)
    return str(inner.to_str()) if hasattr(inner, "to_str") else repr(inner)
