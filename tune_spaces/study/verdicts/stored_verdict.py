"""The verdict that a study ended with, kept as long as its trials stay as they are."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from softnce.whole_files import write_json
from tune_spaces.study.verdicts.verdict import ResultRow

_FILE = "verdict.json"


@dataclass(frozen=True, slots=True)
class StoredVerdict:
    """What a study ended with.

    Attributes:
        sentence: the verdict.
        is_final: whether nothing is left to confirm.
        facts: what it rests on, as plain values; empty where nothing was confirmed.
    """

    sentence: str
    is_final: bool
    facts: Mapping[str, Any] = field(default_factory=dict)


def store_verdict(root: Path, table: Sequence[ResultRow], verdict: StoredVerdict) -> None:
    """Keep a verdict on these trials.

    Args:
        root: the study's folder.
        table: its rows.
        verdict: on them.
    """
    content = {
        "sentence": verdict.sentence,
        "is_final": verdict.is_final,
        "facts": dict(verdict.facts),
        "trials": _digest(table),
    }
    write_json(root / _FILE, content)


def stored_verdict(root: Path, table: Sequence[ResultRow]) -> StoredVerdict | None:
    """Return the verdict on these trials; None where there is none, or they have changed since.

    Args:
        root: the study's folder.
        table: its rows.
    """
    try:
        found = json.loads((root / _FILE).read_text(encoding="utf-8"))
        if found["trials"] != _digest(table):
            return None
        return StoredVerdict(str(found["sentence"]), bool(found["is_final"]), dict(found["facts"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _digest(table: Sequence[ResultRow]) -> str:
    trials = [[row.key, str(row.state), row.value] for row in table]
    return hashlib.sha256(json.dumps(trials).encode()).hexdigest()[:20]
