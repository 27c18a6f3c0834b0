"""What a study is about: data, settings and weights, stored in its folder and compared."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from softnce.config.config import Config
from softnce.config.file import to_yaml, with_overrides
from softnce.errors import ConfigError, SoftnceError
from softnce.whole_files import write_json, write_text
from tune_spaces.study.folder import StudyFolder

FINGERPRINT = "study.json"
_RESTORE = "restore it, or start another study with --out NEW_FOLDER"
_FREE = {  # what may change when a study is continued
    "search": {
        "trials",
        "time_budget_s",
        "max_gpu_hours",
        "keep_top",
        "name",
        "confirm",
        "confirm_seeds",
        "smallest_gain",
    },
    "resources": None,
    "tracking": None,
    "data": {"path"},
}


def stored_folder(root: Path) -> StudyFolder:
    """Open the folder of a study under the name that the study has."""
    return StudyFolder(root, str(stored_fingerprint(root).get("name") or root.name))


def fingerprint(config: Config, data_digest: str) -> dict[str, Any]:
    """Return what must not change while a study goes on, as nested plain values."""
    nested = config.model_dump(mode="json")
    for section, names in _FREE.items():
        if names is None:
            nested.pop(section)
        else:
            nested[section] = {k: v for k, v in nested[section].items() if k not in names}
    return {"data": data_digest, "config": nested, "softnce": version("softnce")}


def require_same_if_known(folder: StudyFolder, config: Config, data_digest: str) -> None:
    """Compare the fingerprint of a study that has one; nothing is written.

    Raises:
        ConfigError: the study exists with other data or settings; the difference is named. Or its
            fingerprint is gone.
    """
    if (folder.root / FINGERPRINT).exists():
        now = {"name": folder.name, **fingerprint(config, data_digest)}
        stored = stored_fingerprint(folder.root)
        known = {k: v for k, v in stored.items() if k != "weights"}
        _require_equal(folder, *_to_the_shorter_points(known, now))
    elif any(folder.root.glob("trials/*")):
        raise ConfigError(
            f"{folder.root / FINGERPRINT}: gone, though trials of the study lie in "
            f"{folder.root / 'trials'}, and nothing else tells what they were trained on",
            _RESTORE,
        )


@contextmanager
def withdrawn_unless_prepared(folder: StudyFolder) -> Iterator[None]:
    """Take a new study's fingerprint and mined pairs back where its inputs cannot be prepared.

    The setting at fault may then be changed: nothing was trained with it.
    """
    is_new = not (folder.root / FINGERPRINT).exists()
    try:
        yield
    except SoftnceError:
        if is_new:
            for name in (FINGERPRINT, "config.yaml"):
                (folder.root / name).unlink(missing_ok=True)
            shutil.rmtree(folder.mined, ignore_errors=True)
        raise


def require_same(folder: StudyFolder, config: Config, data_digest: str) -> None:
    """Store the fingerprint of a new study, or compare it with the stored one.

    Raises:
        ConfigError: the study exists with other data or settings; the difference is named.
    """
    require_same_if_known(folder, config, data_digest)
    path, now = folder.root / FINGERPRINT, fingerprint(config, data_digest)
    if not path.exists():
        folder.root.mkdir(parents=True, exist_ok=True)
        write_json(path, {"name": folder.name, **now})
    elif len(_points(now)) > len(_points(stored := stored_fingerprint(folder.root))):
        write_json(path, {**stored, "config": now["config"]})
    named = with_overrides(config, {"search/name": folder.name})  # it runs as it lies there
    write_text(folder.root / "config.yaml", to_yaml(named))


def require_same_weights(folder: StudyFolder, weights: Mapping[str, str]) -> None:
    """Store which pretrained weights a study starts at, or compare; a folder's may be replaced.

    Args:
        folder: of a study that has a fingerprint.
        weights: digest by the word of what starts at them: encoder, simcse.

    Raises:
        ConfigError: the same folder or id now holds other weights.
    """
    stored = stored_fingerprint(folder.root)
    if "weights" in stored:
        _require_equal(folder, {"weights": stored["weights"]}, {"weights": dict(weights)})
    else:
        write_json(folder.root / FINGERPRINT, {**stored, "weights": dict(weights)})


def _require_equal(folder: StudyFolder, stored: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    differences = _differences(stored, now)
    if differences:
        raise ConfigError(
            f"{folder.root}: this study exists with {'; '.join(differences[:4])}",
            "undo the change, or start another study with --out NEW_FOLDER",
        )


def _to_the_shorter_points(
    stored: Mapping[str, Any], now: Mapping[str, Any]
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Cut both to the points of the shorter: a study may go on with more points at their end."""
    both = min(len(_points(stored)), len(_points(now)))
    return _with_points(stored, both), _with_points(now, both)


def _points(known: Mapping[str, Any]) -> list[Any]:
    try:
        return list(known["config"]["search"]["points"])
    except (KeyError, TypeError):
        return []


def _with_points(known: Mapping[str, Any], count: int) -> Mapping[str, Any]:
    points = _points(known)
    if not count or not points:  # points of one's own replace those that every search tries
        return known
    config = known["config"]
    return {
        **known,
        "config": {**config, "search": {**config["search"], "points": points[:count]}},
    }


def stored_fingerprint(root: Path) -> dict[str, Any]:
    """Read the fingerprint that lies in a study's folder.

    Raises:
        ConfigError: the file is damaged.
    """
    path = root / FINGERPRINT
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path}: not valid JSON; the study cannot be continued", _RESTORE
        ) from error
    if not isinstance(stored, dict):
        raise ConfigError(
            f"{path}: not a study's fingerprint; the study cannot be continued", _RESTORE
        )
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
