"""Which functions make up the GraphCodeBERT-filtered set: by lists of urls, or by its rules."""

import gzip
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from softnce.data.public.known_sets import PARTS
from softnce.data.source_code.docstrings import MAX_WORDS, MIN_WORDS, is_english, summary
from softnce.data.source_code.languages.table import LANGUAGES
from softnce.data.source_code.parsing import parser
from softnce.data.tables import require_there
from softnce.errors import DataError

_SPECIAL = re.compile(r"<\s*img\b|https?\s*:", re.IGNORECASE)


def url_lists(folder: Path, language: str) -> dict[str, list[str]]:
    """Read the lists of urls of a language: ``train|valid|test|codebase.txt[.gz]``.

    Raises:
        DataError: there is no such folder, or no list in it, or one is damaged.
    """
    require_there(folder, "name the folder of the url lists")
    inner = folder / language if (folder / language).is_dir() else folder
    found: dict[str, list[str]] = {}
    for part in PARTS:
        for path in (inner / f"{part}.txt", inner / f"{part}.txt.gz"):
            if path.is_file():
                found[part] = _lines(path)
    if not found:
        raise DataError(
            f"{inner} holds no list of urls (train.txt, valid.txt.gz, ...)",
            "name the folder that holds the lists, or leave --urls out: then the rules decide",
        )
    return found


def _lines(path: Path) -> list[str]:
    try:
        content = path.read_bytes()
        text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: a damaged list of urls", "fetch it anew") from error
    return list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))


def unfit(row: Mapping[str, Any], language: str) -> str:
    """Name the rule of the filtered set that a row breaks, or nothing (METHOD D.2)."""
    words = row.get("docstring_tokens") or summary(str(row.get("docstring") or "")).split()
    text = " ".join(map(str, words))
    if not MIN_WORDS <= len(words) <= MAX_WORDS:
        return f"documentation not of {MIN_WORDS} to {MAX_WORDS} words"
    if _SPECIAL.search(text):
        return "documentation with an image or an address"
    if not is_english(text):
        return "documentation that does not look English"
    return "" if _parses(str(row.get("code") or ""), language) else "code that cannot be parsed"


def _parses(code: str, language: str) -> bool:
    if language == "java":
        code = f"class A {{ {code} }}"  # a method is no file by itself
    if language == "php":
        code = f"<?php class A {{ {code} }}"
    tree = parser(language).parse(code.encode()) if language in LANGUAGES else None
    return tree is None or not tree.root_node.has_error
