"""The data flow of many functions at once: each text once, over all cores, kept in a cache."""

import hashlib
import json
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from softnce.dataflow.extraction import extract, rules_of
from softnce.dataflow.flow import CodeFlow, Flow, Relation
from softnce.dataflow.languages.table import LANGUAGES, Mode
from softnce.errors import DataError
from softnce.ragged import Ragged, is_whole, open_array, ragged, save_arrays

_RULES = 1  # of the rules; another number, another cache
_CHUNK = 200  # functions a worker is handed at once
_FEW = 2000  # functions that one process has done before others have started
_RELATIONS: tuple[Relation, ...] = ("comesFrom", "computedFrom")
_GRAMMARS = ("tree-sitter", *(f"tree-sitter-{name}" for name in LANGUAGES))


class Code(NamedTuple):
    """A function to read."""

    text: str
    language: str


def code_flows(
    codes: Sequence[Code], mode: Mode = "fixed", *, workers: int | None = None
) -> list[CodeFlow]:
    """Find the data flow of many functions.

    Args:
        codes: functions; equal ones are read once.
        mode: of ``extract``.
        workers: processes; None: every core, where there are thousands of functions.

    Raises:
        DataError: a language is none whose data flow can be followed.
    """
    for language in {code.language for code in codes}:
        rules_of(language)
    different = list(dict.fromkeys(codes))
    processes = workers or (os.cpu_count() or 1 if len(different) > _FEW else 1)
    found = dict(zip(different, _extracted(different, mode, processes), strict=True))
    return [found[code] for code in codes]


def _extracted(codes: list[Code], mode: Mode, workers: int) -> list[CodeFlow]:
    if workers > 1:
        chunks = [codes[start : start + _CHUNK] for start in range(0, len(codes), _CHUNK)]
        try:
            return _pooled(chunks, mode, min(workers, len(chunks)))
        except BrokenProcessPool:  # a worker was killed, or the caller's script has no main guard
            pass
    return _chunk(codes, mode)


def _pooled(chunks: list[list[Code]], mode: Mode, workers: int) -> list[CodeFlow]:
    context = multiprocessing.get_context("spawn")  # the parent may hold threads of torch or ray
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        parts = pool.map(_chunk, chunks, [mode] * len(chunks))
        return [flow for part in parts for flow in part]


def _chunk(codes: Sequence[Code], mode: Mode) -> list[CodeFlow]:
    return [extract(code.text, code.language, mode) for code in codes]


def kept_flows(
    codes: Sequence[Code],
    cache: Path,
    mode: Mode = "fixed",
    *,
    workers: int | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> list[CodeFlow]:
    """Find the data flow of many functions, or read it from the cache.

    Args:
        codes: functions.
        cache: root of the cache; its entries are named by their content.
        mode: of ``extract``.
        workers: of ``code_flows``.
        tell: is handed a sentence before the work, if there is any.

    Raises:
        DataError: a language is none whose data flow can be followed.
    """
    folder = cache / name_of(codes, mode)
    if not is_whole(folder):
        tell(f"following the data flow of {len(codes):,} functions")
        save_arrays(folder, _arrays(code_flows(codes, mode, workers=workers)))
    try:
        return list(_flows(folder))
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{folder}: missing or damaged", "remove it and start again") from error


def rules_digest(mode: str) -> str:
    """Return a text that changes whenever the flows of some function might."""
    return json.dumps([_RULES, mode, *(version(one) for one in _GRAMMARS)])


def name_of(codes: Iterable[Code], mode: Mode) -> str:
    """Name the entry of some functions; another grammar, rule or text, another name."""
    digest = hashlib.sha256(rules_digest(mode).encode())
    for code in codes:
        for part in code:
            content = part.encode(errors="surrogatepass")
            digest.update(len(content).to_bytes(8, "big") + content)
    return f"dataflow-{digest.hexdigest()[:20]}"


def _arrays(found: Sequence[CodeFlow]) -> dict[str, NDArray[np.generic]]:
    """Lay flows out as arrays: texts end to end, and per flow its token, relation and sources."""
    flows = [flow for code in found for flow in code.flows]
    texts = [token.encode() for code in found for token in code.tokens]
    sources = ragged([flow.sources for flow in flows])
    return {
        "text": np.frombuffer(b"".join(texts), dtype=np.uint8),
        "text_ends": np.cumsum([0, *map(len, texts)], dtype=np.int64),
        "token_ends": np.cumsum([0, *(len(code.tokens) for code in found)], dtype=np.int64),
        "flow_ends": np.cumsum([0, *(len(code.flows) for code in found)], dtype=np.int64),
        "flow_tokens": np.array([flow.token for flow in flows], dtype=np.int32),
        "flow_relations": np.array(
            [_RELATIONS.index(flow.relation) for flow in flows], dtype=np.uint8
        ),
        "source_values": sources.values,
        "source_offsets": sources.offsets,
    }


def _flows(folder: Path) -> Iterator[CodeFlow]:
    text = open_array(folder, "text").tobytes()
    ends, tokens, flows = (
        open_array(folder, name).tolist() for name in ("text_ends", "token_ends", "flow_ends")
    )
    places, relations = (
        open_array(folder, name).tolist() for name in ("flow_tokens", "flow_relations")
    )
    table = Ragged(
        np.asarray(open_array(folder, "source_values"), dtype=np.int32),
        np.asarray(open_array(folder, "source_offsets"), dtype=np.int64),
    )
    for row in range(len(tokens) - 1):
        own = range(tokens[row], tokens[row + 1])
        names = tuple(text[ends[one] : ends[one + 1]].decode() for one in own)
        yield CodeFlow(
            names,
            tuple(
                Flow(
                    names[places[one]],
                    places[one],
                    _RELATIONS[relations[one]],
                    tuple(names[source] for source in sources),
                    sources,
                )
                for one in range(flows[row], flows[row + 1])
                for sources in [tuple(table.row(one).tolist())]
            ),
        )
