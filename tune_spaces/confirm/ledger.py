"""How often a study has read its test split: who looks again and again selects by it."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from softnce.config.file import load_config
from softnce.errors import ConfigError
from softnce.whole_files import write_json
from tune_spaces.study.folder import StudyFolder


def read_number(root: Path, what: str) -> int:
    """Return which reading of the test split this is, and note it before anything is read.

    To go on with a reading that was interrupted, or to tell its result again, is no new one.

    Args:
        root: STUDY/confirm.
        what: names what is read: configurations and seeds.

    Raises:
        ConfigError: what is remembered of former reads is damaged.
    """
    reads = _reads(root)
    if what not in reads:
        reads.append(what)
        root.mkdir(parents=True, exist_ok=True)
        write_json(_path(root), {"reads_of_the_test_split": reads})
    return reads.index(what) + 1


def reads_of_the_test_split(root: Path) -> int:
    """Return how often a study has read its test split.

    Args:
        root: STUDY/confirm.

    Raises:
        ConfigError: what is remembered of former reads is damaged.
    """
    return len(_reads(root))


def _path(root: Path) -> Path:
    return root / "ledger.json"


def _reads(root: Path) -> list[Any]:
    path = _path(root)
    if not path.exists():
        return []
    try:
        return list(json.loads(path.read_text(encoding="utf-8"))["reads_of_the_test_split"])
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path}: damaged, so nobody knows how often the test split was read", "restore it"
        ) from error


def note_evaluation(study: Path, pairs: Path) -> None:
    """Note that a study's champion was evaluated on the test split, if it was on the study's own.

    Args:
        study: its folder.
        pairs: what the champion was evaluated on.

    Raises:
        ConfigError: what is remembered of former reads is damaged.
    """
    folder = StudyFolder(study.resolve(), "")
    config = folder.root / "config.yaml"
    own = load_config(config).data.path if config.is_file() else None
    place = Path(own or folder.mined).resolve()
    if place in (pairs.resolve(), *pairs.resolve().parents):  # the whole, or a file of it
        _note(folder.root, f"evaluation of {folder.champion_key}")


def note_training(study: Path, run: str) -> None:
    """Note that a trial of a study was trained once more and scored on the study's test split.

    Args:
        study: its folder.
        run: names the training.

    Raises:
        ConfigError: what is remembered of former reads is damaged.
    """
    _note(study, f"training of {run}")


def note_trials(study: Path) -> None:
    """Note that the trials of a study are scored on its test split as they end.

    Args:
        study: its folder.

    Raises:
        ConfigError: what is remembered of former reads is damaged.
    """
    _note(study, "scores of all trials")


def _note(study: Path, what: str) -> None:
    with suppress(OSError):  # a study that may only be looked at
        read_number(study / "confirm", what)
