"""Few pairs with two hard negatives each, prepared once."""

from dataclasses import replace

import pytest

from softnce.data.pairs import read_pairs
from softnce.inputs.frozen_models import FROZEN_MODELS, vectors_key
from softnce.inputs.frozen_vectors import cache_vectors
from softnce.inputs.prepare import prepare
from softnce.training.loop import epochs
from tests.softnce.training.hard_negatives.small_runs import ESTIMATORS, config_with


@pytest.fixture(scope="session")
def pairs(made_pairs, tmp_path_factory):
    """Pairs with two hard negatives: the next pair's function, and one of nobody's."""
    path = tmp_path_factory.mktemp("hard") / "pairs.jsonl"
    path.write_text("\n".join(made_pairs.read_text().splitlines()[:90]))
    made = read_pairs(path)
    codes = [pair.code for pair in made.train]
    train = tuple(
        replace(
            pair, negatives=(codes[(row + 1) % len(codes)], f"def nobody_{row}(): return {row}")
        )
        for row, pair in enumerate(made.train)
    )
    return replace(made, train=train)


@pytest.fixture(scope="session")
def prepared(pairs, minilm, tmp_path_factory):
    config, folder = config_with(minilm), tmp_path_factory.mktemp("models")
    made = prepare(config, pairs, folder / "cache", tell=lambda _: None, models=ESTIMATORS)
    for model in FROZEN_MODELS:
        key = vectors_key(model, config, made)
        made = replace(made, vectors={**made.vectors, model: key})
        own, inputs = FROZEN_MODELS[model].configured(config), FROZEN_MODELS[model].inputs(made)
        list(epochs(own, inputs, folder / model))
        cache_vectors(model, own, inputs, folder / model)
    return made
