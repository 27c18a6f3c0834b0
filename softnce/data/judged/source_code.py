"""A folder of code as a set: the docstrings ask, and all functions are searched."""

from pathlib import Path

from softnce.data.judged.judged_set import Codebase, JudgedQuery, SearchedCode, SetOptions
from softnce.data.mining.function_extraction import Source, extract
from softnce.data.mining.functions import functions_of
from softnce.data.mining.source_text import UnreadableError
from softnce.data.mining.sources import sources
from softnce.data.reading import Tally
from softnce.data.source_code.languages.table import LANGUAGES, language_of, languages_named

GradesOfQueries = dict[tuple[str, str], dict[str, float]]


def is_code(path: Path) -> bool:
    """Tell whether a path is a file of code."""
    return path.is_file() and language_of(path.name) is not None


def code_set(path: Path, options: SetOptions, tally: Tally) -> Codebase:
    """Read functions as they stand; each docstring that mining would take asks for its own.

    A docstring that several functions have is answered by each of them.

    Args:
        path: a folder or a file of code.
        options: how it is read; its split plays no part.
        tally: the account of files that cannot be read.

    Raises:
        DataError: no file of code is there.
    """
    languages = languages_named([options.language] if options.language else [])
    found = sources([path], languages, seed=options.seed)
    tally.dropped.update({f"{reason}s": count for reason, count in found.skipped.items()})
    tally.dropped.update([f"folders that cannot be read: {fault}" for _, fault in found.faults])
    codes: dict[str, SearchedCode] = {}
    grades_of: GradesOfQueries = {}
    for source in sorted(found.files, key=lambda one: one.name):
        _read(source, codes, grades_of, tally)
    queries = [
        JudgedQuery(text, grades, language) for (text, language), grades in grades_of.items()
    ]
    return Codebase("", tuple(queries), codes)


def _read(
    source: Source, codes: dict[str, SearchedCode], grades_of: GradesOfQueries, tally: Tally
) -> None:
    language = LANGUAGES[source.language].name
    try:
        functions = functions_of(source.path, language)
    except (OSError, UnreadableError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        tally.dropped.update([f"files that cannot be read: {reason}"])
        return
    queries = {one.lines: one.query for one in extract(source).functions}
    for one in functions:
        key = f"{source.name}#L{one.lines[0]}-L{one.lines[1]}"
        query = queries.get(one.lines, "")
        codes[key] = SearchedCode(one.text, language, own=query)
        if query:
            grades_of.setdefault((query, language), {})[key] = 1.0
