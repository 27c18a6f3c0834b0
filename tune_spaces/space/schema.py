"""The JSON schema of a configuration, for editors that complete and check YAML."""

from typing import Any

from softnce.config.config import Config
from tune_spaces.space.dimension import Dimension

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def configuration_schema() -> dict[str, Any]:
    """Return the schema, in which each entry of ``search.space`` is a dimension.

    An empty section may stand for its defaults, as ``optim:`` with nothing under it does.
    """
    whole = Config.model_json_schema()
    known = whole["$defs"]
    known["Dimension"] = Dimension.model_json_schema()
    known["SearchSection"]["properties"]["space"]["additionalProperties"] = {
        "$ref": "#/$defs/Dimension"
    }
    for model in (whole, *known.values()):
        _may_be_empty(model["properties"])
    return {"$schema": _DIALECT, **whole, "title": "A configuration of softnce"}


def _may_be_empty(properties: dict[str, Any]) -> None:
    for name, field in properties.items():
        if "$ref" in field:
            properties[name] = {"anyOf": [{"$ref": field["$ref"]}, {"type": "null"}]}
