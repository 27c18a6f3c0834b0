"""Where paper and official code differ, one named option decides, and says whose reading it is.

The 14 rows of the table of discrepancies (METHOD A.7). Worked values (METHOD G) by a numpy script.
"""

import pytest
import torch

from softnce.config.config import Config
from softnce.config.file import value_at, with_overrides
from softnce.config.sections.method import LossSection, WeightsSection
from softnce.inputs.frozen_models import simcse_config
from softnce.training.objectives import outcome

BASE = Config.model_validate({"data": {"path": "pairs"}})
ROWS = {
    "1 floor": ("weights/floor", 0.1, [0.0, None], "appendix C.2"),
    "1 renormalise": ("weights/renormalise", False, [True], "neither the paper nor its code"),
    "3 clamped logits": ("loss/clamp_logits_min", None, [0.0], "appendix B.1"),
    "4 similarity": ("encoder/similarity", "cosine", ["dot"], "UniXcoder's own code"),
    "4 scale": ("loss/temperature", 0.05, [1.0], "Divisor of similarities that makes logits"),
    "5 online teacher": ("weights/estimator", "bm25", ["teacher", "self"], "as its code does"),
    "5 warm start": ("optim/init_from_teacher", False, [True], "by accident in the paper's code"),
    "6 BM25's text": ("weights/bm25/documents", "queries", ["codes"], "section 3.2"),
    "7 BM25's idf": ("weights/bm25/variant", "okapi", ["official", "lucene"], "paper's code"),
    "8 KL": ("loss/kl_coefficients", "paper", ["official"], "paper's code"),
    "9 BCE": ("loss/bce_negatives", "all", ["negatives"], "appendix B.2"),
    "10 epochs": ("optim/epochs", 4, [10, 30], "The paper has 30, its code's README 10"),
    "11 seeds": ("optim/seed", 1234, [12345, 123456], "1234, 12345 and 123456"),
    "13 SimCSE": ("weights/simcse/recipe", "official", ["paper"], "paper's code"),
}


@pytest.mark.parametrize("row", ROWS)
def test_each_discrepancy_is_one_option_that_names_its_source(row):
    path, default, others, source = ROWS[row]
    assert value_at(BASE, path) == default
    for other in others:
        assert value_at(with_overrides(BASE, {path: other}), path) == other
    *sections, name = path.split("/")
    section = BASE
    for part in sections:
        section = getattr(section, part)
    assert source in type(section).model_fields[name].description


def test_model_selection_and_the_last_batch_leave_no_choice():
    """Rows 12 and 14: always the validation split, always full batches; rows 2: no epsilon."""
    paths = {*LossSection.model_fields, *Config.model_fields["optim"].annotation.model_fields}
    assert not {name for name in paths if "drop_last" in name or "epsilon" in name}


SIMCSE = {
    "official": {"epochs": 10, "batch_size": 256, "learning_rate": 5e-4},
    "paper": {"epochs": 1, "batch_size": 64, "learning_rate": 3e-5},
}


@pytest.mark.parametrize(("recipe", "temperature"), [("official", 0.07), ("paper", 0.05)])
def test_a_recipe_of_simcse_is_one_word(recipe, temperature):
    own = simcse_config(with_overrides(BASE, {"weights/simcse/recipe": recipe}))
    assert {name: getattr(own.optim, name) for name in SIMCSE[recipe]} == SIMCSE[recipe]
    assert own.loss.temperature == temperature


def test_a_setting_of_ones_own_goes_before_the_recipe():
    changes = {"weights/simcse/recipe": "paper", "weights/simcse/epochs": 3}
    own = simcse_config(with_overrides(BASE, changes))
    assert (own.optim.epochs, own.optim.batch_size) == (3, 64)


# --- the worked values by the options' names

LOGITS = [
    [2.0, 0.5, -1.0, 0.25],
    [0.75, 1.5, 0, -0.5],
    [-0.25, 1, 1.25, 0.5],
    [0.1, -0.3, 0.6, 0.9],
]
SCORES = [[1, 0.8, 0.1, 0.3], [0.8, 1, 0.2, 0.4], [0.1, 0.2, 1, 0.6], [0.3, 0.4, 0.6, 1]]
TABLE_7 = {"alpha": 1.3, "beta": 0.7}


def taken(loss, weights, logits=LOGITS):
    found = outcome(
        torch.tensor(logits, dtype=torch.float64),
        torch.tensor(SCORES, dtype=torch.float64),
        torch.arange(4),
        loss=LossSection(**loss),
        weights=WeightsSection(**{**TABLE_7, "temperature": 1.0, "scale": "raw", **weights}),
    )
    return float(found.loss)


WORKED = [
    ({"name": "infonce"}, {}, 0.6982068248),
    ({"name": "infonce", "symmetric": True}, {}, 0.6908721597),
    ({"name": "soft-infonce"}, {}, 0.6476731094),
    ({"name": "soft-infonce"}, {"alpha": 1.0, "beta": 1.0}, 0.6830221279),
    ({"name": "soft-infonce"}, {"temperature": 5.0}, 0.6885499958),
    ({"name": "soft-infonce"}, {"temperature": 0.1}, 0.8644055775),
    ({"name": "soft-infonce"}, {"temperature": 0.1, "renormalise": True}, 0.6054961233),
    ({"name": "soft-infonce"}, {"temperature": 0.1, "floor": None}, 0.3500613908),
    ({"name": "weighted-infonce"}, {}, 2.5900463847),
    ({"name": "weighted-infonce"}, {"temperature": 5.0}, 2.6553775937),
    ({"name": "bce"}, {}, 0.7362527946),
    ({"name": "bce"}, {"temperature": 0.1}, 0.6398320538),
    ({"name": "kl-infonce"}, {}, 0.9579915200),
    ({"name": "kl-infonce", "kl_coefficients": "official"}, {}, 0.5822011231),
    ({"name": "kl-infonce", "infonce_weight": 1, "kl_weight": 1}, {}, 0.7700963215),
    (
        {"name": "kl-infonce", "kl_coefficients": "official"},
        {"temperature": 0.1},
        1.2804568947,
    ),
    ({"name": "top-k", "top_k": 1}, {}, 0.4405370172),
    ({"name": "top-k", "top_k": 2}, {}, 0.2056286434),
    ({"name": "dynamic-threshold", "ratio": 0.7}, {}, 0.5817247440),
    ({"name": "dynamic-threshold", "ratio": 0.5}, {}, 0.4405370172),
    ({"name": "dynamic-threshold", "ratio": 0.3}, {}, 0.2360282040),
]


@pytest.mark.parametrize(("loss", "weights", "expected"), WORKED, ids=str)
def test_a_loss_by_its_settings_has_the_worked_value(loss, weights, expected):
    assert taken(loss, weights) == pytest.approx(expected, abs=5e-11)


@pytest.mark.parametrize("loss", ["infonce", "soft-infonce", "kl-infonce", "top-k"])
def test_clamped_logits_are_as_if_they_had_been_zero(loss):
    zeroed = [[max(value, 0.0) for value in row] for row in LOGITS]
    clamped = taken({"name": loss, "clamp_logits_min": 0}, {})
    assert clamped == pytest.approx(taken({"name": loss}, {}, zeroed))
    assert clamped != pytest.approx(taken({"name": loss}, {}))


def test_the_official_coefficients_are_alpha_and_beta():
    official = taken({"name": "kl-infonce", "kl_coefficients": "official"}, {})
    named = taken({"name": "kl-infonce", "infonce_weight": 0.7, "kl_weight": 1.3}, {})
    assert official == pytest.approx(named)
