"""Local data and models go to the storage that all nodes see, under the name of their content."""

import hashlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from softnce.config.config import Config
from softnce.config.file import value_at, with_overrides
from softnce.config.sections.data import BM25, COLUMN, TEACHER
from softnce.data.mining.sources import ENVIRONMENT
from softnce.data.reading import part_files
from softnce.errors import ConfigError, DataError, SetupError
from softnce.weights.table import ESTIMATORS

_CHUNK = 1 << 20
_WORDS = (None, COLUMN, BM25, TEACHER)  # that name no folder
_MODEL_PATHS = (
    "encoder/model",
    "data/negatives_from",
    *(spec.pretrained for spec in ESTIMATORS.values() if spec.pretrained),
)


@dataclass(frozen=True, slots=True)
class Upload:
    """Something that now lies on the storage.

    Attributes:
        source: where it was.
        target: where it is.
        size_mb: of it.
        is_new: false where it was there already.
    """

    source: Path
    target: Path
    size_mb: float
    is_new: bool


def storage(config: Config) -> Path:
    """Return the shared folder of a configuration.

    Raises:
        ConfigError: none is set.
        SetupError: it is not there, or cannot be written.
    """
    path = config.resources.storage_path
    if path is None:
        raise ConfigError(
            "resources.storage_path is not set",
            "name a folder that this machine and all nodes of the cluster see, for example "
            "--set resources.storage_path=/mnt/shared/softnce",
        )
    if not Path(path).is_dir():
        raise SetupError(
            f"resources.storage_path {path}: this machine has no such folder",
            "mount the shared storage here under the same path, or create the folder",
        )
    if not os.access(path, os.W_OK | os.X_OK):
        raise SetupError(
            f"resources.storage_path {path} cannot be written by this user",
            "give this user the right to write there, or name another folder",
        )
    return Path(path)


def uploaded(config: Config) -> tuple[Config, list[Upload]]:
    """Put local data and models on the storage, and return the configuration that names them there.

    Raises:
        ConfigError: something local cannot be brought to the cluster, or there is no storage.
        DataError: the data are not there.
        SetupError: the storage cannot be written.
    """
    root = storage(config)
    _require_portable(config, root)
    overrides: dict[str, str] = {}
    done: list[Upload] = []
    for key, path, kind in _local(config, root):
        parts = _parts(path) if kind == "data" else _files(path)
        done.append(_put(path, parts, root / kind))
        overrides[key] = str(done[-1].target)
    return with_overrides(config, overrides), done


def _local(config: Config, root: Path) -> list[tuple[str, Path, str]]:
    """List what lies on this machine only, as key, path and kind."""
    found = []
    if config.data.path is not None:
        found.append(("data/path", Path(config.data.path).expanduser(), "data"))
    for key in _MODEL_PATHS:
        model = value_at(config, key)
        if model not in _WORDS and Path(model).expanduser().is_dir():
            found.append((key, Path(model).expanduser(), "models"))
    return [one for one in found if not one[1].resolve().is_relative_to(root.resolve())]


def _require_portable(config: Config, root: Path) -> None:
    for path in config.data.mine:
        if path != ENVIRONMENT and not Path(path).resolve().is_relative_to(root.resolve()):
            raise ConfigError(
                f"data.mine {path}: the cluster does not see this folder",
                f"mine it here (softnce data mine {path} --out pairs) and submit with --set "
                "data.path=pairs",
            )
    cache = config.resources.cache
    if cache and not Path(cache).resolve().is_relative_to(root.resolve()):
        raise ConfigError(
            f"resources.cache {cache} is not below resources.storage_path {root}, so the nodes "
            "do not share it",
            "leave it out, or name a folder there",
        )
    for key in _MODEL_PATHS:
        dimension = config.search.space.get(key)
        choices = dimension.get("choice", ()) if isinstance(dimension, dict) else ()
        local = [one for one in choices if Path(str(one)).expanduser().is_dir()]
        if local:
            raise ConfigError(
                f"search.space.{key}: {local[0]} is a folder of this machine",
                f"copy it below resources.storage_path {root} and name it there",
            )


def _parts(path: Path) -> list[Path]:
    if not path.exists():
        raise DataError(
            f"{path} does not exist",
            "check the path",
        )
    if path.is_file():
        return [path]
    return sorted(file for files in part_files(path).values() for file in files)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _put(source: Path, files: Sequence[Path], kind: Path) -> Upload:
    """Copy files into a folder named by their content, whole or not at all."""
    base = source if source.is_dir() else source.parent
    folder = kind / _digest(base, files)
    is_new = not folder.exists()
    if is_new:
        _copy(base, files, folder)
    target = folder / source.name if source.is_file() else folder
    return Upload(source, target, sum(path.stat().st_size for path in files) / 1e6, is_new)


def _copy(base: Path, files: Sequence[Path], folder: Path) -> None:
    building = folder.with_name(f".{folder.name}.{os.getpid()}.building")
    try:
        for path in files:
            target = building / path.relative_to(base)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        building.rename(folder)
    except OSError as error:
        if not folder.exists():  # another submission was first
            raise SetupError(
                f"{folder} cannot be written: {error.strerror or error}",
                "check the space and the rights on resources.storage_path",
            ) from error
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _digest(base: Path, files: Sequence[Path]) -> str:
    total = hashlib.sha256()
    for path in files:
        total.update(f"{path.relative_to(base)}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                total.update(chunk)
    return total.hexdigest()[:16]
