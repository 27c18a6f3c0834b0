"""The frozen models of a study, found in its folder: trained teachers of the study's own data."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from softnce.config.config import Config
from softnce.config.file import load_config
from softnce.encoders.encoder import Encoder
from softnce.errors import ConfigError
from softnce.inputs.frozen_models import FROZEN_MODELS, is_cached, vectors_key
from softnce.inputs.prepare import token_tables_name, tokenizer_name
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
class _StoredStudy:
    """What a study's folder holds: its configuration, the digests of its data and weights."""

    config: Config
    data: str
    weights: Mapping[str, str]
    cache: Path


def trained_models(study: Path) -> list[TrainedModel]:
    """Load the frozen models that a study has trained; those it has not are left out.

    Args:
        study: its folder.

    Raises:
        ConfigError: it is no study's folder, or its files are damaged.
        SetupError: the pretrained encoder of a model is out of reach.
    """
    stored = _stored(study)
    if not any(stored.cache.glob("*-weights")):
        return []
    found = [_trained(model, stored) for model in FROZEN_MODELS]
    return [one for one in found if one is not None]


def _trained(model: str, study: _StoredStudy) -> TrainedModel | None:
    """Build a model from its study's configuration; its weights lie where vectors_key says."""
    frozen = FROZEN_MODELS[model]
    section = frozen.configured(study.config).encoder
    if section.model and frozen.starts_at not in study.weights:
        return None  # no trial uses it
    tokenizer = tokenizer_name(section, study.data) if section.kind == "static" else ""
    if tokenizer and not (study.cache / f"{tokenizer}.json").exists():
        return None
    encoder = build_encoder(section, study.cache / f"{tokenizer}.json", seed=0)
    tokens = token_tables_name(encoder, study.data, kind=frozen.tokens)
    prepared = _named(study, tokens)
    prepared = replace(prepared, vectors={model: vectors_key(model, study.config, prepared)})
    if not is_cached(model, prepared):
        return None
    encoder.model.load_state_dict(prepared.frozen_weights(model))
    return TrainedModel(model, encoder, frozen.score(study.config))


def _named(study: _StoredStudy, tokens: str) -> Prepared:
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


def _stored(study: Path) -> _StoredStudy:
    config, fingerprint = study / "config.yaml", study / "study.json"
    if not (config.is_file() and fingerprint.is_file()):
        raise ConfigError(
            f"--study {study}: not a study's folder, config.yaml or study.json is not in it",
            "name the folder that softnce search wrote",
        )
    try:
        stored = json.loads(fingerprint.read_text(encoding="utf-8"))
        data, weights = str(stored["data"]), dict(stored.get("weights", {}))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"{fingerprint}: damaged, so the study's models cannot be found"
        ) from error
    settings = load_config(config)
    return _StoredStudy(settings, data, weights, settings.resources.cache_in(study))
