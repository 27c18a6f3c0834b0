"""One function's source to its tokens and their data flow."""

from collections import Counter
from collections.abc import Iterable

from softnce.data.source_code.parsing import parser
from softnce.dataflow.flow import CodeFlow
from softnce.dataflow.languages.table import LANGUAGES, Mode
from softnce.dataflow.syntax import parsed
from softnce.dataflow.walk import Rules, code_flow
from softnce.errors import DataError

LONGEST = 65_536  # bytes of a code that are read: a hundred times what an encoder keeps


def extract(code: str, language: str, mode: Mode = "fixed") -> CodeFlow:
    """Find the tokens of a function, and where the values of its variables come from.

    Code that does not parse has the tokens that the grammar finds in it. What lies behind the
    first 64 KiB is not read; a function that takes too much work has its tokens and no flow.

    Source: Guo et al. 2021; rules in METHOD C.3.

    Args:
        code: a function's source, in any indentation, with or without its comments.
        language: its name, in any case.
        mode: official: the rules of GraphCodeBERT's own extraction, with their holes; fixed:
            mended.

    Returns:
        Tokens, and flows in their order.

    Raises:
        DataError: the language is none whose data flow can be followed.

    >>> [(flow.name, flow.sources) for flow in extract("x = y + z", "python").flows]
    [('x', (2, 4)), ('y', ()), ('z', ())]
    """
    rules = rules_of(language)[mode]
    source = rules.prepared(_cut(code)).encode(errors="replace")
    tree = parser(language.strip().lower()).parse(source)
    return code_flow(parsed(tree, source, rules.shape), rules)


def follows(language: str) -> bool:
    """Tell whether the data flow of a language can be followed."""
    return language.strip().lower() in LANGUAGES


def read_as_text(languages: Iterable[str]) -> str:
    """Count codes whose data flow cannot be followed; "" where there are none.

    >>> read_as_text(["python", "cobol", "", "cobol"])
    '2 in cobol, 1 in unknown'
    """
    others = Counter(one or "unknown" for one in languages if not follows(one))
    return ", ".join(f"{count:,} in {name}" for name, count in others.most_common(3))


def rules_of(language: str) -> dict[Mode, Rules]:
    """Look a language up.

    Raises:
        DataError: its data flow cannot be followed.
    """
    known = LANGUAGES.get(language.strip().lower())
    if known is None:
        raise DataError(
            f"the data flow of language {language!r} cannot be followed",
            f"name one of {', '.join(LANGUAGES)}",
        )
    return known


def _cut(code: str) -> str:
    if len(code) * 4 <= LONGEST:
        return code
    return code.encode(errors="replace")[:LONGEST].decode(errors="ignore")
