"""The data flow of many functions at once: each text once, over all cores."""

import json
import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from importlib.metadata import version
from typing import NamedTuple

from softnce.dataflow.extraction import extract, rules_of
from softnce.dataflow.flow import CodeFlow
from softnce.dataflow.languages.table import LANGUAGES, Mode

_RULES = 2  # of the rules; another number, another cache
_CHUNK = 200  # functions a worker is handed at once
_FEW = 2000  # functions that one process has done before others have started
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


def rules_digest(mode: str) -> str:
    """Return a text that changes whenever the flows of some function might."""
    return json.dumps([_RULES, mode, *(version(one) for one in _GRAMMARS)])
