"""Takes the (docstring, function) pairs out of one source file; runs in worker processes.

Imports stay light here: every worker pays for them.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from softnce.data.dedup import Shingles, code_tokens, shingles
from softnce.data.mining.functions import Definition, definitions
from softnce.data.mining.source_text import SECONDS, Deadline, UnreadableError, read_source
from softnce.data.source_code.docstrings import occurring, occurs, query_fault, summary
from softnce.data.source_code.language import Language
from softnce.data.source_code.languages.table import LANGUAGES
from softnce.data.source_code.stripping import without_carriers

MIN_LINES = 3

_GENERATED = re.compile(
    rb"do not edit|@generated|(?:auto|automatically )-?generated"
    rb"|^\W*(?:code )?generated (?:by|from|with)\b",
    re.IGNORECASE | re.MULTILINE,
)
_TAG = re.compile(r"\W*@\w")
_HEAD = 2000  # bytes in which a file says that it is generated, perhaps below a licence
_WIDE = 200  # bytes per line, on average, of minified code; of other code it is 40


@dataclass(frozen=True, slots=True)
class Source:
    r"""A file to mine.

    Attributes:
        path: where it is.
        name: below the folder given, the same on any machine; bytes that are no UTF-8 stand as
            ``\xe9`` in it.
        package: the repository or package that it belongs to, named in the same way.
        language: key of its row in ``LANGUAGES``.
    """

    path: Path
    name: str
    package: str
    language: str


@dataclass(frozen=True, slots=True)
class Function:
    """A documented function: its code without the docstring, its place, and what it is told by.

    Attributes:
        key: equal for codes of equal tokens.
        shingles: of the tokens.
    """

    name: str
    code: str
    docstring: str
    query: str
    lines: tuple[int, int]
    key: bytes
    shingles: Shingles


@dataclass(slots=True)
class FileFunctions:
    """What one file gave: functions, what was dropped and why, what made it unreadable."""

    source: Source
    functions: list[Function] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    seen: int = 0
    fault: str = ""
    skipped: str = ""


def extract_all(sources: Sequence[Source]) -> list[FileFunctions]:
    """Extract the functions of some files in order."""
    return [extract(source) for source in sources]


def extract(source: Source, *, seconds: float = SECONDS) -> FileFunctions:
    """Extract the functions of one file; whatever is wrong with it is named, never raised.

    Args:
        source: the file.
        seconds: of the processor, after which the functions found so far must do.
    """
    result = FileFunctions(source)
    try:
        _fill(result, LANGUAGES[source.language], Deadline(seconds))
    except OSError as error:
        result.fault = error.strerror or type(error).__name__
    except UnreadableError as error:
        result.fault = str(error)
    return result


def _fill(result: FileFunctions, language: Language, deadline: Deadline) -> None:
    content = read_source(result.source.path)
    result.skipped = _skipped(content, language)
    if result.skipped:
        return
    found = definitions(content, language, deadline)
    if found.has_error:
        result.fault = "syntax errors; its sound functions were used"
    for definition in found.functions:
        result.seen += 1
        reason = _unwanted(definition) or _take(definition, result.functions)
        if reason:
            result.dropped[reason] += 1


def _skipped(content: bytes, language: Language) -> str:
    if not content.strip():
        return "empty file"
    if language.is_minified and len(content) > _WIDE * (content.count(b"\n") + 10):
        return "minified file"
    return "generated file" if _GENERATED.search(content[:_HEAD]) else ""


def _unwanted(definition: Definition) -> str | None:
    """Tell at little cost why a function is no pair, or None."""
    language = definition.language
    if definition.node.type in language.skipped_type:
        return language.skipped_type[definition.node.type]
    last = re.split(r"[.#:]", definition.name)[-1]
    for pattern, reason in language.skipped_name:
        if pattern.match(last):
            return reason
    if not definition.documentation:
        return "no docstring"
    return "syntax error" if definition.node.has_error else None


def _take(definition: Definition, into: list[Function]) -> str | None:
    """Add a documented function to those found, or tell why not."""
    docstring = definition.docstring()
    query, code = _query(docstring, definition), definition.code()
    fault = _shortness(code, definition.language) or query_fault(query)
    told = [] if fault else _told(definition, query, docstring, code)
    if told:
        cut = definition.asides_that_hold(told)
        code = definition.code(cut)
        fault = _shortness(code, definition.language)
        if fault is None and occurs(query, code):
            fault = "query repeated in the code"
        if fault is None and definition.strings_that_hold(told, cut):
            fault = "docstring repeated in the code"
    if fault is None:
        code = without_carriers(code, [query], definition.language.name)
        fault = _shortness(code, definition.language)
    if fault is None:
        tokens = code_tokens(code)
        node = definition.node
        lines = (node.start_point.row + 1, node.end_point.row + 1)
        key = hashlib.sha256(" ".join(tokens).encode()).digest()
        told_by = (key, shingles(tokens))
        into.append(Function(definition.name, code, docstring, query, lines, *told_by))
    return fault


def _query(docstring: str, definition: Definition) -> str:
    """Shorten a docstring to a query; a name that opens it by convention is not asked for."""
    text = summary(docstring)
    first, _, rest = text.partition(" ")
    is_name = definition.language.opens_with_name and first.rstrip(",:") == definition.name
    return rest if is_name else text


def _told(definition: Definition, query: str, docstring: str, code: str) -> list[str]:
    """List the lines of a documentation, as written and as read, that a code repeats."""
    written = "\n".join(definition.docstring_source()).splitlines()
    tags = [line[line.index("@") :].split() for line in written if _TAG.match(line)]
    said = [" ".join(words[behind:]) for words in tags for behind in (1, 2, 3)]  # type and name
    return occurring([query, *docstring.splitlines(), *written, *said], code)


def _shortness(code: str, language: Language) -> str | None:
    lines = sum(language.filler.fullmatch(line) is None for line in code.splitlines())
    return f"fewer than {MIN_LINES} lines of code" if lines < MIN_LINES else None
