"""Tells a text that carries a query from one that is merely about the same thing.

A docstring that answers a query shares words with it; one that the query was copied from holds its
words close together. On web queries over documented functions (CoSQA) a bag of words alone, 60 % of
them shared, calls 9 % of the right answers a copy; the rule here 1 %.
"""

import math
from collections import Counter
from collections.abc import Sequence

from softnce.data.source_code.docstrings import MIN_WORDS, squeezed

LONGEST_RUN = 8  # so many words in a row are a copy, however long the query
SHORTEST_RUN = 4  # fewer are a copy only where they are the whole query
IN_A_ROW = 0.6  # of the query, which stands in the text as it is
CLOSE_BY = 0.7  # of the query's distinct words, in any order, ...
STRETCH = 1.5  # ... within a stretch of the text so many times as long as the query


def carries(query: str, text: str) -> bool:
    """Tell whether a text carries a query: word for word, or most of its words close together.

    Most means 60 % of its words in a row (at least 4, at most 8), or 70 % of its distinct words,
    4 or more, in any order within a stretch half as long again as the query. A query of one or two
    words is carried by a text that opens with it; elsewhere so few words prove nothing.

    >>> carries("Join two paths", "join two paths, or more"), carries("Join two paths", "two paths")
    (True, False)
    >>> carries("Join two or more paths of files", "joins the paths of files, two or more of them")
    True
    """
    query_words, held = squeezed(query).split(), squeezed(text).split()
    if len(query_words) < MIN_WORDS:
        return bool(query_words) and held[: len(query_words)] == query_words
    return _shares_run(query_words, held) or _holds_most(query_words, held)


def may_be_carried(query: str, code: str) -> bool:
    """Tell whether some text of a code may carry a query; cheaper than to look for the texts."""
    return len(squeezed(query).split()) < MIN_WORDS or carries(query, code)


def _shares_run(query_words: Sequence[str], held: Sequence[str]) -> bool:
    most = max(min(len(query_words), SHORTEST_RUN), math.ceil(IN_A_ROW * len(query_words)))
    size = min(LONGEST_RUN, most)
    return not _runs(query_words, size).isdisjoint(_runs(held, size))


def _runs(words: Sequence[str], size: int) -> set[tuple[str, ...]]:
    return {tuple(words[start : start + size]) for start in range(len(words) - size + 1)}


def _holds_most(query_words: Sequence[str], held: Sequence[str]) -> bool:
    wanted = set(query_words)
    least = math.ceil(CLOSE_BY * len(wanted))
    places = [place for place, word in enumerate(held) if word in wanted]
    if len(wanted) < SHORTEST_RUN or len({held[place] for place in places}) < least:
        return False
    longest, start = math.ceil(STRETCH * len(query_words)), 0
    near: Counter[str] = Counter()
    for place in places:
        near[held[place]] += 1
        while place - places[start] >= longest:
            near[held[places[start]]] -= 1
            near += Counter()  # those that are gone
            start += 1
        if len(near) >= least:
            return True
    return False
