"""Token tables of codes, each read in its language where the encoder asks for it."""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from softnce.data.pairs import PairSet
from softnce.dataflow.extraction import follows
from softnce.dataflow.languages.table import LANGUAGES
from softnce.encoders.encoder import Encoder
from softnce.errors import DataError
from softnce.inputs.tables import hard_negatives, named

AS_TEXT = "candidates_as_text"  # for what an exported model reads without softnce


def code_tables(
    encoder: Encoder, pairs: PairSet, tell: Callable[[str], None]
) -> dict[str, NDArray[np.generic]]:
    """Tokenise all codes of a set.

    Args:
        encoder: tokenises.
        pairs: the set.
        tell: is handed a sentence on the languages that are read as text.

    Raises:
        DataError: the encoder asks for languages, and there are none whose data flow is known.
    """
    own = [pair.language for pair in pairs.train]
    codes: dict[str, tuple[Sequence[str], Sequence[str]]] = {
        "train_codes": ([pair.code for pair in pairs.train], own),
        "train_negatives": (
            hard_negatives(pairs),
            [pair.language for pair in pairs.train for _ in pair.negatives],
        ),
        "candidates": (pairs.candidates, pairs.candidate_languages),
    }
    if encoder.reads_languages:
        _check_languages([*own, *pairs.candidate_languages], tell)
        codes[AS_TEXT] = (pairs.candidates, ())
    arrays: dict[str, NDArray[np.generic]] = {}
    for name, (texts, languages) in codes.items():
        arrays |= named(name, encoder.tokenize(texts, side="code", languages=languages))
    return arrays


def languages_digest(pairs: PairSet) -> str:
    """Name the languages of a set, in the order of its codes."""
    languages = [*(pair.language for pair in pairs.train), *pairs.candidate_languages]
    return hashlib.sha256("\n".join(languages).encode()).hexdigest()


def _check_languages(languages: Sequence[str], tell: Callable[[str], None]) -> None:
    others = Counter(one or "unknown" for one in languages if not follows(one))
    if not others:
        return
    told = ", ".join(f"{count:,} in {name}" for name, count in others.most_common(3))
    if sum(others.values()) == len(languages):
        raise DataError(
            f"encoder.dataflow: no function is in a language whose data flow can be followed: "
            f"{told}",
            f"set data.language to one of {', '.join(LANGUAGES)}, or encoder.dataflow to off",
        )
    tell(f"functions that are read as text, without data flow: {told}")
