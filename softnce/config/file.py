"""YAML in, a validated configuration out; every fault is named by key, file and line."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from softnce.config.config import Config
from softnce.config.near_misses import near_setting, near_word
from softnce.config.paths import resolve_paths
from softnce.config.values import first_fault
from softnce.config.yaml_dialect import YAML_ERRORS, Dumper, YamlLoader
from softnce.errors import ConfigError, InvalidSettingError
from softnce.secret import masked

Nested = dict[Any, Any]  # keys may be of any kind until they have been validated
_LONGEST_FOUND = 80  # characters of a wrong value that a message repeats


def load_config(path: Path, settings: Sequence[str] = ()) -> Config:
    """Read a YAML file, apply ``section.field=value`` settings, and validate the whole.

    Relative paths become absolute: those of the file start at its folder, or at the working folder
    where nothing of that name lies there; those of the settings start at the working folder.

    Raises:
        ConfigError: the file is unreadable, or a key or value is wrong; all faults at once.
    """
    text = _text(path)
    return _configured(_mapping(text, path), settings, Lines(text, path))


def data_config(path: Path, settings: Sequence[str] = ()) -> Config:
    """Return a configuration of data alone, as ``data.field=value`` settings change it.

    Args:
        path: of the data.
        settings: of the section ``data``.

    Raises:
        ConfigError: a setting is of another section, or a key or value is wrong.
    """
    for setting in settings:
        if not setting.strip().startswith(("data.", "data/")):
            raise ConfigError(
                f"--set {setting}: only the settings of data count here",
                "for example --set data.columns.query=NAME",
            )
    return _configured({"data": {"path": str(path)}}, settings, Lines("", path))


def _configured(nested: Nested, settings: Sequence[str], where: "Lines") -> Config:
    for setting in settings:
        parts, value = _split_setting(setting)
        _apply(nested, parts, value)
        where.changed.add(tuple(parts))
    if odd := first_fault(nested):
        location, fault = odd
        raise ConfigError(f"{where.of(location)}{'.'.join(location) or 'the whole'}: {fault}")
    _replace_source(nested, where.changed)
    resolve_paths(nested, where.path.parent, where.changed)
    return validated(nested, where=where)


def validated(nested: Mapping[Any, Any], *, where: "Lines | None" = None) -> Config:
    """Turn a nested mapping into a Config.

    Raises:
        ConfigError: one line per fault, with the near miss of an unknown key.
    """
    try:
        return Config.model_validate(nested)
    except ValidationError as error:
        faults = [_fault(one, nested, where) for one in error.errors()]
        if len(faults) == 1:
            raise faults[0] from error
        raise ConfigError("\n".join(map(str, faults))) from error


def with_overrides(config: Config, overrides: Mapping[str, Any]) -> Config:
    """Return the configuration with ``section/field`` values replaced.

    Raises:
        ConfigError: a path or value is wrong.
    """
    nested = config.model_dump(mode="json")
    for path, value in overrides.items():
        _apply(nested, path.split("/"), value)
    return validated(nested)


def value_at(config: Config, path: str) -> Any:  # noqa: ANN401  (any field's type)
    """Return the value of ``section/field``.

    Raises:
        ConfigError: there is no such field.
    """
    node: Any = config
    for part in path.split("/"):
        if not isinstance(node, BaseModel) or part not in type(node).model_fields:
            raise ConfigError(f"{path}: no such setting", near_setting(path, all_paths()))
        node = getattr(node, part)
    return node


def can_be(path: str, value: object) -> bool:
    """Tell whether a value is of the type of ``section/field``; bounds are not looked at."""
    *sections, name = path.split("/")
    model: Any = Config
    for section in sections:
        model = model.model_fields[section].annotation
    try:
        TypeAdapter(model.model_fields[name].annotation).validate_python(value)
    except ValidationError:
        return False
    return True


def all_paths(model: type[BaseModel] = Config, prefix: str = "") -> list[str]:
    """List the ``section/field`` path of every setting."""
    paths: list[str] = []
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            paths += all_paths(kind, f"{prefix}{name}/")
        else:
            paths.append(f"{prefix}{name}")
    return paths


def to_yaml(config: Config) -> str:
    """Return the resolved configuration as YAML that can be run again."""
    nested = config.model_dump(mode="json")
    return yaml.dump(nested, Dumper=Dumper, sort_keys=False, allow_unicode=True)


class Lines:
    """Finds the line of a key in a YAML text.

    Attributes:
        path: of the file.
        changed: keys that were set on the command line instead.
    """

    def __init__(self, text: str, path: Path) -> None:
        self.path = path
        self.changed: set[tuple[str, ...]] = set()
        self._root = yaml.compose(text, Loader=yaml.SafeLoader)

    def of(self, location: Iterable[str | int]) -> str:
        """Return ``file:line`` of the deepest part of the location that the file holds."""
        node, line = self._root, None
        parts = tuple(str(part) for part in location)
        if any(parts[: len(one)] == one for one in self.changed):
            return "--set "
        for part in parts:
            if not isinstance(node, yaml.MappingNode):
                break
            found = [(key, value) for key, value in node.value if key.value == str(part)]
            if not found:
                break
            line, node = found[-1][0].start_mark.line + 1, found[-1][1]
        if line is None and parts and any(one[: len(parts)] == parts for one in self.changed):
            return "--set "
        return f"{self.path}:{line}: " if line else f"{self.path}: "


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such configuration file", "check the path") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as text: {error}") from error


def _mapping(text: str, path: Path) -> Nested:
    try:
        nested = yaml.load(text, Loader=YamlLoader)  # noqa: S506  (a SafeLoader)
    except RecursionError as error:
        raise ConfigError(f"{path}: nested too deeply for a configuration") from error
    except YAML_ERRORS as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or (str(error).splitlines() or ["no value"])[0]
        raise ConfigError(f"{path}{line}: not valid YAML: {problem}") from error
    if nested is None:
        return {}
    if not isinstance(nested, dict):
        raise ConfigError(
            f"{path}:1: a configuration is a mapping of sections, this is a {type(nested).__name__}"
        )
    return nested


def _split_setting(setting: str) -> tuple[list[str], Any]:
    key, equals, text = setting.partition("=")
    if not equals or not key.strip(" ./"):
        raise ConfigError(
            f"--set {_short(setting)}: not of the form section.field=value",
            "write, for example, --set optim.epochs=2",
        )
    try:
        value = yaml.load(text, Loader=YamlLoader)  # noqa: S506  (a SafeLoader)
    except (*YAML_ERRORS, RecursionError) as error:
        raise ConfigError(
            f"--set {_short(setting)}: the value is not valid YAML",
            f"put it in quotes: '{_short(key)}=\"TEXT\"'",
        ) from error
    parts = key.strip().split(".")
    if parts[:2] == ["search", "space"]:  # dimension names hold a slash, which one key keeps
        parts = [*parts[:2], ".".join(parts[2:])] if len(parts) > 2 else parts
    else:
        parts = key.strip().replace("/", ".").split(".")
    if isinstance(value, dict) and not text.lstrip().startswith("{"):
        path = "/".join(parts)
        if path in all_paths() and can_be(path, text):
            value = text  # a prompt, as "Query: "
    return parts, value


def _replace_source(nested: Nested, changed: set[tuple[str, ...]]) -> None:
    """Let data.path from the command line take the place of data.mine, and the other way round."""
    data = nested.get("data")
    for given, other in (("path", "mine"), ("mine", "path")):
        is_chosen = ("data", given) in changed and ("data", other) not in changed
        if is_chosen and isinstance(data, dict):
            data.pop(other, None)


def _apply(nested: Nested, parts: Sequence[str], value: object) -> None:
    *sections, last = parts
    for section in sections:
        child = nested.get(section)
        if not isinstance(child, dict):
            child = nested[section] = {}
        nested = child
    nested[last] = value


def found_and_cure(error: ErrorDetails) -> tuple[str, str | None]:
    """Return what pydantic found, and how to cure it where a validator of ours says so."""
    raised = error.get("ctx", {}).get("error")
    if isinstance(raised, InvalidSettingError):
        return raised.found, raised.cure
    if error["type"] in ("model_type", "model_attributes_type", "dict_type"):
        return "a mapping of names to values should be here", None
    if error["type"] == "too_short":
        return f"at least {error['ctx']['min_length']} should be here", None
    if error["type"] == "missing":
        return "missing", None
    message = error["msg"].removeprefix("Value error, ")
    return message[0].lower() + message[1:] if message.startswith("Input") else message, None


def _fault(error: ErrorDetails, nested: Mapping[Any, Any], where: Lines | None) -> ConfigError:
    location = [str(part) for part in error["loc"]]
    key = ".".join(location)
    place = where.of(location) if where else ""
    if error["type"] == "extra_forbidden":
        known = [path.replace("/", ".") for path in all_paths()] + list(Config.model_fields)
        return ConfigError(f"{place}{key}: unknown key", near_setting(key, known))
    if error["type"] == "missing" and location == ["data"]:
        return ConfigError(
            f"{place}data: missing", "say where the pairs are, for example data: {path: ./pairs}"
        )
    found, cure = found_and_cure(error)
    if error["type"] == "literal_error":
        words = re.findall(
            r"'([^']*)'", error["ctx"]["expected"]
        )  # it may stand at a mapping's key
        cure = near_word(str(error["input"])[:_LONGEST_FOUND], words)
    return ConfigError(f"{place}{key + ': ' if key else ''}{found}{_value(nested, location)}", cure)


def _value(nested: Mapping[Any, Any], location: Sequence[str]) -> str:
    node: Any = nested
    for part in location:
        if not isinstance(node, Mapping) or part not in node:
            return ""
        node = node[part]
    if isinstance(node, Mapping | list):
        return ""
    return f", found {_short(repr(node))}"


def _short(text: str) -> str:
    text = masked(text).encode(errors="backslashreplace").decode()
    return text if len(text) <= _LONGEST_FOUND else text[:_LONGEST_FOUND] + "..."
