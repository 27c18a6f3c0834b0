"""A study on disk: a folder that holds everything, and a fingerprint of what it is about."""

import json
import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import optuna
from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError

from softnce.config.config import Config
from softnce.config.file import load_config, to_yaml
from softnce.errors import ConfigError
from softnce.training.logging_setup import TRIAL_LOG
from softnce.whole_files import write_json, write_text
from tune_spaces.signals import Signals
from tune_spaces.space.space import SearchSpace, search_space

DEFAULT_ROOT = Path("softnce-studies")
_PATIENCE_OF_A_SEARCH_S, _PATIENCE_OF_A_READER_S = 60.0, 8.0
_UNREADABLE = (SQLAlchemyError, optuna.exceptions.StorageInternalError, RuntimeError, ValueError)
_FREE = {  # what may change when a study is continued
    "search": {"trials", "time_budget_s", "keep_top", "name"},
    "resources": None,
    "tracking": None,
    "data": {"path"},
}


@dataclass(frozen=True, slots=True)
class StudyFolder:
    """Where the parts of a study lie.

    Attributes:
        root: the folder.
        name: of the study.
    """

    root: Path
    name: str

    @property
    def mined(self) -> Path:
        """Pairs that the study mined for itself."""
        return self.root / "data"

    @property
    def champion(self) -> Path:
        """The best model, as a sentence-transformers folder."""
        return self.root / "champion"

    @property
    def log(self) -> Path:
        """What libraries say while the search runs."""
        return self.root / "softnce.log"

    def trial(self, key: str) -> Path:
        """The folder of a trial."""
        return self.root / "trials" / key

    def cache(self, config: Config) -> Path:
        """The folder of tokens and vectors."""
        return config.resources.cache_in(self.root)

    def optuna_study(self) -> optuna.Study:
        """Open the Optuna study, or create it.

        Raises:
            ConfigError: the storage is damaged, or locked.
        """
        with self._opening(patience_s=_PATIENCE_OF_A_SEARCH_S) as storage:
            return optuna.create_study(
                study_name=self.name, storage=storage, direction="maximize", load_if_exists=True
            )

    def stored_study(self) -> optuna.Study:
        """Open the Optuna study as it is, for those who look at it; nothing is created.

        Raises:
            ConfigError: the storage is empty, damaged, locked, or another study's.
        """
        path = self._database
        if not path.stat().st_size:
            raise ConfigError(
                f"{path}: empty; restore it, or run the same softnce search, which begins anew"
            )
        with self._opening(patience_s=_PATIENCE_OF_A_READER_S) as storage:
            if self.name not in [one.study_name for one in storage.get_all_studies()]:
                raise ConfigError(f"{path}: holds no study {self.name}; restore it")
            study = optuna.load_study(study_name=self.name, storage=storage)
            study.get_trials(deepcopy=False)  # whatever is damaged is found here
            return study

    @property
    def _database(self) -> Path:
        return self.root / "optuna.db"

    @contextmanager
    def _opening(self, *, patience_s: float) -> Iterator[optuna.storages.RDBStorage]:
        """Open the storage, and say in a sentence why it, or what it holds, cannot be read."""
        path, arguments = self._database, {"connect_args": {"timeout": patience_s}}
        try:
            yield optuna.storages.RDBStorage(f"sqlite:///{path}", engine_kwargs=arguments)
        except _UNREADABLE as error:
            if "database is locked" in f"{error} {error.__cause__}":
                raise ConfigError(
                    f"{path}: locked by another process for more than {patience_s:g} s"
                    f"{_holder(path)}; wait for it, or end it"
                ) from error
            raise ConfigError(
                f"{path}: not a readable study storage; restore it, or start "
                "another study with --out NEW_FOLDER"
            ) from error


@dataclass(frozen=True)
class StudyContext:
    """What the steps of one search share.

    Attributes:
        config: of the study.
        folder: of the study.
        space: what is searched.
        console: where a person looks.
        signals: how a person ends it.
    """

    config: Config
    folder: StudyFolder
    space: SearchSpace
    console: Console
    signals: Signals = field(default_factory=Signals)


def find_study(study: str | None) -> Path:
    """Find a study's folder from its path or name; the newest without either.

    Raises:
        ConfigError: there is none.
    """
    if study is None:
        found = sorted(DEFAULT_ROOT.glob("*/study.json"), key=lambda path: path.stat().st_mtime)
        if not found:
            raise ConfigError(f"no study in ./{DEFAULT_ROOT}: name one, or run softnce search")
        return found[-1].parent.resolve()
    for folder in (Path(study), DEFAULT_ROOT / study):
        if (folder / "study.json").exists():
            return folder.resolve()
    raise ConfigError(f"{study}: neither a study's folder nor the name of one in ./{DEFAULT_ROOT}")


def stored_study_context(study: str | None, console: Console) -> StudyContext:
    """Open a study as its folder tells it, without its data.

    Raises:
        ConfigError: there is no such study, or its files are damaged.
    """
    root = find_study(study)
    if not (root / "optuna.db").exists():
        raise ConfigError(f"{root}: no trial has begun yet; softnce search begins")
    config = load_config(root / "config.yaml", [])
    return StudyContext(config, stored_folder(root), search_space(config), console)


