"""Write the parts of the pages that follow from the code: settings, losses, estimators, commands.

uv run python docs/generate.py writes them anew; with --check it names the pages that are behind.
A part stands between ``<!-- generated: NAME -->`` and ``<!-- end of what is generated -->``.
"""

import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import typer

from softnce.__main__ import app
from softnce.config.config import Config
from softnce.losses.table import LOSSES
from softnce.weights.table import ESTIMATORS
from tune_spaces.space.searchable import is_fixed

PAGES = Path(__file__).parent
_PART = re.compile(
    r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end of what is generated -->)", re.DOTALL
)
Schema = Mapping[str, Any]
_PLURALS = {"string": "texts", "integer": "whole numbers", "object": "mappings"}


def losses() -> Iterator[str]:
    """Yield the table of losses."""
    yield from ("| loss | | source |", "|---|---|---|")
    for one in LOSSES.values():
        yield f"| `{one.name}` | {one.label} | {one.source} |"


def estimators() -> Iterator[str]:
    """Yield the table of estimators."""
    yield "| estimator | relevant are, or is told by | what it adds to a step |"
    yield "|---|---|---|"
    for one in ESTIMATORS.values():
        yield f"| `{one.name}` | {one.summary} | {one.cost} |"


def settings() -> Iterator[str]:
    """Yield every section and setting of a configuration."""
    whole = Config.model_json_schema()
    for name, own in whole["properties"].items():
        yield from _section(whole["$defs"], name, own)


def _section(known: Schema, path: str, own: Schema) -> Iterator[str]:
    """Yield a section's settings, then the sections in it."""
    section = known[own["$ref"].rpartition("/")[2]]
    yield from (f"## `{path}`", "", " ".join(section["description"].split()), "")
    is_apart = all(is_fixed(f"{path}.{name}".replace(".", "/")) for name in section["properties"])
    if is_apart:
        yield from ("All of it is the same for all trials of a study, and cannot be searched.", "")
    inner = {}
    fields = sorted(section["properties"].items(), key=lambda one: one[0] != "name")
    for name, field in fields:
        if "$ref" in field:
            inner[name] = field
            continue
        yield from _setting(f"{path}.{name}", field, is_apart=is_apart)
    for name, field in inner.items():
        yield from _section(known, f"{path}.{name}", field)


def _setting(path: str, field: Schema, *, is_apart: bool) -> Iterator[str]:
    """Yield a setting: what it is, what it may be, and what reads it."""
    yield from (f"### `{path}`", "", field["description"], "")
    told = [f"It takes {_values(field)}.", f"The default is {_default(field)}."]
    if readers := _readers(path.replace(".", "/")):
        told.append(f"It is read by {readers}.")
    if is_fixed(path.replace(".", "/")) and not is_apart:
        told.append("It is the same for all trials of a study, and cannot be searched.")
    yield from (" ".join(told), "")


def _default(field: Schema) -> str:
    empty = {} if field.get("type") == "object" else None  # a mapping's is made anew each time
    value = field.get("default", empty)
    if value is None:
        return "`null`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _values(field: Schema) -> str:
    """Say what a setting may be."""
    if "enum" in field:
        return "one of " + ", ".join(f"`{one}`" for one in field["enum"])
    if "anyOf" in field:
        return ", or ".join(_values(one) for one in field["anyOf"])
    kind = field["type"]
    if kind in ("number", "integer"):
        return " ".join(["a whole number" if kind == "integer" else "a number", *_bounds(field)])
    if kind == "array":
        return f"a list of {_PLURALS[field['items']['type']]}"
    if kind == "object":
        return "a mapping"
    return {"string": "a text", "boolean": "`true` or `false`", "null": "`null`"}[kind]


def _bounds(field: Schema) -> Iterator[str]:
    words = {
        "minimum": "from",
        "exclusiveMinimum": "above",
        "maximum": "to",
        "exclusiveMaximum": "below",
    }
    for name, word in words.items():
        if name in field:
            bound = field[name]
            yield f"{word} {int(bound) if bound == int(bound) else bound:,}"


