"""The pools of a study whose hard negatives a frozen guide finds, made once and cached."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from softnce.config.config import Config
from softnce.config.sections.data import BM25, TEACHER
from softnce.data.pairs import PairSet
from softnce.encoders.encoder import Encoder
from softnce.errors import ConfigError, SetupError
from softnce.inputs.hard_negatives import bm25_guide, encoder_guide, vector_guide
from softnce.inputs.negative_pools import Score, negative_pools, opened_pools, save_pools
from softnce.inputs.prepared import Prepared
from softnce.inputs.tables import languages_digest
from softnce.ragged import is_whole
from softnce.weights.cache import cache_key

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")  # of a function: another in every process


def with_pools(
    config: Config, prepared: Prepared, pairs: PairSet, tell: Callable[[str], None]
) -> Prepared:
    """Find what hard negatives are drawn from, unless the guide is yet to be trained, or is none.

    Args:
        config: of the study.
        prepared: its inputs, with groups of duplicates.
        pairs: its data, of which the training split alone is read.
        tell: is handed a sentence before long work, and what was found.

    Raises:
        DataError: a query has too few functions that are no duplicates.
        SetupError: the guide is out of reach.
    """
    section = config.data
    if not section.is_guided or section.negatives_from == TEACHER:
        return prepared
    if section.negatives_from == BM25:
        return _with(config, prepared, BM25, lambda: bm25_guide(pairs.train), tell)
    from softnce.encoders.transformer import stored_encoder  # seconds to import

    try:
        encoder = stored_encoder(section.negatives_from)
    except (SetupError, ConfigError) as error:
        raise error.at("data.negatives_from") from error
    digest = _digest(encoder, pairs)
    known = replace(prepared, weights={**prepared.weights, "guide": digest})
    return _with(config, known, digest, lambda: encoder_guide(pairs.train, encoder), tell)


def with_taught_pools(config: Config, prepared: Prepared, tell: Callable[[str], None]) -> Prepared:
    """Find what hard negatives are drawn from where the guide is the study's trained teacher.

    Args:
        config: of the study.
        prepared: its inputs, with the teacher's vectors.
        tell: as above.
    """
    vectors = prepared.vectors.get(TEACHER, "")
    if config.data.negatives_from != TEACHER or not is_whole(Path(prepared.cache) / vectors):
        return prepared

    def guide() -> Score:
        queries, codes = (
            torch.from_numpy(np.array(prepared.frozen_vectors(TEACHER, name)))
            for name in ("queries", "codes")
        )
        return vector_guide(queries, codes, kind=config.weights.teacher.score)

    return _with(config, prepared, f"{vectors}-{config.weights.teacher.score}", guide, tell)


def _digest(encoder: Encoder, pairs: PairSet) -> str:
    """Return a name that changes whenever the guide's vectors of the data would."""
    return cache_key(
        "guide",
        weights=encoder.weights_digest(),
        tokens=encoder.tokenizer_digest(),
        modules=_ADDRESS.sub("", repr(encoder.sentence_transformer())),
        languages=languages_digest(pairs) if encoder.reads_languages else "",
    )


def _with(
    config: Config,
    prepared: Prepared,
    guide: str,
    score: Callable[[], Score],
    tell: Callable[[str], None],
) -> Prepared:
    rule, least = config.data.guide, config.data.negatives
    name = cache_key(
        "negative-pools", groups=prepared.groups, guide=guide, pool=rule.pool, margin=rule.margin,
        least=least,
    )  # fmt: skip
    folder = Path(prepared.cache) / name
    if not is_whole(folder):
        tell(f"looking for hard negatives among {prepared.train:,} functions")
        groups = (
            prepared.duplicate_groups("queries").numpy(),
            prepared.duplicate_groups("codes").numpy(),
        )
        found = negative_pools(groups, score(), size=rule.pool, margin=rule.margin, least=least)
        save_pools(folder, found)
    tell(opened_pools(folder).told())
    return replace(prepared, pools=name)
