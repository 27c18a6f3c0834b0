"""What a person may choose of a pretrained encoder."""

from dataclasses import dataclass
from typing import Literal

from softnce.encoders.adapters import Adapters

Packing = Literal["auto", "always", "never"]
PoolingName = Literal["auto", "mean", "cls", "last", "pooler"]
DataFlow = Literal["off", "official", "fixed"]
SIDE_FILE = "dataflow.json"  # beside an exported model: how softnce is to read codes


@dataclass(frozen=True, slots=True)
class PretrainedOptions:
    """How a pretrained model is loaded, and how it reads texts.

    Attributes:
        pooling: mean, cls, last (decoders), pooler (CodeBERT's tanh head), or auto: what the
            folder says, else mean; the pooler with data flow.
        similarity: cosine or dot; cosine normalises the vectors, dot removes a normalisation.
        max_length: tokens kept of a text, at most what the model can take.
        query_max_length: tokens kept of a query; None: as of a code.
        prefix_tokens: tokens of the vocabulary that stand before every text.
        query_prompt: text before every query; None: the one that the folder stores, if any.
        code_prompt: likewise before every code.
        packing: rows end to end instead of padded: always, never, or auto: on a GPU,
            and on a CPU in training.
        dataflow: whether a code is read with its data flow, and by which rules.
        dataflow_nodes: places that are kept for data flow, behind ``max_length``.
        revision: commit, tag or branch of a model of the hub; None: its main branch.
        allow_bin: whether weights may come from a ``.bin`` file, of which only tensors are read.
        adapters: what alone is trained; None: all weights.
    """

    pooling: PoolingName = "auto"
    similarity: Literal["cosine", "dot"] = "cosine"
    max_length: int = 256
    query_max_length: int | None = None
    prefix_tokens: tuple[str, ...] = ()
    query_prompt: str | None = None
    code_prompt: str | None = None
    packing: Packing = "auto"
    dataflow: DataFlow = "off"
    dataflow_nodes: int = 64
    revision: str | None = None
    allow_bin: bool = False
    adapters: Adapters | None = None


DEFAULTS = PretrainedOptions()
