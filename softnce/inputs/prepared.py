"""Where the shared inputs of a study lie, and how a trial opens them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from softnce.config.sections.training import EncoderSection
from softnce.encoders.adapters import Adapters
from softnce.encoders.encoder import Encoder
from softnce.encoders.options import PretrainedOptions
from softnce.encoders.static import static_encoder
from softnce.errors import DataError
from softnce.evaluation.ranking import macro_metrics, retrieval_metrics
from softnce.inputs.negative_pools import NegativePools, opened_pools
from softnce.inputs.tables import TermKind, array, opened, without
from softnce.inputs.validation_sample import Sample, SampleSize, drawn_sample
from softnce.ragged import Ragged


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
        negatives: number of hard negatives that each training pair brings along.
        simcse: name of the token table of SimCSE's queries; empty where it is not used.
        groups: name of the groups of duplicates; empty where they are not used.
        weights: digest of the pretrained weights that encoder and simcse start at, where they do,
            and of the languages of the codes where the encoder reads them.
        vectors: name of the vectors of each frozen model, once it is known.
        pools: name of what a guide's hard negatives are drawn from; empty where there is no guide,
            or it is a teacher that has yet to be trained.
        languages: name of the table of languages.
        is_averaged_by_language: whether a metric is the mean over languages, not over queries.
        validated_on: how much of the validation split trials look at; all where it is absent.
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
    pools: str = ""
    validated_on: SampleSize | None = None
    languages: str = ""
    is_averaged_by_language: bool = False

    def table(self, name: str) -> Ragged:
        """Memory-map a token table.

        Its name is train_queries, train_codes, train_negatives, valid, test or candidates; with
        data flow candidates_as_text, too.
        """
        return opened(Path(self.cache) / self.tokens, name)

    def answers(self, split: str) -> torch.Tensor:
        """Return (q,) the candidate that answers each query of valid or test."""
        found = array(Path(self.cache) / self.tokens, f"{split}_answers")
        return torch.from_numpy(np.array(found, dtype=np.int64))

    def language_numbers(self, split: str) -> NDArray[np.int64]:
        """Return (n,) the number of the language of each pair of train, or query of valid."""
        return np.array(array(Path(self.cache) / self.languages, split), dtype=np.int64)

    def summed_up(self, ranks: torch.Tensor) -> dict[str, float]:
        """Return the metrics of the validation queries that trials look at.

        Args:
            ranks: (q,) of those queries, in order.
        """
        if not self.is_averaged_by_language:
            return retrieval_metrics(ranks)
        numbers = self.language_numbers("valid")[self.validation_sample().queries]
        return macro_metrics(ranks, torch.from_numpy(numbers))

    @property
    def looked_at(self) -> SampleSize:
        """How many validation queries and candidates trials look at."""
        return self.validated_on or SampleSize(self.valid, self.candidates)

    def validation_sample(self) -> Sample:
        """Return the rows of the validation split and of the candidates that trials look at."""
        return drawn_sample(self.answers("valid").numpy(), self.candidates, self.looked_at)

    def term_table(self, name: str, tokens: TermKind = "words") -> Ragged:
        """Return the term ids of queries, codes or negatives of the training split.

        Args:
            name: of the texts.
            tokens: what counts as a term; subwords are those of the encoder's tokenizer.
        """
        if tokens != "subwords":
            return opened(Path(self.cache) / self.terms, f"{tokens}_{name}")
        special = array(Path(self.cache) / self.tokens, "special_ids")
        return without(self.table(f"train_{name}"), np.array(special))

    def docstring_rows(self) -> torch.Tensor:
        """Return (n,) the training row whose docstring each candidate has, -1 where none has it.

        Candidates are the training rows, then the hard negatives of all rows. A hard negative has
        the docstring of the first training function with the same text.
        """
        rows = torch.arange(self.train)
        if not self.negatives:
            return rows
        found = array(Path(self.cache) / self.terms, "docstrings")
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
        vectors: NDArray[np.float32] = array(folder, table)  # type: ignore[assignment]
        if len(vectors) != wanted:
            raise DataError(
                f"{folder}: {len(vectors)} vectors for {self.train} training pairs: they belong "
                "to other data",
                "delete the folder, and it is made anew",
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
        found = array(Path(self.cache) / self.groups, table)
        return torch.from_numpy(np.array(found, dtype=np.int64))

    def negative_pools(self) -> NegativePools:
        """Memory-map what hard negatives are drawn from.

        Raises:
            DataError: it has not been prepared.
        """
        if not self.pools:
            raise DataError("data.negatives_from: the guide's pools have not been prepared")
        return opened_pools(Path(self.cache) / self.pools)

    def encoder(self, section: EncoderSection, *, seed: int) -> Encoder:
        """Build the encoder as it is before training."""
        return build_encoder(section, Path(self.cache) / f"{self.tokenizer}.json", seed=seed)


def build_encoder(section: EncoderSection, tokenizer: Path, *, seed: int) -> Encoder:
    """Build an encoder from its section; the seed draws the weights that it does not load."""
    if section.kind == "static":
        return static_encoder(
            open_tokenizer(tokenizer),
            dimensions=section.dimensions,
            similarity=section.similarity,
            generator=torch.Generator().manual_seed(seed),
        )
    from softnce.encoders.transformer import transformer_encoder  # seconds to import

    options = pretrained_options(section, seed=seed)
    with torch.random.fork_rng(devices=[]):  # of weights that the model's file may lack
        torch.manual_seed(seed)
        return transformer_encoder(str(section.model), options)


def pretrained_options(section: EncoderSection, *, seed: int) -> PretrainedOptions:
    """Return how a section has its pretrained model read texts; the seed draws adapters."""
    lora, names = section.lora, {one.name for one in fields(PretrainedOptions)} - {"adapters"}
    options = PretrainedOptions(**{name: getattr(section, name) for name in names})
    if lora.rank is None:
        return options
    adapters = Adapters(lora.rank, lora.factor, lora.dropout, lora.targets, seed)
    return replace(options, adapters=adapters)


def open_tokenizer(tokenizer: Path) -> Tokenizer:
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
