"""What every trial of a study shares, made once: token ids, the tokenizer, terms.

Everything lies in a content-addressed cache: the second trial, and the second study on the same
data, tokenise nothing. What only some estimators read is made only for those.
"""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from softnce.config.config import Config
from softnce.config.sections.frozen_models import SimCSESection
from softnce.config.sections.training import EncoderSection
from softnce.data.pairs import PairSet, SplitQueries
from softnce.encoders.encoder import Encoder
from softnce.encoders.options import SIDE_FILE
from softnce.encoders.static import train_tokenizer
from softnce.errors import ConfigError, DataError, SetupError
from softnce.inputs.guided import with_pools
from softnce.inputs.pairs import require_enough
from softnce.inputs.prepared import Prepared, build_encoder, open_tokenizer
from softnce.inputs.tables import (
    code_tables,
    duplicate_tables,
    language_table,
    languages_digest,
    named,
    opened,
    term_tables,
)
from softnce.inputs.validation_sample import TextLengths, sample_size
from softnce.ragged import is_whole, save_arrays
from softnce.weights.cache import cache_key
from softnce.weights.table import ESTIMATORS
from softnce.whole_files import write_text

_TRAINED = ("train_queries", "train_codes", "train_negatives")
LANGUAGES = "languages"  # beside the digests of weights: a study with others is another one
_RANKED = ("valid", "candidates")
Tell = Callable[[str], None]
TokenKind = Literal["token-tables", "simcse-tokens"]


def prepare(
    config: Config, pairs: PairSet, cache: Path, *, tell: Tell, models: Collection[str] = ()
) -> Prepared:
    """Fill the cache with what the trials of a configuration need.

    Args:
        config: of the study.
        pairs: its data.
        cache: root of the cache.
        tell: is handed a sentence before each long piece of work.
        models: estimators that some trial may ask, besides the configuration's own.

    Raises:
        DataError: too few training pairs or no validation queries.
        ConfigError: vectors cannot be cut to the sizes of ``loss.matryoshka``.
        SetupError: the model that SimCSE starts at is out of reach.
    """
    require_enough(config, pairs)
    estimators_needed = {*models, *config.models}
    wanted = {kind for name in estimators_needed for kind in ESTIMATORS[name].inputs}
    wanted |= {"groups"} if config.data.is_guided else set()
    cache.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer(config, pairs, cache, tell)
    encoder = build_encoder(config.encoder, cache / f"{tokenizer}.json", seed=0)
    _check_sizes(encoder, config)
    _tell_of_unread_flow(config.encoder, tell)
    weights = {"encoder": encoder.weights_digest()} if config.encoder.model else {}
    simcse = ""
    if "simcse-tokens" in wanted:
        simcse, weights["simcse"] = _simcse_tokens(config, pairs, cache, tell)
    if encoder.reads_languages:
        weights[LANGUAGES] = languages_digest(pairs)
    tokens = _token_tables(encoder, pairs, cache, weights.get(LANGUAGES, ""), tell)
    prepared = Prepared(
        cache=str(cache),
        data=pairs.digest,
        tokenizer=tokenizer,
        tokens=tokens,
        terms=term_tables(pairs, cache),
        train=len(pairs.train),
        valid=len(pairs.valid.texts),
        candidates=len(pairs.candidates),
        negatives=config.data.column_negatives,
        validated_on=sample_size(
            config,
            train=len(pairs.train),
            queries=len(pairs.valid.texts),
            candidates=len(pairs.candidates),
            lengths=_lengths(encoder, cache / tokens, train=len(pairs.train)),
        ),
        simcse=simcse,
        groups=duplicate_tables(pairs, cache, tell) if "groups" in wanted else "",
        weights=weights,
        languages=language_table(pairs, cache),
        is_averaged_by_language=config.search.average == "languages",
    )
    return with_pools(config, prepared, pairs, tell)


def _check_sizes(encoder: Encoder, config: Config) -> None:
    """Refuse sizes of vectors that the encoder's own do not exceed."""
    largest = max(config.loss.matryoshka, default=0)
    if largest >= encoder.dimensions:
        raise ConfigError(
            f"loss.matryoshka: {largest} is not below the {encoder.dimensions} dimensions of the "
            "encoder's vectors",
            "give smaller sizes; the whole vectors count anyway",
        )


def _tell_of_unread_flow(section: EncoderSection, tell: Tell) -> None:
    """Say it where a model that was trained with data flow is to read code as text."""
    if section.model is None or section.dataflow != "off":
        return
    from softnce.encoders.hub import file_beside  # seconds to import

    if file_beside(section.model, SIDE_FILE, section.revision) is not None:
        tell(
            f"{section.model}: was trained with data flow, and encoder.dataflow is off: code is "
            "read as text"
        )


