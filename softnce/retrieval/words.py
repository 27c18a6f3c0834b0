"""The words of a text that BM25 matches: those inside identifiers, too."""

import re

_CASE_CHANGE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[^\W\d_]{2,}|\d+")  # a letter alone says nothing
_STOP_WORDS = (  # Lucene's, for English
    "a an and are as at be but by for if in into is it no not of on or such that the their then "
    "there these they this to was will with"
)
_STOPPED = frozenset(_STOP_WORDS.split())


def words(text: str) -> list[str]:
    """Cut a text into lower-case words, without the commonest of English.

    >>> words("def readCSVFile(path_name): # the 2 ways")
    ['def', 'read', 'csv', 'file', 'path', 'name', '2', 'ways']
    """
    found = (word.lower() for word in _WORD.findall(_CASE_CHANGE.sub(" ", text)))
    return [word for word in found if word not in _STOPPED]
