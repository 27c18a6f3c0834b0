"""Tells MLflow of a study as a whole: what it begins with, and what it has come to."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from softnce.whole_files import write_json, write_text
from tune_spaces.page.description import Told, description
from tune_spaces.page.environment import environment
from tune_spaces.page.query_table import write_query_tables
from tune_spaces.preparation.baselines import stored_baselines
from tune_spaces.preparation.held_study import HeldStudy
from tune_spaces.report.page.report_page import MadeReport
from tune_spaces.study.sizes import stored_sizes
from tune_spaces.study.verdicts.stored_verdict import StoredVerdict
from tune_spaces.study.verdicts.verdict import ResultRow

_ENVIRONMENT, _REQUIREMENTS, _CONFIG = "environment.json", "requirements.txt", "config.yaml"
_RESULTS = "results"  # the folder of artifacts of what a caller adds
_GAINS = {"mean": "confirmed_gain", "low": "confirmed_gain_low", "high": "confirmed_gain_high"}


def tell_beginning(study: HeldStudy) -> None:
    """Log the data, the configuration and the environment of a search that begins or goes on.

    Args:
        study: in the hands of this process, its tracker open.
    """
    root, config, prepared = study.context.folder.root, study.context.config, study.prepared
    found = environment()
    write_json(root / _ENVIRONMENT, found)
    pinned = [f"{name}=={version}" for name, version in found["packages"].items()]
    write_text(root / _REQUIREMENTS, "\n".join(pinned) + "\n")
    files = (_ENVIRONMENT, _REQUIREMENTS, _CONFIG)
    study.tracker.files({root / name: "" for name in files})
    sizes = stored_sizes(root)
    counts = {"train": prepared.train, "validation": prepared.valid}
    if sizes is not None:
        counts |= {"test": sizes.test, "candidates": sizes.candidates}
    place = str(config.data.path or study.context.folder.mined)
    name = Path(place).name if config.data.path else f"mined by {study.context.folder.name}"
    study.tracker.data(name, prepared.data, place, counts)


def tell_end(
    study: HeldStudy,
    table: Sequence[ResultRow],
    verdict: StoredVerdict,
    report: MadeReport | None,
) -> str:
    """Log what a study has come to, and return its description in markdown.

    Args:
        study: in the hands of this process.
        table: its rows.
        verdict: on them, or what is known so far.
        report: its page and pictures, where they could be written.
    """
    context, facts = study.context, verdict.facts
    root = context.folder.root
    _tell_gain(study, facts)
    if report is not None:
        study.tracker.files({report.page: "", **dict.fromkeys(report.pictures, "figures")})
    shows = context.config.tracking.query_texts
    texts = study.pairs.valid.texts if shows and study.pairs is not None else None
    tables = write_query_tables(root, facts, texts)
    if tables:
        study.tracker.files(dict.fromkeys(tables, "tables"))
    added = None if context.added is None else context.added(context.folder)
    if added is not None:
        study.tracker.files(dict.fromkeys(added.files, _RESULTS))
    return description(
        Told(
            name=context.folder.name,
            root=root,
            config=context.config,
            rows=table,
            sentence=verdict.sentence,
            facts=facts,
            sizes=stored_sizes(root),
            baselines=stored_baselines(root),
            command=_stored_command(root),
            added="" if added is None else added.text,
        )
    )


def _tell_gain(study: HeldStudy, facts: Mapping[str, Any]) -> None:
    """Log the gain of the candidate on the test split with both ends of its interval."""
    gain = facts.get("gains", {}).get(facts.get("candidate"), {})
    found = {ours: gain[name] for name, ours in _GAINS.items() if gain.get(name) is not None}
    if found:
        study.tracker.measure(found, int(facts["reads_of_the_test_split"]))


def _stored_command(root: Path) -> str:
    try:
        return str(json.loads((root / _ENVIRONMENT).read_text(encoding="utf-8"))["command"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
