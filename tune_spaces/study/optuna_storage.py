"""The database of a study's trials: opened with patience, its faults as errors of one sentence."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import optuna
from sqlalchemy.exc import SQLAlchemyError

from softnce.errors import ConfigError, SetupError
from tune_spaces.study.lock.lease_owner import named_past_the_lock

_PATIENCE_OF_A_SEARCH_S, _PATIENCE_OF_A_READER_S = 60.0, 8.0
_ID = "softnce.id"
_UNREADABLE = (
    SQLAlchemyError,
    optuna.exceptions.StorageInternalError,
    AssertionError,  # of Optuna's, at numbers that it would not have stored
    RuntimeError,
    TypeError,
    ValueError,
)
_ATTRIBUTES = {"values": dict, "role": str, "key": str, "proposed_by": str}


def created_or_loaded(database: Path, name: str) -> optuna.Study:
    """Open the Optuna study of this name, or create it with an id of its own.

    A new storage appears whole: of two searches that begin at once both find the same one.

    Raises:
        ConfigError: the storage is damaged, or locked.
    """
    if not database.exists():
        _create(database, name)
    with _opening(database, patience_s=_PATIENCE_OF_A_SEARCH_S) as storage:
        study = optuna.create_study(
            study_name=name, storage=storage, direction="maximize", load_if_exists=True
        )
        _require_sound(study)
        return study


def _create(database: Path, name: str) -> None:
    building = database.with_name(f".{database.name}.{os.getpid()}-{secrets.token_hex(4)}")
    try:
        storage = optuna.storages.RDBStorage(f"sqlite:///{building}")
        study = optuna.create_study(study_name=name, storage=storage, direction="maximize")
        study.set_user_attr(_ID, secrets.token_hex(16))
        storage.remove_session()
        storage.engine.dispose()
        with suppress(FileExistsError):  # another search was faster
            os.link(building, database)
    finally:
        building.unlink(missing_ok=True)


def study_id(study: optuna.Study) -> str:
    """Return what tells a study from all others of its name; empty for one made without."""
    return str(study.user_attrs.get(_ID, ""))


def require_trials_known(database: Path, trials: Path) -> None:
    """Check that the storage of a study whose trials lie on the disk is still there.

    Raises:
        ConfigError: it is gone or empty, so that a search would begin anew, over those trials.
    """
    is_gone = not database.exists() or not database.stat().st_size
    if is_gone and trials.is_dir() and any(trials.iterdir()):
        raise ConfigError(
            f"{database}: {'empty' if database.exists() else 'gone'}, though trials of the study "
            f"lie in {trials}",
            "restore it, or start another study with --out NEW_FOLDER",
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
        _require_sound(study)
        return study


def _require_sound(study: optuna.Study) -> None:
    """Find here whatever is damaged in the trials."""
    for trial in study.get_trials(deepcopy=False):
        if trial.state == optuna.trial.TrialState.COMPLETE and trial.values is None:
            raise ValueError(f"trial {trial.number}: complete, and without a value")
        for name, kind in _ATTRIBUTES.items():
            if not isinstance(trial.user_attrs.get(name, kind()), kind):
                raise TypeError(f"trial {trial.number}: {name} is no {kind.__name__}")


@contextmanager
def _opening(path: Path, *, patience_s: float) -> Iterator[optuna.storages.RDBStorage]:
    """Open the storage, and say in a sentence why it, or what it holds, cannot be read."""
    arguments = {"connect_args": {"timeout": patience_s}}
    try:
        yield optuna.storages.RDBStorage(f"sqlite:///{path}", engine_kwargs=arguments)
    except _UNREADABLE as error:
        if "readonly database" in f"{error} {error.__cause__}":
            raise SetupError(
                f"{path}: this user may not write it",
                "make it writable, or start another study with --out NEW_FOLDER",
            ) from error
        if "database is locked" in f"{error} {error.__cause__}":
            raise ConfigError(
                f"{path}: locked by another process for more than {patience_s:g} s"
                f"{named_past_the_lock(path)}",
                "wait for it, or end it",
            ) from error
        raise ConfigError(
            f"{path}: not a readable study storage",
            "restore it, or start another study with --out NEW_FOLDER",
        ) from error
