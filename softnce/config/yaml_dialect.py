"""The YAML of configurations: 1e-3 is a number, and no key is there twice."""

import re
from collections.abc import Hashable
from typing import Any

import yaml

YAML_ERRORS = (  # PyYAML lets what its constructors meet through: !!int '', !!timestamp x
    yaml.YAMLError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
)
_EXPONENT = re.compile(r"[-+]?[0-9]+(?:\.[0-9]*)?[eE][-+]?[0-9]+$")  # YAML 1.1 reads 1e-3 as text


class YamlLoader(yaml.SafeLoader):
    """Reads 1e-3 as a number, and refuses a key that is there twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002
        """Build a mapping of distinct keys."""
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                problem = f"the key {key.value} is there twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def _whole_number(loader: YamlLoader, node: yaml.ScalarNode) -> int:
    try:
        return int(loader.construct_yaml_int(node))
    except ValueError as error:  # !!int '', or more digits than Python reads
        problem = "no whole number, or one of too many digits"
        raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from error


YamlLoader.add_constructor("tag:yaml.org,2002:int", _whole_number)


class Dumper(yaml.SafeDumper):
    """Quotes the text 1e-3, which the loader would read as a number."""


for _either in (YamlLoader, Dumper):
    _either.add_implicit_resolver("tag:yaml.org,2002:float", _EXPONENT, list("-+0123456789"))
