"""A study on disk: the folder that holds everything, and how it is found."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from softnce.errors import ConfigError
from softnce.terminal.logging_setup import TRIAL_LOG

if TYPE_CHECKING:
    import optuna

    from softnce.config.config import Config

DEFAULT_ROOT = Path("softnce-studies")
_NAMED_LOGS = 20


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
    def champion_marker(self) -> Path:
        """The file that names the trial which was exported."""
        return self.root / "champion.txt"

    @property
    def champion_key(self) -> str:
        """The key of the trial that was exported; empty before there is one."""
        path = self.champion_marker
        return path.read_text(errors="replace").strip() if path.is_file() else ""

    @property
    def log(self) -> Path:
        """What libraries say while the search runs."""
        return self.root / "softnce.log"

    def trial(self, key: str) -> Path:
        """The folder of a trial."""
        return self.root / "trials" / key

    def cache(self, config: "Config") -> Path:
        """The folder of tokens and vectors."""
        return config.resources.cache_in(self.root)

    def optuna_study(self) -> "optuna.Study":
        """Open the Optuna study, or create it.

        Raises:
            ConfigError: the storage is damaged or locked, or it is gone while trials lie there.
        """
        from tune_spaces.study.optuna_storage import created_or_loaded, require_trials_known

        require_trials_known(self._database, self.root / "trials")
        self.root.mkdir(parents=True, exist_ok=True)
        return created_or_loaded(self._database, self.name)

    def stored_study(self) -> "optuna.Study":
        """Open the Optuna study as it is, for those who look at it; nothing is created.

        Raises:
            ConfigError: the storage is empty, damaged, locked, or another study's.
        """
        from tune_spaces.study.optuna_storage import loaded

        return loaded(self._database, self.name)

    @property
    def _database(self) -> Path:
        return self.root / "optuna.db"


def find_study(study: str | None) -> Path:
    """Find a study's folder from its path or name; the newest without either.

    Raises:
        ConfigError: there is none.
    """
    if study is None:
        found = sorted(DEFAULT_ROOT.glob("*/study.json"), key=lambda path: path.stat().st_mtime)
        if not found:
            raise ConfigError(
                f"no study in ./{DEFAULT_ROOT}",
                "name one, or run softnce search",
            )
        return found[-1].parent.resolve()
    for folder in (Path(study), DEFAULT_ROOT / study):
        if (folder / "study.json").exists():
            return folder.resolve()
    raise ConfigError(
        f"{study}: neither a study's folder nor the name of one in ./{DEFAULT_ROOT}",
        "check the path",
    )


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
    shown = ", ".join(known[:_NAMED_LOGS])
    more = f" ({_NAMED_LOGS} of {len(known)})" if known[_NAMED_LOGS:] else ""
    cure = f"name a trial that has one: {shown}{more}" if known else None
    raise ConfigError(f"{path}: no such log", cure)


def study_folder(config: "Config", source: str, out: Path | None) -> StudyFolder:
    """Choose the folder and name of a study.

    Args:
        config: its configuration.
        source: stem of the configuration file, or the preset's name.
        out: folder that the user named.
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
        raise ConfigError(
            f"{root}: a file",
            "name the folder of a study with --out",
        )
    ours = (root / "study.json", root / "optuna.db", folder.log)
    if root.is_dir() and not any(one.exists() for one in ours) and any(root.iterdir()):
        raise ConfigError(
            f"{root}: not empty and not a study",
            "name a new folder with --out",
        )
