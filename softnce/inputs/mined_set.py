"""A data set with mined hard negatives, written as a folder that any search can read."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from softnce.data.pairs import PairSet, SplitQueries
from softnce.errors import DataError
from softnce.inputs.hard_negatives import MinedNegatives
from softnce.whole_files import beside, replace_folder

RECORD = "negatives.json"  # what the folder was made of, and what was found


def is_made_of(folder: Path, made_of: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the record of a folder that was made of just this before, else None.

    Raises:
        DataError: the folder holds something else.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return None
    record: dict[str, Any] = {}
    if (folder / RECORD).is_file():
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    if not record:
        raise DataError(f"{folder}: is there already, and is no mined set", "give another --out")
    return record if record["made_of"] == dict(made_of) else None


def write_set(
    pairs: PairSet, found: MinedNegatives, folder: Path, made_of: Mapping[str, Any]
) -> dict[str, Any]:
    """Write all splits, the training rows with their negatives; return the record.

    Args:
        pairs: the set.
        found: hard negatives of its training queries.
        folder: to write; a set that was mined there before is replaced.
        made_of: what tells this set from another.
    """
    record = {
        "made_of": dict(made_of),
        "suspected_false": round(found.pools.suspected, 6),
        "duplicates": round(found.pools.duplicates, 6),
        "lacking": found.pools.lacking,
        "told": found.pools.told(),
    }
    train = [
        {
            "query": pair.query,
            "code": pair.code,
            "url": pair.id,
            "language": pair.language,
            "negatives": [pairs.train[row].code for row in np.asarray(rows).tolist()],
        }
        for pair, rows in zip(pairs.train, found.rows, strict=True)
    ]
    codebase = [
        {"query": "", "code": code, "url": name, "language": language}  # it names all columns
        for code, name, language in zip(
            pairs.candidates, pairs.candidate_ids, pairs.candidate_languages, strict=True
        )
    ]
    parts: dict[str, list[dict[str, Any]]] = {
        "train": train,
        "codebase": codebase,
        "valid": _queries(pairs, pairs.valid),
        "test": _queries(pairs, pairs.test),
    }
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = beside(folder)
    building.chmod(0o755)
    for part, rows in parts.items():
        text = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
        if rows:
            (building / f"{part}.jsonl").write_text(text, encoding="utf-8")
    (building / RECORD).write_text(json.dumps(record, indent=1), encoding="utf-8")
    replace_folder(folder, building)
    return record


def _queries(pairs: PairSet, split: SplitQueries) -> list[dict[str, Any]]:
    return [
        {"query": text, "code": pairs.candidates[answer], "url": pairs.candidate_ids[answer]}
        for text, answer in zip(split.texts, split.answers, strict=True)
    ]
