"""Reads a set to evaluate on, in any of its forms; says what was taken out of it."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

from softnce.data.judged.judged_set import Codebase, EvaluationSet, SearchedCode, SetOptions
from softnce.data.judged.judgements import judged_sets, judgement_file
from softnce.data.judged.pair_sets import file_set, folder_set
from softnce.data.judged.sample import sampled
from softnce.data.reading import Tally, part_files
from softnce.data.source_code.docstrings import occurs
from softnce.data.source_code.stripping import without_query
from softnce.data.tables import require_there
from softnce.errors import DataError

_LEAKING = 0.05  # share of the queries above which the codes hold their queries as docstrings


def read_evaluation_set(path: Path, options: SetOptions) -> EvaluationSet:
    """Read queries with their graded answers, and the codes they search.

    Args:
        path: a folder with ``test|valid|codebase`` files; a folder of such folders, one for each
            language; a folder with judgements (``annotationStore``, ``qrels``) and a codebase; or
            one file of pairs.
        options: how it is read.

    Raises:
        DataError: something is missing, damaged or bad beyond the share, or no query is left.
    """
    require_there(path, "check the path")
    tally = Tally(options.max_bad_share, options.language)
    raw = _raw(path, options, tally)
    dropped = tally.dropped
    answered = [_answered(one, dropped) for one in raw]
    queries = sum(len(one.queries) for one in answered)
    if not queries:
        raise DataError(
            f"{path}: no {'' if options.split == 'all' else options.split + ' '}queries with a "
            "right answer, so nothing can be evaluated",
            "name a set that has them, or another --split",
        )
    leaks = sum(map(_leaks, answered))
    is_stripped = options.docstrings == "strip" or (
        options.docstrings == "auto" and leaks > _LEAKING * queries
    )
    changed = 0
    if is_stripped:
        before = answered
        answered = [_answered(_stripped(one, dropped), dropped) for one in answered]
        changed = sum(map(_changes, before, answered))
    whole = (sum(len(c.queries) for c in answered), sum(len(c.codes) for c in answered))
    return EvaluationSet(
        name=path.resolve().name.split(".")[0],
        codebases=tuple(sampled(answered, options.max_candidates, seed=options.seed)),
        whole=whole,
        stripped=changed if is_stripped else None,
        leaks=leaks,
        dropped=dict(dropped.most_common()),
    )


def _raw(path: Path, options: SetOptions, tally: Tally) -> list[Codebase]:
    if not path.is_dir():
        return [file_set(path, options, tally)]
    judged = judgement_file(path, options.split)
    if judged is not None:
        return judged_sets(judged, path, options, tally)
    inner = [] if _has_parts(path) else [one for one in sorted(path.iterdir()) if _has_parts(one)]
    if not inner:
        return [folder_set(path, options, tally)]
    found = []
    for one in inner:
        tally.language = options.language or one.name.lower()
        found.append(folder_set(one, options, tally, name=one.name.lower()))
    return found


def _has_parts(folder: Path) -> bool:
    try:
        return folder.is_dir() and bool(part_files(folder))
    except DataError:
        return False


def _answered(codebase: Codebase, dropped: Counter[str]) -> Codebase:
    """Keep the queries that some code answers."""
    kept = []
    for one in codebase.queries:
        grades = {key: g for key, g in one.grades.items() if g > 0 and key in codebase.codes}
        if grades:
            kept.append(replace(one, grades=grades))
    if left := len(codebase.queries) - len(kept):
        dropped["queries without a right answer in the codebase"] += left
    return replace(codebase, queries=tuple(kept))


def _leaks(codebase: Codebase) -> int:
    return sum(
        any(occurs(one.text, codebase.codes[key].text) for key in one.grades)
        for one in codebase.queries
    )


def _stripped(codebase: Codebase, dropped: Counter[str]) -> Codebase:
    codes = {key: _bare(code) for key, code in codebase.codes.items()}
    left = {key: code for key, code in codes.items() if code.text.strip()}
    if lost := len(codes) - len(left):
        dropped["code holds nothing but its docstring"] += lost
    return replace(codebase, codes=left)


def _bare(code: SearchedCode) -> SearchedCode:
    """Take the docstring out of a code, and what repeats a query of its own, as a search does."""
    first = without_query(code.text, code.queries[:1] or [""], code.language)
    return replace(code, text=without_query(first, code.queries, code.language))


def _changes(before: Codebase, after: Codebase) -> int:
    return sum(code.text != before.codes[key].text for key, code in after.codes.items())
