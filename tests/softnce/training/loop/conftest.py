"""A small set of made pairs, prepared once."""

import json
import random
from dataclasses import replace

import pytest

from softnce.data.pairs import read_pairs
from softnce.inputs.frozen_models import teacher_config, vectors_key
from softnce.inputs.frozen_vectors import cache_vectors
from softnce.inputs.prepare import prepare
from softnce.training.loop import epochs
from tests.softnce.training.loop.small_runs import THINGS, WORDS, config_with, said


@pytest.fixture(scope="session")
def pairs(tmp_path_factory):
    draw, rows = random.Random(0), []
    for number in range(500):
        verb, thing, other = draw.choice(WORDS), draw.choice(THINGS), draw.choice(THINGS)
        code = f"def {verb}_{thing}(x):\n    return {other}.{verb}(x, {number})"
        rows.append({"query": f"{verb} the {thing} of a {other}", "code": code, "id": f"u{number}"})
    path = tmp_path_factory.mktemp("pairs") / "pairs.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return read_pairs(path)


@pytest.fixture(scope="session")
def prepared(pairs, tmp_path_factory):
    """Inputs with a teacher's vectors."""
    config = config_with()
    made = prepare(config, pairs, tmp_path_factory.mktemp("cache"), tell=said)
    made = replace(made, vectors={"teacher": vectors_key("teacher", config, made)})
    teacher, folder = teacher_config(config), tmp_path_factory.mktemp("teacher")
    list(epochs(teacher, made, folder))
    cache_vectors("teacher", teacher, made, folder)
    return made
