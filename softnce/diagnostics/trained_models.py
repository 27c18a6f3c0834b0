"""The frozen models of a study, found in its cache: trained teachers of the study's own data."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from softnce.config.config import Config
from softnce.encoders.encoder import Encoder
from softnce.inputs.frozen_models import FROZEN_MODELS, is_cached, vectors_key
from softnce.inputs.prepare import LANGUAGES, token_tables_name, tokenizer_name
from softnce.inputs.prepared import Prepared, build_encoder


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A frozen model with the weights that its study gave it.

    Attributes:
        name: teacher or simcse.
        encoder: what it is.
        score: of its vectors, as the study has it.
    """

    name: str
    encoder: Encoder
    score: Literal["dot", "cosine"]


@dataclass(frozen=True, slots=True)
class TrainedStudy:
    """What the names of a study's frozen models follow from.

    Attributes:
        config: of the study.
        data: digest of its pairs.
        weights: digest of the pretrained weights that each model starts at.
        cache: folder of its tokens, vectors and weights.
    """

    config: Config
    data: str
    weights: Mapping[str, str]
    cache: Path


def trained_models(stored: TrainedStudy) -> list[TrainedModel]:
    """Load the frozen models that a study has trained; those it has not are left out.

    Raises:
        SetupError: the pretrained encoder of a model is out of reach.
    """
    if not any(stored.cache.glob("*-weights")):
        return []
    found = [_trained(model, stored) for model in FROZEN_MODELS]
    return [one for one in found if one is not None]


def _trained(model: str, study: TrainedStudy) -> TrainedModel | None:
    """Build a model from its study's configuration; its weights lie where vectors_key says."""
    frozen = FROZEN_MODELS[model]
    section = frozen.configured(study.config).encoder
    if section.model and frozen.starts_at not in study.weights:
        return None  # no trial uses it
    tokenizer = tokenizer_name(section, study.data) if section.kind == "static" else ""
    if tokenizer and not (study.cache / f"{tokenizer}.json").exists():
        return None
    encoder = build_encoder(section, study.cache / f"{tokenizer}.json", seed=0)
    languages = study.weights.get(LANGUAGES, "") if encoder.reads_languages else ""
    tokens = token_tables_name(encoder, study.data, kind=frozen.tokens, languages=languages)
    prepared = _named(study, tokens)
    prepared = replace(prepared, vectors={model: vectors_key(model, study.config, prepared)})
    if not is_cached(model, prepared):
        return None
    encoder.load_weights(prepared.frozen_weights(model))
    return TrainedModel(model, encoder, frozen.score(study.config))


def _named(study: TrainedStudy, tokens: str) -> Prepared:
    """Return as much of a study's inputs as the names of a model's vectors follow from."""
    return Prepared(
        cache=str(study.cache),
        data=study.data,
        tokenizer="",
        tokens=tokens,
        terms="",
        train=0,
        valid=0,
        candidates=0,
        simcse=tokens,
        weights=study.weights,
    )
