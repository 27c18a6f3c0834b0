"""Tables of texts, made once and cached: tokens of codes, terms, duplicates."""

import errno
import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from softnce.data.clones.groups import VERSION
from softnce.data.dedup import THRESHOLD, code_tokens
from softnce.data.pairs import PairSet
from softnce.dataflow.extraction import follows, read_as_text
from softnce.dataflow.languages.table import LANGUAGES
from softnce.encoders.encoder import Encoder
from softnce.errors import DataError
from softnce.ragged import Ragged, is_whole, open_array, ragged, save_arrays
from softnce.weights.bm25 import terms
from softnce.weights.cache import cache_key
from softnce.weights.duplicates import code_groups, query_groups

AS_TEXT = "candidates_as_text"  # for what an exported model reads without softnce
TermKind = Literal["words", "docstring_tokens", "subwords"]
Cut = Callable[[str], list[str]]

# How a query and a code are cut into terms. The tokens of a docstring are joined by spaces in the
# data; those of a code, cut at every sign, are the same for both.
CUTS: dict[TermKind, tuple[Cut, Cut]] = {
    "words": (terms, terms),
    "docstring_tokens": (str.split, code_tokens),
}


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
    told = read_as_text(languages)
    if not told:
        return
    if not any(map(follows, languages)):
        raise DataError(
            f"encoder.dataflow: no function is in a language whose data flow can be followed: "
            f"{told}",
            f"set data.language to one of {', '.join(LANGUAGES)}, or encoder.dataflow to off",
        )
    tell(f"functions that are read as text, without data flow: {told}")


def term_tables(pairs: PairSet, cache: Path) -> str:
    """Number the terms of all training texts, in every way but sub-words; return the name."""
    name = cache_key("term-tables", data=pairs.digest, kinds=list(CUTS))
    if not is_whole(cache / name):
        arrays: dict[str, NDArray[np.generic]] = {"docstrings": _docstrings(pairs)}
        for kind, (of_query, of_code) in CUTS.items():
            vocabulary: dict[str, int] = {}
            texts = {
                "queries": (of_query(pair.query) for pair in pairs.train),
                "codes": (of_code(pair.code) for pair in pairs.train),
                "negatives": map(of_code, hard_negatives(pairs)),
            }
            for table, rows in texts.items():
                arrays |= named(f"{kind}_{table}", _numbered(rows, vocabulary))
        save_arrays(cache / name, arrays)
    return name


def duplicate_tables(pairs: PairSet, cache: Path, tell: Callable[[str], None]) -> str:
    """Group the duplicates among queries, and among functions and hard negatives."""
    rules = {"threshold": THRESHOLD, "rules": VERSION}
    spoken = languages_digest(pairs)
    name = cache_key("duplicates", data=pairs.digest, languages=spoken, **rules)
    if not is_whole(cache / name):
        tell(f"looking for duplicates among {len(pairs.train):,} pairs")
        codes = [*(pair.code for pair in pairs.train), *hard_negatives(pairs)]
        languages = [pair.language for pair in pairs.train]
        languages += [pair.language for pair in pairs.train for _ in pair.negatives]
        arrays: dict[str, NDArray[np.generic]] = {
            "queries": np.array(query_groups([pair.query for pair in pairs.train])),
            "codes": np.array(code_groups(codes, languages)),
        }
        save_arrays(cache / name, arrays)
    return name


def language_table(pairs: PairSet, cache: Path) -> str:
    """Number the language of every training pair and validation query; return the table's name."""
    named = {
        "train": [pair.language for pair in pairs.train],
        "valid": list(pairs.valid.languages) or [""] * len(pairs.valid.texts),
    }
    numbers = {one: number for number, one in enumerate(sorted({*named["train"], *named["valid"]}))}
    name = cache_key("languages", data=pairs.digest, named=named)
    if not is_whole(cache / name):
        arrays: dict[str, NDArray[np.generic]] = {
            split: np.array([numbers[one] for one in found], dtype=np.int64)
            for split, found in named.items()
        }
        save_arrays(cache / name, arrays)
    return name


def hard_negatives(pairs: PairSet) -> list[str]:
    """List the hard negatives of all training pairs, a pair's own next to each other."""
    return [code for pair in pairs.train for code in pair.negatives]


def _docstrings(pairs: PairSet) -> NDArray[np.int64]:
    """Find the first training pair whose function each hard negative is, -1 where it is none."""
    firsts: dict[str, int] = {}
    for row, pair in enumerate(pairs.train):
        firsts.setdefault(pair.code, row)
    return np.array([firsts.get(code, -1) for code in hard_negatives(pairs)], dtype=np.int64)


def _numbered(texts: Iterable[list[str]], vocabulary: dict[str, int]) -> Ragged:
    return ragged([[vocabulary.setdefault(term, len(vocabulary)) for term in one] for one in texts])


def without(table: Ragged, ids: NDArray[np.generic]) -> Ragged:
    """Return the rows without some values, and without those below 0, which are no tokens.

    >>> without(ragged([[1, 5, 2], [1, 2]]), np.array([1, 2])).lengths.tolist()
    [1, 0]
    """
    is_kept = ~np.isin(table.values, ids) & (np.asarray(table.values) >= 0)
    kept_before = np.concatenate([[0], np.cumsum(is_kept)])
    return Ragged(table.values[is_kept], kept_before[table.offsets].astype(np.int64))


def named(name: str, table: Ragged) -> dict[str, NDArray[np.generic]]:
    """Return the arrays of a table under the names that ``opened`` looks for."""
    return {f"{name}_values": table.values, f"{name}_offsets": table.offsets}


def opened(folder: Path, name: str) -> Ragged:
    """Memory-map a table.

    Raises:
        DataError: it is missing or damaged.
    """
    values, offsets = array(folder, f"{name}_values"), array(folder, f"{name}_offsets")
    return Ragged(values, offsets)  # type: ignore[arg-type]


def array(folder: Path, name: str) -> NDArray[np.generic]:
    """Memory-map one array of the cache.

    Raises:
        DataError: it is missing or damaged.
        OSError: memory ran out, which says nothing of the file.
    """
    try:
        return open_array(folder, name)
    except (OSError, ValueError, EOFError) as error:
        if isinstance(error, OSError) and error.errno == errno.ENOMEM:
            raise
        raise DataError(
            f"{folder / name}.npy: missing or damaged", "the same search, started again, mends it"
        ) from error
