"""What a wrong key or word was probably meant to be: the second half of a message."""

import difflib
import re
from collections.abc import Sequence

FORMER_NAMES = {"optim.tokens_a_pass": "optim.max_tokens_per_pass"}


def near_word(found: str, words: Sequence[str]) -> str | None:
    """Offer the word that a wrong one is nearest to."""
    near = difflib.get_close_matches(found, words, n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else None


def near_setting(key: str, known: Sequence[str]) -> str | None:
    """Offer the known setting that an unknown key may stand for."""
    if key in FORMER_NAMES:
        return f"did you mean {FORMER_NAMES[key]}?"
    section = key.removesuffix(_last(key))
    those = [one for one in known if section and one.startswith(section)] or known
    near = _by_initials(key, those) or difflib.get_close_matches(key, those, n=1, cutoff=0.6)
    if not near:  # perhaps the section is missing or wrong
        ends = {re.split("[./]", one)[-1]: one for one in known}
        near = [ends[one] for one in difflib.get_close_matches(_last(key), ends, n=1, cutoff=0.8)]
    return f"did you mean {near[0]}?" if near else None


def _by_initials(key: str, known: Sequence[str]) -> list[str]:
    """Return the one setting that a short form stands for: lr for learning_rate."""
    short = _last(key)
    found = [one for one in known if short == "".join(re.findall("(?<![a-z])[a-z]", _last(one)))]
    return found if len(found) == 1 else []


def _last(key: str) -> str:
    return re.split("[./]", key)[-1]
