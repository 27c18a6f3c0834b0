"""The table of languages, and how one is chosen: by its name, or by the end of a file's name."""

import difflib
from collections.abc import Iterable, Sequence

from softnce.data.source_code.language import Language
from softnce.data.source_code.languages.go import GO
from softnce.data.source_code.languages.java import JAVA
from softnce.data.source_code.languages.javascript import JAVASCRIPT
from softnce.data.source_code.languages.php import PHP
from softnce.data.source_code.languages.python import PYTHON
from softnce.data.source_code.languages.ruby import RUBY
from softnce.data.source_code.languages.typescript import TSX, TYPESCRIPT
from softnce.errors import DataError

_ROWS = (GO, JAVA, JAVASCRIPT, PHP, PYTHON, RUBY, TYPESCRIPT, TSX)
LANGUAGES = {row.key: row for row in _ROWS}
NAMES = tuple(dict.fromkeys(row.name for row in _ROWS))


def language_named(name: str) -> Language:
    """Look a language up by its name.

    Raises:
        DataError: no language in the table is called so.
    """
    return languages_named([name])[0]


def languages_named(names: Iterable[str]) -> tuple[Language, ...]:
    """Look languages up by the names a user typed; no name means all of them.

    Raises:
        DataError: a name is that of no language in the table.
    """
    wanted = [name.strip().lower() for name in names]
    for name in wanted:
        if name not in NAMES:
            raise _unknown(name)
    return tuple(row for row in _ROWS if not wanted or row.name in wanted)


def _unknown(name: str) -> DataError:
    near = difflib.get_close_matches(name, NAMES, n=1, cutoff=0.6)
    known = f"choose one of {', '.join(NAMES)}"
    return DataError(
        f"functions of language {name!r} cannot be mined",
        f"did you mean {near[0]}? {known}" if near else known,
    )


def language_of(file: str, among: Sequence[Language] = _ROWS) -> Language | None:
    """Choose a language by the end of a file's name; None where none has files that end so.

    >>> language_of("src/App.TSX").name
    'typescript'
    """
    name = file.lower()
    return next((row for row in among if name.endswith(row.suffixes)), None)