def stored_folder(root: Path) -> StudyFolder:
    """Open the folder of a study under the name that the study has."""
    return StudyFolder(root, str(_read(root / "study.json").get("name") or root.name))


def find_log(study: str | None, trial: str | None) -> Path:
    """Find the log file of a study, or of one of its trials.

    Raises:
        ConfigError: there is none.
    """
    folder = StudyFolder(find_study(study), "")
    path = folder.log if trial is None else folder.trial(trial) / TRIAL_LOG
    if path.exists():
        return path
    known = sorted(one.parent.name for one in folder.root.glob(f"trials/*/{TRIAL_LOG}"))
    those = f"; those that have: {', '.join(known[:20])}" if known else ""
    raise ConfigError(f"{path}: no such log{those}")


def study_folder(config: Config, source: str, out: Path | None) -> StudyFolder:
    """Choose the folder and name of a study.

    Args:
        config: its configuration.
        source: stem of the configuration file, or the preset's name.
        out: folder that the user asked for.
    """
    name = config.search.name or re.sub(r"[^A-Za-z0-9_.-]+", "-", source).strip("-.") or "study"
    storage = config.resources.storage_path
    root = Path(storage) / "studies" if storage else DEFAULT_ROOT
    return StudyFolder((out or root / name).resolve(), name)


def require_own(folder: StudyFolder) -> None:
    """Check that a folder is new, empty, or a study's.

    Raises:
        ConfigError: it is a file, or holds something else.
    """
    root = folder.root
    if root.exists() and not root.is_dir():
        raise ConfigError(f"{root}: a file; --out names the folder of a study")
    is_ours = (root / "study.json").exists() or folder.log.exists()
    if root.is_dir() and not is_ours and any(root.iterdir()):
        raise ConfigError(f"{root}: not empty and not a study; name a new folder with --out")


def fingerprint(config: Config, data_digest: str) -> dict[str, Any]:
    """Return what must not change while a study goes on, as nested plain values."""
    nested = config.model_dump(mode="json")
    for section, names in _FREE.items():
        if names is None:
            nested.pop(section)
        else:
            nested[section] = {k: v for k, v in nested[section].items() if k not in names}
    return {"data": data_digest, "config": nested, "softnce": version("softnce")}


def require_same(folder: StudyFolder, config: Config, data_digest: str) -> None:
    """Store the fingerprint of a new study, or compare it with the stored one.

    Raises:
        ConfigError: the study exists with other data or settings; the difference is named.
    """
    path = folder.root / "study.json"
    now = {"name": folder.name, **fingerprint(config, data_digest)}
    if path.exists():
        stored = _read(path)
        _require_equal(folder, {k: v for k, v in stored.items() if k != "weights"}, now)
    else:
        folder.root.mkdir(parents=True, exist_ok=True)
        write_json(path, now)
    write_text(folder.root / "config.yaml", to_yaml(config))


def require_same_weights(folder: StudyFolder, weights: Mapping[str, str]) -> None:
    """Store which pretrained weights a study starts at, or compare; a folder's may be replaced.

    Args:
        folder: of a study that has a fingerprint.
        weights: digest by the word of what starts at them: encoder, simcse.

    Raises:
        ConfigError: the same folder or id now holds other weights.
    """
    path = folder.root / "study.json"
    stored = _read(path)
    if "weights" in stored:
        _require_equal(folder, {"weights": stored["weights"]}, {"weights": dict(weights)})
    else:
        write_json(path, {**stored, "weights": dict(weights)})


def _require_equal(folder: StudyFolder, stored: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    differences = _differences(stored, now)
    if differences:
        raise ConfigError(
            f"{folder.root}: this study exists with {'; '.join(differences[:4])}. Undo the "
            "change, or start another study with --out NEW_FOLDER"
        )


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


def store_size(root: Path, *, valid: int) -> None:
    """Remember how many validation queries a study has, for reports without its data."""
    write_json(root / "sizes.json", {"valid": valid})


def stored_size(root: Path) -> int:
    """Return the number of validation queries; 1, which shows no gain, where it is not known.

    Raises:
        ConfigError: the file is damaged.
    """
    path = root / "sizes.json"
    if not path.exists():
        return 1
    try:
        valid = json.loads(path.read_text())["valid"]
    except (ValueError, KeyError, TypeError):
        valid = None
    if not isinstance(valid, int) or valid < 1:
        raise ConfigError(
            f"{path}: does not tell the number of validation queries; remove it, and the same "
            "softnce search writes it anew"
        )
    return valid


def _read(path: Path) -> dict[str, Any]:
    try:
        stored = json.loads(path.read_text())
    except ValueError as error:
        raise ConfigError(f"{path}: not valid JSON; the study cannot be continued") from error
    if not isinstance(stored, dict):
        raise ConfigError(f"{path}: not a study's fingerprint; the study cannot be continued")
    return stored


def _differences(before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> list[str]:
    found = []
    for key in sorted({*before, *now}):
        old, new = before.get(key), now.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += _differences(old, new, f"{prefix}{key}.")
        elif old != new:
            name = f"{prefix}{key}".removeprefix("config.")
            found.append(f"{name} {_short(old)} (now {_short(new)})")
    return found


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
