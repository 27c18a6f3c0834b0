"""The frozen models of a study: trained once, their vectors of the training set cached.

The teacher is the study's own encoder, trained with InfoNCE (section 3.2 of the paper, "trained
model"). Teacher and student are two models; the paper's own code gives them one encoder, so that
its teacher moves with every step. SimCSE is a docstring encoder, trained with InfoNCE on each query
forwarded twice, so that dropout is all that tells the two apart.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from softnce.config.config import Config
from softnce.config.file import with_overrides
from softnce.config.sections.data import COLUMN
from softnce.config.sections.method import LossSection
from softnce.formula import resolved
from softnce.inputs.prepare import TokenKind, simcse_encoder
from softnce.inputs.prepared import Prepared
from softnce.losses.table import BASELINE
from softnce.ragged import is_whole
from softnce.weights.cache import cache_key
from softnce.weights.table import ESTIMATORS


@dataclass(frozen=True, slots=True)
class FrozenModel:
    """What tells one frozen model from another.

    Attributes:
        configured: turns the study's configuration into the model's own.
        inputs: turns the study's inputs into the model's own.
        tables: of the training set, whose vectors are cached; hard negatives where there are some.
        score: how its vectors are compared, in a configuration of a study.
        compared: what queries are compared with.
        starts_at: key in ``Prepared.weights`` of the pretrained weights that it starts at.
        tokens: kind of its token tables.
    """

    configured: Callable[[Config], Config]
    inputs: Callable[[Prepared], Prepared]
    tables: tuple[str, ...]
    score: Callable[[Config], Literal["dot", "cosine"]]
    compared: Literal["codes", "queries"]
    starts_at: str = "encoder"
    tokens: TokenKind = "token-tables"


def teacher_config(config: Config) -> Config:
    """Return the teacher's configuration: the study's own, with InfoNCE."""
    epochs = config.weights.teacher.epochs or config.optim.epochs
    loss = LossSection(name=BASELINE, temperature=config.loss.temperature)
    optim = {"optim/epochs": epochs, "optim/init_from_teacher": False}
    return with_overrides(config, {"loss": loss.model_dump(), **optim, **_unguided(config)})


def _unguided(config: Config) -> dict[str, Any]:
    """Let no guide find hard negatives: it may be the very model that is to be trained."""
    return {"data/negatives_from": COLUMN, "data/negatives": config.data.column_negatives}


def simcse_config(config: Config) -> Config:
    """Return SimCSE's configuration.

    Source: section 3.2 and appendix C of the paper; ``recipe`` tells whose numbers.
    """
    section = config.weights.simcse
    loss = LossSection(name=BASELINE, temperature=section.setting("temperature"))
    optim = {
        **{name: section.setting(name) for name in ("epochs", "batch_size", "learning_rate")},
        "max_steps": section.max_steps,
        "warmup_share": 0.0,
        "weight_decay": 0.0,
        "max_grad_norm": 1.0,
        "init_from_teacher": False,
    }
    changes: dict[str, Any] = {f"optim/{name}": value for name, value in optim.items()}
    encoder = simcse_encoder(section).model_dump()
    changes |= {**_unguided(config), "data/batches": "mixed"}  # a batch of its own size
    return with_overrides(config, {"loss": loss.model_dump(), "encoder": encoder, **changes})


def _as_they_are(prepared: Prepared) -> Prepared:
    return prepared


def _queries_with_themselves(prepared: Prepared) -> Prepared:
    """Take the queries for both sides; without validation queries the last epoch counts."""
    bare = replace(prepared, tokens=prepared.simcse, tokenizer="")
    return replace(bare, valid=0, candidates=0, negatives=0)


TEACHER = FrozenModel(
    configured=teacher_config,
    inputs=_as_they_are,
    tables=("queries", "codes", "negatives"),
    score=lambda config: config.weights.teacher.score,
    compared="codes",
)
SIMCSE = FrozenModel(
    configured=simcse_config,
    inputs=_queries_with_themselves,
    tables=("queries",),
    score=lambda _: "cosine",
    compared="queries",
    starts_at="simcse",
    tokens="simcse-tokens",
)
FROZEN_MODELS: dict[str, FrozenModel] = {
    name: resolved(spec.training) for name, spec in ESTIMATORS.items() if spec.training
}


def vectors_key(model: str, config: Config, prepared: Prepared) -> str:
    """Name a frozen model's vectors by everything they follow from.

    Args:
        model: teacher or simcse.
        config: of the study.
        prepared: inputs of the study.
    """
    frozen = FROZEN_MODELS[model]
    own, tokens = frozen.configured(config), frozen.inputs(prepared).tokens
    sections = {name: getattr(own, name).model_dump() for name in ("encoder", "loss", "optim")}
    weights = prepared.weights.get(frozen.starts_at, "")
    return cache_key(model, tokens=tokens, weights=weights, metric=config.search.metric, **sections)


def is_cached(model: str, prepared: Prepared) -> bool:
    """Tell whether a model's vectors and weights lie in the cache."""
    folder = Path(prepared.cache) / prepared.vectors[model]
    return is_whole(folder) and is_whole(folder.with_name(f"{folder.name}-weights"))
