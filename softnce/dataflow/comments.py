"""Takes comments out of a code as GraphCodeBERT's own extraction does, before it is parsed.

Source: METHOD D.3. In Python a docstring goes too; a code that Python cannot tokenise stays whole.
"""

import io
import re
import tokenize

_COMMENT_OR_STRING = re.compile(
    r"//.*?$|/\*.*?\*/|'(?:\\.|[^\\'])*'|\"(?:\\.|[^\\\"])*\"", re.DOTALL | re.MULTILINE
)
_STATEMENT_STARTS = (tokenize.INDENT, tokenize.NEWLINE)
_UNREADABLE = (tokenize.TokenError, SyntaxError, ValueError)


def python_uncommented(code: str) -> str:
    """Drop comments, and the strings that begin a statement or a line."""
    try:
        found = list(tokenize.generate_tokens(io.StringIO(code).readline))
    except _UNREADABLE:
        return code
    lines = code.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    before, kept, place = tokenize.INDENT, [], 0
    for token in found:
        if token.type == tokenize.COMMENT or _is_bare(token, before):
            first, last = (starts[row - 1] + column for row, column in (token.start, token.end))
            kept.append(code[place:first])
            place = last
        before = token.type
    return _without_blank_lines("".join([*kept, code[place:]]))


def _is_bare(token: tokenize.TokenInfo, before: int) -> bool:
    if token.type != tokenize.STRING:
        return False
    return before in _STATEMENT_STARTS or token.start[1] == 0


def c_like_uncommented(code: str) -> str:
    """Put a space for every ``//`` and ``/* */`` comment that is in no string."""
    return _without_blank_lines(
        _COMMENT_OR_STRING.sub(lambda one: " " if one[0].startswith("/") else one[0], code)
    )


def _without_blank_lines(code: str) -> str:
    return "\n".join(line for line in code.split("\n") if line.strip())


def php_wrapped(code: str) -> str:
    """Mark a function as PHP, which is what PHP's grammar takes for code."""
    return f"<?php{code}?>"
