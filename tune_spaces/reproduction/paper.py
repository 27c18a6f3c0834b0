"""The numbers that the paper printed, by table, model and language."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import yaml

TableName = Literal["table1", "table2", "table3", "table8", "fig2", "fig3"]
ModelName = Literal["codebert", "graphcodebert", "unixcoder"]
LanguageName = Literal["ruby", "python", "java", "javascript", "php", "go"]
BASELINE_ROW = "infonce"


def printed(table: TableName, model: ModelName, language: LanguageName) -> dict[str, float]:
    """Return what the paper printed of a table, by the key of the row; empty for a figure.

    Args:
        table: one that the paper has.
        model: whose figures; tables 3 and 8 have but one.
        language: of the functions, likewise.
    """
    found: Mapping[str, Any] = _numbers().get(table, {})
    if table not in ("table1", "table2"):
        return {row: float(value) for row, value in found.items()}
    place = _numbers()["languages"].index(language)
    rows = {row: float(values[place]) for row, values in found[model].items()}
    if table == "table2":  # without a row of InfoNCE, which the table before it has
        rows[BASELINE_ROW] = float(_numbers()["table1"][model][BASELINE_ROW][place])
    return rows


def averages(model: ModelName) -> dict[str, float]:
    """Return Table 2: the average over the six languages, by the key of the row."""
    return {row: float(values[-1]) for row, values in _numbers()["table2"][model].items()}


@cache
def _numbers() -> dict[str, Any]:
    text = (files("tune_spaces.reproduction") / "paper.yaml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded
