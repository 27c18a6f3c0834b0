"""The table of languages whose data flow can be followed."""

from typing import Literal

from softnce.dataflow.languages import go, java, javascript, php, python, ruby
from softnce.dataflow.walk import Rules

Mode = Literal["official", "fixed"]

_FILES = {
    "go": go,
    "java": java,
    "javascript": javascript,
    "php": php,
    "python": python,
    "ruby": ruby,
}
LANGUAGES: dict[str, dict[Mode, Rules]] = {
    name: {"official": one.OFFICIAL, "fixed": one.FIXED} for name, one in _FILES.items()
}