def _readers(path: str) -> str:
    """Name the losses, or the estimators, that a setting of the method makes a difference to."""
    if path.startswith(("loss/", "weights/")) and path.count("/") == 1:
        names = [
            one.name
            for one in LOSSES.values()
            if path in set(one.every_setting()) - set(one.ignores)
        ]
        if len(names) == len(LOSSES):
            return "every loss"
        if path == "weights/estimator":
            names = [one.name for one in LOSSES.values() if one.has_estimator]
        return _listed(names)
    own = [one for one in ESTIMATORS.values() if path.startswith(f"weights/{one.section}/")]
    if not own:
        return ""
    is_mixed = any(one.share is not None and one.weights is None for one in own)
    names = [one.name for one in ESTIMATORS.values() if one in own or (is_mixed and one.combines)]
    return f"the estimator{'s' if names[1:] else ''} {_listed(names)}"


def _listed(names: list[str]) -> str:
    quoted = [f"`{name}`" for name in names]
    return " and ".join([", ".join(quoted[:-1]), quoted[-1]]) if quoted[1:] else "".join(quoted)


def commands() -> Iterator[str]:
    """Yield every command with its arguments and options."""
    yield from _command(typer.main.get_command(app), "softnce")


def _command(command: Any, name: str) -> Iterator[str]:  # noqa: ANN401  (typer's own)
    for own, one in sorted(getattr(command, "commands", {}).items()):
        yield from _command(one, f"{name} {own}")
    if hasattr(command, "commands"):
        return
    yield from (f"### `{name}`", "", command.help, "", "| | |", "|---|---|")
    for one in command.params:
        words, meaning = one.get_help_record(typer.Context(command))
        if one.param_type_name == "argument":
            words = _argument(one)
        yield f"| `{_cell(words)}` | {_cell(meaning)} |"
    yield ""


def _argument(one: Any) -> str:  # noqa: ANN401
    name = one.metavar or one.name.upper()
    return name if one.required or name.startswith("[") else f"[{name}]"


def _cell(text: str) -> str:
    plain = text.replace("  [required]", "").replace("<=x<=", " to ").replace("x>=", "from ")
    return plain.replace("  [", " \\[").replace("|", "\\|")


def floors() -> Iterator[str]:
    """Yield the floors of each package, highest first, as import-linter's contracts have them."""
    text = (PAGES.parent / "pyproject.toml").read_text(encoding="utf-8")
    yield from ("| inside | floors, highest first |", "|---|---|")
    for contract in tomllib.loads(text)["tool"]["importlinter"]["contracts"]:
        inside = ", ".join(f"`{one}`" for one in contract.get("containers", ["all packages"]))
        layers = " > ".join(_floor(one) for one in contract["layers"])
        yield f"| {inside.replace('`all packages`', 'all')} | {layers} |"


def _floor(layer: str) -> str:
    return ", ".join(f"`{one.strip(' ()')}`" for one in layer.split("|"))


PARTS: dict[str, Callable[[], Iterator[str]]] = {
    "losses": losses,
    "estimators": estimators,
    "settings": settings,
    "commands": commands,
    "floors": floors,
}


def written(text: str) -> str:
    """Return a page with its generated parts made anew."""

    def part(found: re.Match[str]) -> str:
        lines = "\n".join(PARTS[found[2]]()).strip()
        return f"{found[1]}\n{lines}\n\n{found[3]}"

    return _PART.sub(part, text)


def main() -> None:
    """Write the pages, or with --check name those that are behind, which is exit code 1."""
    behind = {}
    for page in sorted(PAGES.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        if (new := written(text)) != text:
            behind[page] = new
    if "--check" in sys.argv[1:]:
        for page in behind:
            print(f"docs/{page.name} is behind: uv run python docs/generate.py writes it anew")
        sys.exit(1 if behind else 0)
    for page, text in behind.items():
        page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
