"""What the steps of one search share, and how a study that was searched is opened again."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from softnce.config.config import Config
from softnce.config.file import load_config
from softnce.errors import ConfigError
from tune_spaces.signals import Signals
from tune_spaces.space.space import SearchSpace, known_space
from tune_spaces.study.fingerprint import stored_folder
from tune_spaces.study.folder import StudyFolder, find_study
from tune_spaces.study.optuna_storage import require_trials_known


@dataclass(frozen=True, slots=True)
class PageAddition:
    """What a caller adds to a study's page in MLflow.

    Attributes:
        text: in markdown; stands above the rest.
        files: of the study's folder, logged with it.
    """

    text: str
    files: Sequence[Path] = ()


@dataclass(frozen=True)
class StudyContext:
    """What the steps of one search share.

    Attributes:
        config: of the study.
        folder: of the study.
        space: what is searched.
        console: where a person looks.
        signals: how a person ends it.
        warm_from: folder or name of a study whose trials guide the sampler of a new one.
        is_patient: whether to wait for another search of the study, instead of being refused.
        began: when this process began with it, by the monotonic clock in seconds.
        added: returns what a caller adds to the page of the study once a search of it has ended;
            None where nothing.
    """

    config: Config
    folder: StudyFolder
    space: SearchSpace
    console: Console
    signals: Signals = field(default_factory=Signals)
    warm_from: str | None = None
    is_patient: bool = False
    began: float = field(default_factory=time.monotonic)
    added: Callable[[StudyFolder], PageAddition] | None = None


def stored_study_context(study: str | None, console: Console) -> StudyContext:
    """Open a study as its folder tells it, without its data.

    Raises:
        ConfigError: there is no such study, or its files are damaged.
    """
    root = find_study(study)
    require_trials_known(root / "optuna.db", root / "trials")
    if not (root / "optuna.db").exists():
        raise ConfigError(
            f"{root}: no trial has begun yet",
            "begin it with softnce search",
        )
    config = load_config(root / "config.yaml", [])
    return StudyContext(config, stored_folder(root), known_space(config), console)
