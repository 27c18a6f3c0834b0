"""What every trial of a study shares, made once: token ids, the tokenizer, terms.

Everything lies in a content-addressed cache: the second trial, and the second study on the same
data, tokenise nothing. What only some estimators read is made only for those.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from softnce.config.config import Config
from softnce.config.sections.method import SimCSESection
from softnce.config.sections.training import EncoderSection
from softnce.data.pairs import PairSet, Queries
from softnce.encoders.encoder import Encoder
from softnce.encoders.static import static_encoder, train_tokenizer
from softnce.errors import DataError, SetupError
from softnce.inputs.tables import (
    TermKind,
    duplicate_tables,
    hard_negatives,
    named,
    opened,
    term_tables,
    without,
)
from softnce.ragged import Ragged, open_array, save_arrays
from softnce.weights.cache import cache_key
from softnce.weights.table import ESTIMATORS
from softnce.whole_files import write_text

Tell = Callable[[str], None]
TokenKind = Literal["token-tables", "simcse-tokens"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """Where the shared inputs of a study lie.

    Attributes:
        cache: root of the cache.
        data: digest of the pairs.
        tokenizer: name of the static encoder's tokenizer; empty for a pretrained encoder.
        tokens: name of the token tables.
        terms: name of the BM25 term tables.
        train: number of training pairs.
        valid: number of validation queries.
        candidates: number of functions they are ranked against.
        negatives: number of hard negatives of each training pair.
        simcse: name of the token table of SimCSE's queries; empty where it is not used.
        groups: name of the groups of duplicates; empty where they are not used.
        weights: digest of the pretrained weights that encoder and simcse start at, where they do.
        vectors: name of the vectors of each frozen model, once it is known.
    """

    cache: str
    data: str
    tokenizer: str
    tokens: str
    terms: str
    train: int
    valid: int
    candidates: int
    negatives: int = 0
    simcse: str = ""
    groups: str = ""
    weights: Mapping[str, str] = field(default_factory=dict)
    vectors: Mapping[str, str] = field(default_factory=dict)

    def table(self, name: str) -> Ragged:
        """Memory-map a token table.

        Its name is train_queries, train_codes, train_negatives, valid, test or candidates.
        """
        return opened(Path(self.cache) / self.tokens, name)

    def answers(self, split: str) -> torch.Tensor:
        """Return (q,) the candidate that answers each query of valid or test."""
        array = open_array(Path(self.cache) / self.tokens, f"{split}_answers")
        return torch.from_numpy(np.array(array, dtype=np.int64))

    def term_table(self, name: str, tokens: TermKind = "words") -> Ragged:
        """Return the term ids of queries, codes or negatives of the training split.

        Args:
            name: of the texts.
            tokens: what counts as a term; subwords are those of the encoder's tokenizer.
        """
        if tokens != "subwords":
            return opened(Path(self.cache) / self.terms, f"{tokens}_{name}")
        special = open_array(Path(self.cache) / self.tokens, "special_ids")
        return without(self.table(f"train_{name}"), np.array(special))

    def docstring_rows(self) -> torch.Tensor:
        """Return (n,) the training row whose docstring each candidate has, -1 where none has it.

        Candidates are the training rows, then the hard negatives of all rows. A hard negative has
        the docstring of the first training function with the same text.
        """
        rows = torch.arange(self.train)
        if not self.negatives:
            return rows
        found = open_array(Path(self.cache) / self.terms, "docstrings")
        return torch.cat([rows, torch.from_numpy(np.array(found, dtype=np.int64))])

    def frozen_vectors(self, model: str, table: str) -> NDArray[np.float32]:
        """Memory-map a frozen model's (n, d) vectors of the training queries, codes or negatives.

        Raises:
            DataError: they belong to other data.
        """
        wanted = self.train * (self.negatives if table == "negatives" else 1)
        name = self.vectors.get(model, "")
        folder = Path(self.cache) / name
        if not name or not (folder / f"{table}.npy").exists():
            raise DataError(f"{model}: its vectors of the training {table} have not been prepared")
        vectors: NDArray[np.float32] = open_array(folder, table)  # type: ignore[assignment]
        if len(vectors) != wanted:
            raise DataError(
                f"{folder}: {len(vectors)} vectors for {self.train} training pairs: they belong to "
                "other data; delete the folder, and it is made anew"
            )
        return vectors

    def frozen_weights(self, model: str) -> dict[str, torch.Tensor]:
        """Return a frozen model's trained weights."""
        folder = Path(self.cache) / f"{self.vectors.get(model, model)}-weights"
        if not folder.is_dir():
            raise DataError(f"{model}: its weights have not been prepared")
        return {
            path.stem: torch.from_numpy(np.load(path, allow_pickle=False))
            for path in sorted(folder.glob("*.npy"))
        }

    def duplicate_groups(self, table: str) -> torch.Tensor:
        """Return (n,) the group of duplicates of each training query or code.

        The codes' groups go on with those of the hard negatives.
        """
        array = open_array(Path(self.cache) / self.groups, table)
        return torch.from_numpy(np.array(array, dtype=np.int64))

    def encoder(self, section: EncoderSection, *, seed: int) -> Encoder:
        """Build the encoder as it is before training."""
        return build_encoder(section, Path(self.cache) / f"{self.tokenizer}.json", seed=seed)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields, to be sent to another process."""
        return asdict(self)


def build_encoder(section: EncoderSection, tokenizer: Path, *, seed: int) -> Encoder:
    """Build an encoder from its section; the seed draws a static encoder's first weights."""
    if section.kind == "static":
        return static_encoder(
            _opened(tokenizer),
            dimensions=section.dimensions,
            similarity=section.similarity,
            generator=torch.Generator().manual_seed(seed),
        )
    from softnce.encoders.transformer import transformer_encoder  # seconds to import

    return transformer_encoder(
        str(section.model),
        pooling=section.pooling,
        similarity=section.similarity,
        max_length=section.max_length,
        packing=section.packing,
    )


