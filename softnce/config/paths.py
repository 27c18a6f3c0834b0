"""Makes the paths of a configuration absolute, once, where it is read.

Trials run in folders of their own, and on other machines: a relative path would lead elsewhere.
"""

import re
from collections.abc import Callable, Collection, Mapping, MutableMapping
from functools import partial
from pathlib import Path
from typing import Any

from softnce.errors import ConfigError
from softnce.weights.table import ESTIMATORS

Location = tuple[str, ...]

_MODELS: tuple[Location, ...] = (
    ("encoder", "model"),
    *(tuple(spec.pretrained.split("/")) for spec in ESTIMATORS.values() if spec.pretrained),
)
_PATHS: tuple[Location, ...] = (("data", "path"), ("data", "mine"), *_MODELS)
_CACHE: Location = ("resources", "cache")
_STORE: Location = ("tracking", "uri")
_MADE = (_CACHE, _STORE)  # what need not exist before the search
_ADDRESS = re.compile(r"(sqlite:///|file:)?(?!/|:|[a-z][a-z0-9+.-]*:)(?=.)", re.I)


def resolve_paths(
    nested: MutableMapping[Any, Any], folder: Path, changed: Collection[Location]
) -> None:
    """Replace relative paths: by what lies in the configuration's folder, else in the working one.

    A name that exists in neither stays as it is: a model may be an id of the hub. A cache or an
    MLflow store that does not exist yet will lie in the working folder.

    Args:
        nested: a configuration as read, sound or not; it is changed.
        folder: of its file.
        changed: settings of the command line, whose paths are those of the working folder.

    Raises:
        ConfigError: a path starts with ~ and the name of no user.
    """
    for location in (*_PATHS, *_MADE):
        section: Any = nested
        for part in location[:-1]:
            section = section.get(part) if isinstance(section, Mapping) else None
        if isinstance(section, MutableMapping) and location[-1] in section:
            found = _finder(location, location, folder, changed)
            section[location[-1]] = _each(section[location[-1]], found)
    search = nested.get("search")
    space = search.get("space") if isinstance(search, Mapping) else None
    for location in _MODELS:
        key = "/".join(location)
        dimension = space.get(key) if isinstance(space, Mapping) else None
        if isinstance(dimension, MutableMapping) and "choice" in dimension:
            found = _finder(location, ("search", "space", key), folder, changed)
            dimension["choice"] = _each(dimension["choice"], found)


def _finder(
    location: Location, place: Location, folder: Path, changed: Collection[Location]
) -> Callable[[str], str]:
    is_changed = any(place[: len(one)] == one for one in changed)
    bases = [Path.cwd()] if is_changed else [folder.absolute(), Path.cwd()]
    return partial(_resolved, location=location, bases=bases)


def _each(value: object, found: Callable[[str], str]) -> object:
    if isinstance(value, list | tuple):
        return [found(one) if isinstance(one, str) else one for one in value]
    return found(value) if isinstance(value, str) else value


def _resolved(name: str, *, location: Location, bases: list[Path]) -> str:
    if not name or name.startswith("@"):  # @environment
        return name
    if location == _STORE:
        return _resolved_address(name, bases)
    try:
        path = Path(name).expanduser()
    except RuntimeError as error:
        key = ".".join(location)
        raise ConfigError(f"{key}: {name}: no such user here", "write the whole path") from error
    candidates = [base / path for base in bases]
    for candidate in candidates:
        if _exists(candidate, is_folder=location in _MODELS):
            return str(candidate)
    return str(candidates[-1]) if location == _CACHE else name


def _resolved_address(uri: str, bases: list[Path]) -> str:
    """Make the path of a local MLflow store absolute; databases are told by sqlite:///relative."""
    found = _ADDRESS.match(uri)
    if found is None or uri in ("databricks", "uc"):  # names of MLflow's own
        return uri
    path = uri[found.end() :]
    candidates = [base / path for base in bases]
    chosen = next((one for one in candidates if _exists(one, is_folder=False)), candidates[-1])
    return f"{found[1] or ''}{chosen}"


def _exists(path: Path, *, is_folder: bool) -> bool:
    try:
        return path.is_dir() if is_folder else path.exists()
    except OSError:  # a name too long for a file is still one that a message can show
        return False
