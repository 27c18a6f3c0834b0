"""What an import brings along: nothing heavy at the front door, no search with a loss."""

import json
import subprocess
import sys

import pytest

import softnce

HEAVY = [
    "torch",
    "peft",
    "transformers",
    "sentence_transformers",
    "ray",
    "mlflow",
    "optuna",
    "numpy",
]
HEAVY += ["scipy", "pandas", "pyarrow", "pydantic", "yaml", "rich", "typer", "tree_sitter"]
OF_SEARCHING = {"ray", "mlflow", "optuna", "tune_spaces", "cluster"}
LOADED = "import json, sys; print(json.dumps(sorted(sys.modules)))"
ALL_OF = """
import importlib, pkgutil
for room in ("losses", "weights", "evaluation", "data"):
    package = importlib.import_module(f"softnce.{room}")
    for one in pkgutil.walk_packages(package.__path__, f"softnce.{room}."):
        importlib.import_module(one.name)
"""


def loaded(script: str) -> set[str]:
    """Return the names of all modules that a process has loaded after a script."""
    command = [sys.executable, "-c", f"{script}\n{LOADED}"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(json.loads(ended.stdout.splitlines()[-1]))


def test_the_package_itself_imports_nothing_heavy():
    modules = loaded("import softnce; assert 'search' in dir(softnce)")
    assert "softnce" in modules
    assert not modules & {*HEAVY, *OF_SEARCHING}


def test_losses_weights_ranking_mining_and_the_adapter_import_nothing_of_searching():
    modules = loaded(ALL_OF)
    rooms = {"losses.st_adapter", "weights.bm25", "evaluation.ranking", "data.mining.mine"}
    assert {f"softnce.{room}" for room in rooms} <= modules
    assert not modules & OF_SEARCHING


def test_what_the_front_door_does_not_offer_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'softnce' has no attribute 'serach'"):
        softnce.serach  # noqa: B018