def _opened(tokenizer: Path) -> Tokenizer:
    """Open a tokenizer of the cache.

    Raises:
        DataError: it is missing or damaged.
    """
    try:
        return Tokenizer.from_file(str(tokenizer))
    except Exception as error:  # all that the library raises
        raise DataError(
            f"{tokenizer}: a damaged tokenizer",
            "remove it, and the same softnce search makes it anew",
        ) from error


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
        SetupError: the model that SimCSE starts at is out of reach.
    """
    _require_enough(config, pairs)
    asked = {*models, *config.models}
    wanted = {kind for name in asked for kind in ESTIMATORS[name].inputs}
    cache.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer(config, pairs, cache, tell)
    encoder = build_encoder(config.encoder, cache / f"{tokenizer}.json", seed=0)
    weights = {"encoder": encoder.weights_digest()} if config.encoder.model else {}
    simcse = ""
    if "simcse-tokens" in wanted:
        simcse, weights["simcse"] = _simcse_tokens(config, pairs, cache, tell)
    return Prepared(
        cache=str(cache),
        data=pairs.digest,
        tokenizer=tokenizer,
        tokens=_token_tables(encoder, pairs, cache, tell),
        terms=term_tables(pairs, cache),
        train=len(pairs.train),
        valid=len(pairs.valid.texts),
        candidates=len(pairs.candidates),
        negatives=config.data.negatives,
        simcse=simcse,
        groups=duplicate_tables(pairs, cache, tell) if "groups" in wanted else "",
        weights=weights,
    )


def _require_enough(config: Config, pairs: PairSet) -> None:
    source = config.data.path or "the mined data"
    if len(pairs.train) < config.optim.batch_size:
        raise DataError(
            f"{source}: {len(pairs.train)} training pairs do not fill one batch of "
            f"{config.optim.batch_size}: lower optim.batch_size or add pairs"
        )
    _require_negatives(pairs, source, config.data.negatives)
    if not pairs.valid.texts:
        raise DataError(
            f"{source}: no validation queries, so nothing can be compared: add a valid.jsonl "
            "(with its codebase.jsonl), or give one file of pairs, which is split by itself"
        )


def _require_negatives(pairs: PairSet, source: str, asked: int) -> None:
    for pair in pairs.train:
        if len(pair.negatives) != asked:
            raise DataError(
                f"{source}: {pair.id} has {len(pair.negatives)} hard negatives, data.negatives is "
                f"{asked}: read the pairs with negatives={asked}"
            )


def tokenizer_name(section: EncoderSection, data: str) -> str:
    """Name the tokenizer that a static encoder trains on the data of this digest."""
    return cache_key("tokenizer", data=data, size=section.vocabulary, length=section.max_length)


def token_tables_name(encoder: Encoder, data: str, *, kind: TokenKind = "token-tables") -> str:
    """Name the token tables that an encoder makes of the data of this digest."""
    return cache_key(kind, data=data, tokenizer=encoder.tokenizer_digest())


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
        return tokenizer.exists() and _opened(tokenizer) is not None
    except DataError:
        return False


def _token_tables(encoder: Encoder, pairs: PairSet, cache: Path, tell: Tell) -> str:
    name = token_tables_name(encoder, pairs.digest)
    if not (cache / name).is_dir():
        tell(f"tokenising {len(pairs.train) + len(pairs.candidates):,} functions")
        arrays = {
            **named("train_queries", encoder.tokenize([pair.query for pair in pairs.train])),
            **named("train_codes", encoder.tokenize([pair.code for pair in pairs.train])),
            **named("train_negatives", encoder.tokenize(hard_negatives(pairs))),
            **named("candidates", encoder.tokenize(pairs.candidates)),
            **_split_arrays("valid", encoder, pairs.valid),
            **_split_arrays("test", encoder, pairs.test),
            "special_ids": np.array(sorted(encoder.special_ids()), dtype=np.int64),
        }
        save_arrays(cache / name, arrays)
    return name


def _split_arrays(split: str, encoder: Encoder, queries: Queries) -> dict[str, NDArray[np.generic]]:
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
            f"{len(pairs.train)} training queries do not fill one batch of {size}: "
            "lower weights.simcse.batch_size"
        )
    try:
        encoder = build_encoder(simcse_encoder(section), cache, seed=0)
    except SetupError as error:
        message = str(error).replace("encoder.model", "weights.simcse.model", 1)
        raise SetupError(message) from error
    name = token_tables_name(encoder, pairs.digest, kind="simcse-tokens")
    if not (cache / name).is_dir():
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


def prepared_from(fields: Mapping[str, Any]) -> Prepared:
    """Rebuild what as_dict returned."""
    return Prepared(**fields)
