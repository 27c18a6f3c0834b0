"""The database of a study's trials: opened with patience, its faults as errors of one sentence."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import optuna
from sqlalchemy.exc import SQLAlchemyError

from softnce.errors import ConfigError

_PATIENCE_OF_A_SEARCH_S, _PATIENCE_OF_A_READER_S = 60.0, 8.0
_UNREADABLE = (SQLAlchemyError, optuna.exceptions.StorageInternalError, RuntimeError, ValueError)


def created_or_loaded(database: Path, name: str) -> optuna.Study:
    """Open the Optuna study of this name, or create it.

    Raises:
        ConfigError: the storage is damaged, or locked.
    """
    with _opening(database, patience_s=_PATIENCE_OF_A_SEARCH_S) as storage:
        return optuna.create_study(
            study_name=name, storage=storage, direction="maximize", load_if_exists=True
        )


def loaded(database: Path, name: str) -> optuna.Study:
    """Open the Optuna study as it is, for those who look at it; nothing is created.

    Raises:
        ConfigError: the storage is empty, damaged, locked, or another study's.
    """
    if not database.stat().st_size:
        raise ConfigError(
            f"{database}: empty",
            "restore it, or run the same softnce search, which begins anew",
        )
    with _opening(database, patience_s=_PATIENCE_OF_A_READER_S) as storage:
        if name not in [one.study_name for one in storage.get_all_studies()]:
            raise ConfigError(
                f"{database}: holds no study {name}",
                "restore it",
            )
        study = optuna.load_study(study_name=name, storage=storage)
        study.get_trials(deepcopy=False)  # whatever is damaged is found here
        return study


@contextmanager
def _opening(path: Path, *, patience_s: float) -> Iterator[optuna.storages.RDBStorage]:
    """Open the storage, and say in a sentence why it, or what it holds, cannot be read."""
    arguments = {"connect_args": {"timeout": patience_s}}
    try:
        yield optuna.storages.RDBStorage(f"sqlite:///{path}", engine_kwargs=arguments)
    except _UNREADABLE as error:
        if "database is locked" in f"{error} {error.__cause__}":
            raise ConfigError(
                f"{path}: locked by another process for more than {patience_s:g} s{_holder(path)}",
                "wait for it, or end it",
            ) from error
        raise ConfigError(
            f"{path}: not a readable study storage",
            "restore it, or start another study with --out NEW_FOLDER",
        ) from error


def _holder(database: Path) -> str:
    """Name the process that searches a study, read past the lock on its storage: a hint."""
    read = "SELECT value_json FROM study_user_attributes WHERE key = 'softnce.holder'"
    address = f"{database.resolve().as_uri()}?immutable=1"
    with (
        suppress(sqlite3.Error, ValueError, KeyError, TypeError),
        closing(sqlite3.connect(address, uri=True)) as connection,
    ):
        holder = json.loads(connection.execute(read).fetchone()[0])
        return f"; process {holder['pid']} on {holder['host']} searches the study"
    return ""
