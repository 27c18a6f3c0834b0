"""``softnce.evaluate``: a model on a set, beside BM25 and fused with it."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from softnce.config.file import data_config, load_config
from softnce.data.judged.judged_set import SetOptions, SplitName
from softnce.data.judged.read import read_evaluation_set
from softnce.data.source_code.docstrings import Docstrings
from softnce.errors import ConfigError
from tune_spaces.confirm.ledger import note_evaluation
from tune_spaces.sources.model import ModelSource, distinct, model_source

if TYPE_CHECKING:
    from softnce.retrieval.evaluation import Evaluation
    from softnce.retrieval.open_model import Progress

Model = str | os.PathLike[str]


def evaluate(  # noqa: PLR0913  (what a user may set)
    model: Model,
    data: str | os.PathLike[str],
    *,
    compare: Model | None = None,
    split: SplitName = "test",
    max_candidates: int | None = None,
    docstrings: Docstrings | None = None,
    seed: int = 0,
    dimensions: Sequence[int] = (),
    settings: Sequence[str] = (),
    progress: "Progress | None" = None,
) -> "Evaluation":
    """Rank all codes of a set for each of its queries, by a model, by BM25, and by their fusion.

    Example::

        found = softnce.evaluate("softnce-studies/quick", "pairs", compare="bm25")
        print(found.mrr, found.bm25.whole.mrr, found.notes)

    Args:
        model: a folder or hub id of a sentence-transformers model, a study (its champion), or
            ``bm25``.
        data: a folder or file as ``data.path`` takes it; a folder of such folders, one for each
            language; a folder with judgements (``annotationStore``, ``qrels``) and a codebase; or a
            folder of code, where each docstring asks for its function among all functions.
        compare: another model, named likewise.
        split: test, valid, or all: the queries of both, or every row of one file.
        max_candidates: number of codes to search, a seeded sample; None searches all.
        docstrings: auto takes out those docstrings and comments that carry a query of their code;
            strip all docstrings; keep none. None: what the study of a model had, else auto.
        seed: of the sample and of the bootstrap.
        dimensions: sizes to which the model's vectors are cut besides, for one trained for this
            (``loss.matryoshka``).
        settings: further settings of ``data``, each ``data.field=value``.
        progress: is told of long work: the phase, how much is done, and of how much.

    Returns:
        Means with 95 % bootstrap intervals over queries, overall and by language; the differences
        in sentences; ``per_query()`` for a table.

    Raises:
        ConfigError: an option or a model's name is wrong.
        DataError: the set cannot be read, or has no such queries.
        SetupError: a model cannot be loaded, or gives no usable vectors.
    """
    if max_candidates is not None and max_candidates < 2:
        raise ConfigError(f"max_candidates {max_candidates}: too few to rank", "allow 2 or more")
    if dimensions and min(dimensions) < 1:
        raise ConfigError(f"dimensions {min(dimensions)}: nothing is left", "give 1 or more")
    sources = distinct([model_source(one) for one in (model, compare) if one is not None])
    if len({one.place for one in sources}) < len(sources):
        raise ConfigError(f"--compare: {sources[0].name} twice", "name another model")
    section = data_config(Path(data), settings).data
    options = SetOptions(
        split=split,
        docstrings=docstrings or _trained_with(sources) or section.docstrings,
        max_candidates=max_candidates,
        columns={str(name): column for name, column in (section.columns or {}).items()},
        language=section.language or "",
        max_bad_share=section.max_bad_share,
        seed=seed,
    )
    tell = progress or _silent
    tell("reading the set", 0, 1)
    for study in (Path(one.place).parent for one in sources if one.is_ours):
        if split != "valid" and (study / "study.json").is_file():
            note_evaluation(study, Path(str(section.path)))
    judged = read_evaluation_set(Path(str(section.path)), options)
    if judged.is_mined:
        options = replace(options, split="all")
    tell("loading models", 0, 1)
    from softnce.retrieval.evaluate import evaluated  # seconds to import
    from softnce.retrieval.rankers import model_ranker

    rankers = [model_ranker(one.place, one.name) for one in sources]
    return evaluated(rankers, judged, options, tell, sizes=sorted({*dimensions}, reverse=True))


def _trained_with(sources: Sequence[ModelSource]) -> Docstrings | None:
    """Return what the search that made one of the models did to docstrings, where one did."""
    for config in (Path(one.place) / "config.yaml" for one in sources if one.is_ours):
        if config.is_file():
            return load_config(config).data.docstrings
    return None


def _silent(phase: str, done: int, total: int) -> None:
    """Tell nobody."""
