"""Reads a set to evaluate on, in any of its forms; says what was taken out of it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from softnce.data.code_texts import CodeWithQueries, handed_out
from softnce.data.judged.judged_set import Codebase, EvaluationSet, SearchedCode, SetOptions
from softnce.data.judged.judgements import judged_sets, judgement_file
from softnce.data.judged.pair_sets import file_set, folder_set
from softnce.data.judged.sample import sampled
from softnce.data.judged.source_code import code_set, is_code
from softnce.data.reading import Tally, part_files
from softnce.data.source_code.docstrings import Docstrings, occurs
from softnce.data.source_code.stripping import without_query
from softnce.data.tables import require_there
from softnce.errors import DataError


def read_evaluation_set(path: Path, options: SetOptions) -> EvaluationSet:
    """Read queries with their graded answers, and the codes they search.

    Args:
        path: a folder with ``test|valid|codebase`` files; a folder of such folders, one for each
            language; a folder with judgements (``annotationStore``, ``qrels``) and a codebase;
            one file of pairs; or a folder or file of code, whose docstrings are the queries.
        options: how it is read.

    Raises:
        DataError: something is missing, damaged or bad beyond the share, or no query is left.
    """
    require_there(path, "check the path")
    tally = Tally(options.max_bad_share, options.language)
    mined = _mined(path, options, tally)
    raw = _raw(path, options, tally) if mined is None else [mined]
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
    spoken = [_spoken(one, options.docstrings, dropped) for one in answered]
    answered = [_answered(one, dropped) for one, _, _ in spoken]
    whole = (sum(len(c.queries) for c in answered), sum(len(c.codes) for c in answered))
    return EvaluationSet(
        name=path.resolve().name.split(".")[0],
        codebases=tuple(sampled(answered, options.max_candidates, seed=options.seed)),
        whole=whole,
        docstrings=options.docstrings,
        stripped=sum(stripped for _, stripped, _ in spoken),
        documented=sum(documented for _, _, documented in spoken),
        leaks=leaks,
        dropped=dict(dropped.most_common()),
        examples=tuple(tally.examples),
        is_mined=mined is not None,
    )


def _mined(path: Path, options: SetOptions, tally: Tally) -> Codebase | None:
    """Read a path as code; None where it is a set, or nothing that is known."""
    if path.is_dir():
        held = [path, *(one for one in sorted(path.iterdir()) if one.is_dir())]
        if judgement_file(path, options.split) is not None or any(map(_has_parts, held)):
            return None
    elif not is_code(path):
        return None
    try:
        return code_set(path, options, tally)
    except DataError:
        if is_code(path):
            raise
        return None


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


def _spoken(
    codebase: Codebase, docstrings: Docstrings, dropped: Counter[str]
) -> tuple[Codebase, int, int]:
    """Give the codes of a codebase the texts that a search gives them.

    Returns:
        The codebase, the codes that lost a docstring or a comment, and those with a docstring.
    """
    queries_of: dict[str, list[str]] = {}
    for one in codebase.queries:
        for key in one.grades:
            queries_of.setdefault(key, []).append(one.text)
    functions = {
        key: _function(code, queries_of.get(key, ())) for key, code in codebase.codes.items()
    }
    left = {key: one for key, one in functions.items() if one.bare.strip() or docstrings == "keep"}
    if lost := len(functions) - len(left):
        dropped["code holds nothing but its docstring"] += lost
    texts = dict(zip(left, handed_out(list(left.values()), docstrings), strict=True))
    codes = {key: replace(codebase.codes[key], text=text) for key, text in texts.items()}
    return (
        replace(codebase, codes=codes),
        sum(text != left[key].source for key, text in texts.items()),
        sum(len(text) > len(left[key].bare) for key, text in texts.items()),
    )


def _function(code: SearchedCode, queries: Sequence[str]) -> CodeWithQueries:
    distinct = tuple(dict.fromkeys((*code.queries, *queries)))
    own = code.own or next(iter(distinct), "")
    bare = without_query(code.text, [own], code.language)
    return CodeWithQueries(code.text, bare, code.language, distinct, own)
