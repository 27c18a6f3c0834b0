"""The estimators that ``softnce weights`` looks at: any that needs no training of its own."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final

import torch

from softnce.data.pairs import Pair
from softnce.diagnostics.trained_models import TrainedModel
from softnce.encoders.encoder import Side
from softnce.errors import ConfigError, SetupError
from softnce.formula import resolved
from softnce.inputs.frozen_models import FROZEN_MODELS
from softnce.shapes import CandidateRows, QueryRows, Relevance
from softnce.weights.bm25 import BM25Estimator, terms
from softnce.weights.bm25_formula import VariantName
from softnce.weights.duplicates import DuplicatesEstimator, code_groups, query_groups
from softnce.weights.mixture import MixtureEstimator
from softnce.weights.neural import VectorEstimator
from softnce.weights.table import ESTIMATORS, MIXTURE
from softnce.weights.weighting import Estimator

SHOWN = {word: spec for spec in ESTIMATORS.values() for word in spec.words}
ALONE = tuple(SHOWN)
WORDS = (*ALONE, MIXTURE)


@dataclass(frozen=True, slots=True)
class RequestedEstimators:
    """Which estimators are looked at.

    Attributes:
        words: of ``WORDS``; a mixture holds equal shares of all the others.
        models: folders or hub ids of encoders; the score is the cosine of their vectors.
        trained: the frozen models of a study.
    """

    words: Sequence[str] = ()
    models: Sequence[str] = ()
    trained: Sequence[TrainedModel] = ()


@dataclass(frozen=True, slots=True)
class ComparedTexts:
    """What is compared, by row number.

    Attributes:
        queries: their texts.
        codes: the function of each query.
        documents: what all estimators compare the queries with; ``None``: what each does in a
            search, which is queries with queries, or with codes for the teacher.
        languages: of the codes, and of the documents where they are codes; empty: unknown.
    """

    queries: Sequence[str]
    codes: Sequence[str]
    documents: Sequence[str] | None = None
    languages: Sequence[str] = ()


def compared_pairs(pairs: Sequence[Pair]) -> ComparedTexts:
    """Return what is compared where pairs of a batch are, as in training."""
    return ComparedTexts(
        [pair.query for pair in pairs],
        [pair.code for pair in pairs],
        languages=[pair.language for pair in pairs],
    )


def check(requested: RequestedEstimators) -> None:
    """Refuse words that stand for no estimator, and a mixture of fewer than two.

    Raises:
        ConfigError: a word is unknown, or there is nothing to mix.
    """
    for word in requested.words:
        if word not in WORDS:
            raise ConfigError(
                f"--estimator {word}: unknown",
                f"give {', '.join(WORDS)}, or a model's folder with --model",
            )
    others = [
        *(word for word in requested.words if word != MIXTURE),
        *requested.models,
        *requested.trained,
    ]
    if MIXTURE in requested.words and len(others) < 2:
        raise ConfigError(
            "--estimator mixture: it mixes the other estimators, and fewer than two are requested",
            "add --estimator, --model or --study",
        )


def estimators(requested: RequestedEstimators, texts: ComparedTexts) -> Iterator[Estimator]:
    """Build estimators one after another, as a model's vectors take a while.

    Raises:
        SetupError: a model cannot be loaded.
    """
    parts: dict[str, Estimator] = {}
    for built in _alone(requested, texts):
        parts[f"{len(parts)} {built.name}"] = built
        yield built
    if MIXTURE in requested.words:
        yield MixtureEstimator(parts, dict.fromkeys(parts, 1.0))


def _alone(requested: RequestedEstimators, texts: ComparedTexts) -> Iterator[Estimator]:
    for word in requested.words:
        if word in SHOWN:
            spec = SHOWN[word]
            built: Estimator = resolved(spec.from_texts)(word, spec.words[word], texts)
            yield built
    for model in requested.models:
        yield _pretrained(model, texts)
    for one in requested.trained:
        yield _trained(one, texts)


def bm25(word: str, variant: VariantName, texts: ComparedTexts) -> BM25Estimator:
    """Score the texts by the variant of BM25 that a word of the table stands for."""
    documents = None if texts.documents is None else [terms(text) for text in texts.documents]
    queries = [terms(text) for text in texts.queries]
    built = BM25Estimator(queries, documents=documents, variant=variant)
    built.name = word
    return built


def duplicates(word: str, variant: str, texts: ComparedTexts) -> Estimator:
    """Mark the duplicates among the texts."""
    del word, variant
    if texts.documents is None:
        queries, codes = query_groups(texts.queries), code_groups(texts.codes, texts.languages)
        return DuplicatesEstimator(torch.tensor(queries), torch.tensor(codes))
    both = torch.tensor(query_groups([*texts.queries, *texts.documents]))
    return _OffsetDocuments(DuplicatesEstimator(both, torch.arange(len(both))), len(texts.queries))


@final
class _OffsetDocuments(Estimator):
    """Scores by an estimator whose documents are numbered after all queries."""

    def __init__(self, inner: Estimator, queries: int) -> None:
        self.name, self._inner, self._queries = inner.name, inner, queries

    def relevance(self, queries: QueryRows, candidates: CandidateRows) -> Relevance:
        """Score every query against every document."""
        return self._inner.relevance(queries, candidates + self._queries)


def _pretrained(model: str, texts: ComparedTexts) -> VectorEstimator:
    from transformers.utils.logging import disable_progress_bar

    from softnce.encoders.transformer import stored_encoder  # seconds to import

    disable_progress_bar()
    name = "/".join(model.rstrip("/").split("/")[-2:])
    try:
        encoder = stored_encoder(model)
    except (SetupError, ConfigError) as error:
        raise error.at("--model") from error
    return _compared(TrainedModel(name, encoder, "cosine"), texts, texts.queries)


def _trained(model: TrainedModel, texts: ComparedTexts) -> VectorEstimator:
    """Compare queries with codes for the teacher, with queries for SimCSE (section 3.2)."""
    compared = FROZEN_MODELS[model.name].compared
    return _compared(model, texts, texts.codes if compared == "codes" else texts.queries)


def _compared(model: TrainedModel, texts: ComparedTexts, own: Sequence[str]) -> VectorEstimator:
    encoder = model.encoder
    compared = own if texts.documents is None else texts.documents
    side: Side = "query" if compared is texts.queries else "code"
    queries = encoder.encode_all(encoder.tokenize(texts.queries)).numpy()
    languages = texts.languages if side == "code" else ()
    tokens = encoder.tokenize(compared, side=side, languages=languages)
    documents = encoder.encode_all(tokens).numpy()
    device = torch.device("cpu")
    return VectorEstimator(model.name, queries, documents, score=model.score, device=device)
