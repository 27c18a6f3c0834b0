"""What a person names as a model: BM25, a study, a folder, an id of the hub."""

import os
from dataclasses import dataclass
from pathlib import Path

from softnce.errors import ConfigError, SetupError
from tune_spaces.study.folder import DEFAULT_ROOT, StudyFolder

BM25 = "bm25"


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A model as it is loaded and shown.

    Attributes:
        place: folder or hub id, or ``bm25``.
        name: as it is shown.
        is_ours: whether a search or training of ours made it; its configuration lies in it.
    """

    place: str
    name: str
    is_ours: bool = False


def model_source(named: str | os.PathLike[str]) -> ModelSource:
    """Find the model that a person names.

    Raises:
        ConfigError: a study has no champion, or a file is named.
        SetupError: there is no such folder.
    """
    text = os.fspath(named)
    if text == BM25:
        return ModelSource(BM25, BM25)
    for folder in (Path(text).expanduser(), DEFAULT_ROOT / text):
        if (folder / "study.json").is_file():
            return _champion(folder)
    folder = Path(text).expanduser()
    looks_like_a_path = text.startswith((".", "/", "~")) or text.count("/") > 1
    if looks_like_a_path and not folder.exists():
        raise SetupError(f"{text}: there is no such folder", "check the path")
    if folder.is_file():
        raise ConfigError(f"{text}: a file, not a model's folder", "name the folder of a model")
    is_ours = (folder / "config.yaml").is_file() and (folder / "modules.json").is_file()
    name = "/".join(folder.resolve().parts[-2:]) if folder.is_dir() else text
    return ModelSource(text, name, is_ours)


def distinct(sources: list[ModelSource]) -> list[ModelSource]:
    """Show models of the same short name by their whole place."""
    if len({one.name for one in sources}) == len({one.place for one in sources}):
        return sources
    return [ModelSource(one.place, one.place, one.is_ours) for one in sources]


def _champion(folder: Path) -> ModelSource:
    study = StudyFolder(folder.resolve(), "")
    if not (study.champion / "modules.json").is_file():
        raise ConfigError(
            f"{folder}: this study has no champion yet: none of its trials has completed, or its "
            "search was cut off",
            "let softnce search go on, or name a model's folder",
        )
    key = study.champion_key.strip()
    shown = f"{folder.resolve().name}/champion" + (f" ({key})" if key else "")
    return ModelSource(str(study.champion), shown, is_ours=True)