def tokenizer_name(section: EncoderSection, data: str) -> str:
    """Name the tokenizer that a static encoder trains on the data of this digest."""
    return cache_key("tokenizer", data=data, size=section.vocabulary, length=section.max_length)


def token_tables_name(
    encoder: Encoder, data: str, *, kind: TokenKind = "token-tables", languages: str = ""
) -> str:
    """Name the token tables that an encoder makes of the data of this digest.

    Args:
        encoder: tokenises.
        data: digest of the texts.
        kind: of the tables.
        languages: digest of those of the codes; "" where the encoder does not ask for them.
    """
    read = {"languages": languages} if languages else {}
    return cache_key(kind, data=data, tokenizer=encoder.tokenizer_digest(), **read)


def _tokenizer(config: Config, pairs: PairSet, cache: Path, tell: Tell) -> str:
    section = config.encoder
    if section.kind != "static":
        return ""
    name = tokenizer_name(section, pairs.digest)
    path = cache / f"{name}.json"
    if not _is_whole(path):
        tell(f"training a tokenizer of {section.vocabulary:,} tokens")
        texts = [text for pair in pairs.train for text in (pair.query, pair.code)]
        trained = train_tokenizer(
            texts, vocabulary=section.vocabulary, max_length=section.max_length
        )
        write_text(path, trained.to_str())
    return name


def _is_whole(tokenizer: Path) -> bool:
    try:
        return tokenizer.exists() and open_tokenizer(tokenizer) is not None
    except DataError:
        return False


def _token_tables(encoder: Encoder, pairs: PairSet, cache: Path, languages: str, tell: Tell) -> str:
    name = token_tables_name(encoder, pairs.digest, languages=languages)
    if not is_whole(cache / name):
        tell(f"tokenising {len(pairs.train) + len(pairs.candidates):,} functions")
        arrays = {
            **named("train_queries", encoder.tokenize([pair.query for pair in pairs.train])),
            **code_tables(encoder, pairs, tell),
            **_split_arrays("valid", encoder, pairs.valid),
            **_split_arrays("test", encoder, pairs.test),
            "special_ids": np.array(sorted(encoder.special_ids()), dtype=np.int64),
        }
        save_arrays(cache / name, arrays)
    return name


def _lengths(encoder: Encoder, tables: Path, *, train: int) -> TextLengths:
    """Average the lengths of the texts, at least one token each."""
    found = {name: encoder.lengths(opened(tables, name)) for name in (*_TRAINED, *_RANKED)}
    whole = {name: float(found[name].sum()) for name in _TRAINED}
    valid, candidates = (found[name] for name in _RANKED)
    return TextLengths(
        pair=max(1.0, sum(whole.values()) / train),
        query=max(1.0, float(valid.mean())) if len(valid) else 1.0,
        candidate=max(1.0, float(candidates.mean())) if len(candidates) else 1.0,
    )


def _split_arrays(
    split: str, encoder: Encoder, queries: SplitQueries
) -> dict[str, NDArray[np.generic]]:
    answers = np.array(queries.answers, dtype=np.int64)
    return {**named(split, encoder.tokenize(queries.texts)), f"{split}_answers": answers}


def _simcse_tokens(config: Config, pairs: PairSet, cache: Path, tell: Tell) -> tuple[str, str]:
    """Tokenise the training queries for SimCSE, which sees each as its own positive.

    Returns:
        The name of the token table, and the digest of the weights that SimCSE starts at.
    """
    section = config.weights.simcse
    size = section.setting("batch_size")
    if len(pairs.train) < size:
        raise DataError(
            f"{len(pairs.train)} training queries do not fill one batch of {size}",
            "lower weights.simcse.batch_size",
        )
    try:
        encoder = build_encoder(simcse_encoder(section), cache, seed=0)
    except (SetupError, ConfigError) as error:
        raise error.at("weights.simcse.model") from error
    name = token_tables_name(encoder, pairs.digest, kind="simcse-tokens")
    if not is_whole(cache / name):
        tell(f"tokenising {len(pairs.train):,} queries for SimCSE")
        tokens = encoder.tokenize([pair.query for pair in pairs.train])
        save_arrays(
            cache / name, {**named("train_queries", tokens), **named("train_codes", tokens)}
        )
    return name, encoder.weights_digest()


def simcse_encoder(section: SimCSESection) -> EncoderSection:
    """Return the encoder that SimCSE trains: masked mean pooling, cosine."""
    return EncoderSection(
        kind="transformer",
        model=section.model,
        pooling="mean",
        similarity="cosine",
        max_length=section.max_length,
    )
