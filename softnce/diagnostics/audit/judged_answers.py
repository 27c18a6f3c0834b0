"""Pairs whose truth is known from elsewhere: judged by people, or several right answers."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from softnce.data.judged.judged_set import Codebase, SearchedCode, SetOptions
from softnce.data.judged.judgements import judged_sets, judgement_file
from softnce.data.judged.read import read_evaluation_set
from softnce.data.reading import Tally
from softnce.data.source_code.stripping import without_query
from softnce.data.tables import require_there
from softnce.diagnostics.audit.precision import Truth
from softnce.diagnostics.human_agreement import JudgedPair
from softnce.errors import DataError

_RIGHT = 2.0  # the grade from which a code answers, where grades go further than 1


def judged_answers(
    path: Path, options: SetOptions, *, most: int, seed: int
) -> tuple[Truth, list[JudgedPair]]:
    """Read pairs that are known to be right or wrong.

    Where people graded pairs, CodeSearchNet's annotationStore or alike, right is a grade of 2 or
    more (of 1 where none is higher). Where a set only names several right answers of a query, they
    stand beside as many codes drawn at random.

    Args:
        path: of a set to evaluate on.
        options: how it is read.
        most: pairs at most.
        seed: of the sample.

    Raises:
        DataError: the set cannot be read, or tells nothing of that kind.
    """
    require_there(path, "check --judged")
    store = judgement_file(path, options.split) if path.is_dir() else None
    draw = np.random.default_rng(seed)
    truth: Truth = "answers" if store is None else "people"
    if store is None:
        found = list(_several(read_evaluation_set(path, options).codebases, draw))
    else:
        tally = Tally(options.max_bad_share, options.language)
        found = list(_graded(judged_sets(store, path, options, tally)))
    if len({one.answers for one in found}) < 2:
        raise DataError(
            f"{path} has neither graded judgements, right ones and wrong ones, nor queries with "
            "several right answers",
            "name another set with --judged",
        )
    return truth, [found[place] for place in draw.permutation(len(found))[:most]]


def _graded(codebases: Sequence[Codebase]) -> Iterator[JudgedPair]:
    grades = [g for one in codebases for query in one.queries for g in query.grades.values()]
    least = _RIGHT if max(grades, default=0.0) > 1 else 1.0
    for codebase in codebases:
        for query in codebase.queries:
            for key, grade in query.grades.items():
                yield _pair(query.text, codebase.codes[key], answers=grade >= least)


def _several(codebases: Sequence[Codebase], draw: np.random.Generator) -> Iterator[JudgedPair]:
    for codebase in codebases:
        names = list(codebase.codes)
        for query in codebase.queries:
            if len(query.grades) < 2 or len(query.grades) >= len(names):
                continue
            wrong = [names[place] for place in draw.permutation(len(names))]
            wrong = [name for name in wrong if name not in query.grades][: len(query.grades)]
            for key in (*query.grades, *wrong):
                yield _pair(query.text, codebase.codes[key], answers=key in query.grades)


def _pair(query: str, code: SearchedCode, *, answers: bool) -> JudgedPair:
    docstring = code.own
    bare = without_query(code.text, [docstring], code.language)
    return JudgedPair(query, bare, docstring if docstring != query else "", answers)
