"""Each loss and each estimator by its configured name, in the real loop; frozen models once."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from softnce.config.config import Config
from softnce.config.file import validated, with_overrides
from softnce.config.sections.method import EstimatorName, LossName
from softnce.data.pairs import read_pairs
from softnce.encoders.encoder import Encoder
from softnce.errors import ConfigError, DataError, RunError, SetupError
from softnce.inputs import estimators
from softnce.inputs.estimators import build_estimator
from softnce.inputs.frozen_models import FROZEN_MODELS, is_cached, vectors_key
from softnce.inputs.frozen_vectors import cache_vectors
from softnce.inputs.prepare import prepare
from softnce.losses.table import LOSSES
from softnce.training.gather import Workers
from softnce.training.loop import _started, epochs
from softnce.weights.table import ESTIMATORS
from softnce.weights.weighting import Estimator

MODELS = ("teacher", "simcse", "duplicates")


def config_with(minilm, **changes):
    simcse = {"model": str(minilm), "batch_size": 8, "epochs": 2, "max_steps": 2, "max_length": 16}
    base = {
        "data": {"path": "pairs.jsonl"},
        "encoder": {"dimensions": 16, "vocabulary": 400, "max_length": 32},
        "optim": {"epochs": 3, "batch_size": 16, "learning_rate": 0.02},
        "weights": {"simcse": {**simcse, "learning_rate": 1e-5}},
    }
    changes = {path.replace("__", "/"): value for path, value in changes.items()}
    return with_overrides(Config.model_validate(base), changes)


@pytest.fixture(scope="module")
def pairs(made_pairs, tmp_path_factory):
    path = tmp_path_factory.mktemp("few") / "pairs.jsonl"
    path.write_text("\n".join(made_pairs.read_text().splitlines()[:130]))
    return read_pairs(path)


def with_frozen(model, config, prepared, folder):
    """Train a frozen model as a study does."""
    key = vectors_key(model, config, prepared)
    prepared = replace(prepared, vectors={**prepared.vectors, model: key})
    own, inputs = FROZEN_MODELS[model].configured(config), FROZEN_MODELS[model].inputs(prepared)
    reports = list(epochs(own, inputs, folder))
    cache_vectors(model, own, inputs, folder)
    return prepared, reports


@pytest.fixture(scope="module")
def made(pairs, minilm, tmp_path_factory):
    """Inputs of all estimators, and SimCSE's reports."""
    config, folder = config_with(minilm), tmp_path_factory.mktemp("models")
    prepared = prepare(config, pairs, folder / "cache", tell=lambda _: None, models=MODELS)
    prepared, _ = with_frozen("teacher", config, prepared, folder / "teacher")
    return with_frozen("simcse", config, prepared, folder / "simcse")


@pytest.fixture(scope="module")
def prepared(made):
    return made[0]


def trained(config, prepared, folder):
    return list(epochs(config, prepared, folder))


def test_every_configured_name_has_its_loss_and_estimator():
    assert set(LOSSES) == set(get_args(LossName))
    assert set(ESTIMATORS) == set(get_args(EstimatorName))


OPTIONS = [
    *({"loss__name": name} for name in get_args(LossName)),
    {"loss__name": "infonce", "loss__symmetric": True},
    {"loss__name": "soft-infonce", "loss__symmetric": True},
    {"loss__name": "bce", "loss__bce_negatives": "negatives"},
    {"loss__name": "weighted-infonce", "loss__normalize_target": True},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_each_loss_trains(minilm, prepared, tmp_path, options):
    reports = trained(config_with(minilm, **options), prepared, tmp_path)
    losses = [report["loss"] for report in reports]
    assert np.isfinite(losses).all()
    if options.get("loss__bce_negatives") != "negatives":  # its positives pull nothing
        assert losses[-1] < losses[0]
    has_weights = options["loss__name"] in ("infonce", "soft-infonce")
    assert ("weight_spread" in reports[0]) is has_weights


@pytest.mark.parametrize("scale", ["raw", "standardised"])
@pytest.mark.parametrize("loss", ["soft-infonce", "kl-infonce"])
@pytest.mark.parametrize("estimator", ["simcse", "self", "duplicates", "mixture"])
def test_each_estimator_trains(minilm, prepared, tmp_path, estimator, loss, scale):
    options = {"weights__estimator": estimator, "loss__name": loss, "weights__scale": scale}
    config = config_with(minilm, **options, optim__epochs=1, weights__temperature=0.2)
    (report,) = trained(config, prepared, tmp_path)
    assert np.isfinite(report["loss"])
    assert report.get("weight_spread", 1) > 0


def test_estimators_give_different_losses(minilm, prepared, tmp_path):
    found = {}
    for name in get_args(EstimatorName):
        config = config_with(minilm, weights__estimator=name, optim__epochs=1, optim__max_steps=2)
        (report,) = trained(config, prepared, tmp_path / name)
        found[name] = report["loss"]
    assert len(set(found.values())) == len(found)


# --- frozen models


def test_simcse_reports_its_loss_and_keeps_the_last_epoch(made):
    reports = made[1]
    assert [report["epoch"] for report in reports] == [1, 2]
    assert reports[-1]["best_epoch"] == 2
    assert reports[-1]["objective"] == -reports[-1]["loss"]
    assert "mrr" not in reports[-1]
    assert 0 < reports[-1]["loss"] < 1  # two dropout passes of a pretrained model are near


def test_simcse_scores_docstrings_by_their_cosine(minilm, prepared, pairs):
    config = config_with(minilm, weights__estimator="simcse")
    texts = [pair.query for pair in pairs.train]
    rows = torch.arange(30)
    scores = build_estimator(config.weights, prepared, torch.device("cpu")).relevance(rows, rows)
    torch.testing.assert_close(scores.diagonal(), torch.ones(30))
    for row in range(30):
        alike = [column for column in range(30) if texts[column] == texts[row]]
        assert scores[row, alike].min() > 0.999


@pytest.mark.parametrize("scale", ["raw", "standardised"])
def test_a_mixture_of_self_alone_is_self_standardised(minilm, prepared, tmp_path, scale):
    shares = {f"weights/mixture/{name}": 0 for name in ("bm25", "teacher")}
    config = config_with(minilm, weights__estimator="mixture", weights__scale=scale)
    config = with_overrides(config, shares | {"weights/mixture/self": 0.3, "optim/epochs": 1})
    alone = config_with(minilm, weights__estimator="self", optim__epochs=1)
    mixed, own = (
        trained(one, prepared, tmp_path / name) for name, one in (("a", config), ("b", alone))
    )
    assert mixed[0]["loss"] == pytest.approx(own[0]["loss"], rel=1e-4)


def test_the_encoders_own_say_in_a_mixture_makes_a_difference(minilm, prepared, tmp_path):
    losses = set()
    for share in (0.0, 1.0, 50.0):
        changes = {"weights/mixture/self": share, "optim/epochs": 1, "optim/max_steps": 2}
        config = with_overrides(config_with(minilm, weights__estimator="mixture"), changes)
        losses.add(trained(config, prepared, tmp_path / str(share))[0]["loss"])
    assert len(losses) == 3


@pytest.mark.parametrize("estimator", ["teacher", "simcse", "mixture"])
def test_a_second_trial_runs_no_forward_of_a_frozen_model(
    minilm, prepared, tmp_path, estimator, monkeypatch
):
    forwards, forward = [], Encoder._forward

    def counted(self, tokens):
        forwards.append(type(self).__name__)
        return forward(self, tokens)

    monkeypatch.setattr(Encoder, "_forward", counted)
    config = config_with(minilm, weights__estimator=estimator, optim__epochs=1)
    config = with_overrides(config, {"weights/mixture/simcse": 1.0})
    (report,) = trained(config, prepared, tmp_path)
    assert set(forwards) == {"StaticEncoder"}
    assert len(forwards) == report["steps"] + 2  # the student's own, and two to evaluate it
    for model in FROZEN_MODELS:
        assert is_cached(model, prepared)


@pytest.mark.parametrize(
    ("change", "is_same"),
    [
        ({"weights__alpha": 0.5}, True),
        ({"optim__learning_rate": 0.5}, True),
        ({"loss__temperature": 0.5}, True),
        ({"weights__simcse__temperature": 0.05}, False),
        ({"weights__simcse__learning_rate": 3e-5}, False),
        ({"weights__simcse__max_length": 8}, False),
        ({"weights__simcse__model": "another/model"}, False),
        ({"optim__seed": 5}, False),
    ],
)
def test_simcse_is_trained_anew_only_when_it_would_be_another(minilm, prepared, change, is_same):
    keys = [
        vectors_key("simcse", one, prepared)
        for one in (config_with(minilm), config_with(minilm, **change))
    ]
    assert (keys[0] == keys[1]) is is_same


def test_other_pairs_share_no_vectors_tokens_or_groups(minilm, pairs, prepared, tmp_path):
    fewer, config = replace(pairs, train=pairs.train[:-1]), config_with(minilm)
    other = prepare(config, fewer, tmp_path, tell=lambda _: None, models=MODELS)
    assert other.simcse != prepared.simcse
    assert other.groups != prepared.groups
    for model in FROZEN_MODELS:
        assert vectors_key(model, config, other) != prepared.vectors[model]


@pytest.mark.parametrize("model", FROZEN_MODELS)
def test_other_weights_in_the_same_folder_share_no_vectors(minilm, pairs, tmp_path, model):
    folder = Path(shutil.copytree(minilm, tmp_path / "model"))
    encoder = {"encoder__kind": "transformer", "encoder__model": str(folder)}
    config = config_with(folder, **encoder)
    keys = []
    for _ in range(2):
        made = prepare(config, pairs, tmp_path / "cache", tell=lambda _: None, models=MODELS)
        keys.append(vectors_key(model, config, made))
        weights = load_file(folder / "model.safetensors")
        weights["embeddings.LayerNorm.bias"] += 0.5
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    again = prepare(config, pairs, tmp_path / "cache", tell=lambda _: None, models=MODELS)
    assert len({*keys, vectors_key(model, config, again)}) == 3


def test_what_no_trial_asks_is_not_prepared(minilm, pairs, tmp_path):
    made = prepare(config_with(minilm), pairs, tmp_path, tell=lambda _: None)
    assert (made.simcse, made.groups, made.vectors) == ("", "", {})


def test_vectors_of_other_data_are_refused(minilm, prepared):
    config = config_with(minilm, weights__estimator="simcse")
    with pytest.raises(DataError, match="vectors for 7 training pairs: they belong to other data"):
        build_estimator(config.weights, replace(prepared, train=7), torch.device("cpu"))


def test_vectors_that_were_not_prepared_are_named(minilm, prepared):
    config = config_with(minilm, weights__estimator="teacher")
    with pytest.raises(DataError, match="teacher: its vectors of the training queries have not"):
        build_estimator(config.weights, replace(prepared, vectors={}), torch.device("cpu"))


def test_the_student_may_start_from_the_teacher(minilm, prepared, tmp_path):
    config = config_with(minilm, optim__init_from_teacher=True)
    run = _started(config, prepared, tmp_path, Workers(), torch.device("cpu"))
    wanted = prepared.frozen_weights("teacher")
    assert wanted
    for name, tensor in run.encoder.model.state_dict().items():
        torch.testing.assert_close(tensor, wanted[name])


def test_weights_of_another_shape_are_refused_with_a_sentence(minilm, prepared, tmp_path):
    config = config_with(minilm, optim__init_from_teacher=True, encoder__dimensions=8)
    with pytest.raises(DataError, match="the teacher's weights are those of another encoder"):
        trained(config, prepared, tmp_path)


# --- bad input


def test_scores_that_are_no_numbers_end_the_run(minilm, prepared, tmp_path, monkeypatch):
    class Broken(Estimator):
        name = "bm25"

        def relevance(self, queries, candidates):
            return torch.full((len(queries), len(candidates)), float("nan"))

    monkeypatch.setattr(estimators, "bm25", lambda *_: Broken())
    with pytest.raises(RunError, match="bm25: 256 of 256 scores are NaN or infinite"):
        trained(config_with(minilm), prepared, tmp_path)


@pytest.mark.parametrize("estimator", ["bm25", "duplicates", "self"])
@pytest.mark.parametrize("loss", get_args(LossName))
def test_identical_and_empty_texts_train_without_nan(minilm, pairs, tmp_path, loss, estimator):
    same = [replace(pair, query="read it", code="x = 1") for pair in pairs.train[:16]]
    empty = [replace(pair, query="...", code="\n") for pair in pairs.train[:16]]
    some = replace(pairs, train=(*same, *empty))
    config = config_with(minilm, loss__name=loss, weights__estimator=estimator, optim__epochs=1)
    made = prepare(config, some, tmp_path / "cache", tell=lambda _: None, models=("duplicates",))
    (report,) = trained(config, made, tmp_path / "run")
    assert np.isfinite(report["loss"])


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"optim": {"batch_size": 1}}, "optim.batch_size: input should be greater than or equal"),
        ({"loss": {"temperature": 0}}, "loss.temperature: input should be greater than 0"),
        ({"loss": {"temperature": -1}}, "loss.temperature: input should be greater than 0"),
        ({"weights": {"temperature": -1}}, "weights.temperature: input should be greater than 0"),
        ({"weights": {"temperature": 0}}, "weights.temperature: input should be greater than 0"),
        (
            {"weights": {"alpha": 1.5, "beta": 0.5}, "optim": {"batch_size": 4}},
            "alpha=1.5 with beta=0.5 needs more than 3 negatives per query, the batch has 3",
        ),
        ({"loss": {"ratio": 0}}, "loss.ratio: input should be greater than 0"),
        (
            {"loss": {"name": "top-k", "symmetric": True}},
            "loss.symmetric is for infonce and soft-infonce, loss.name is top-k",
        ),
        (
            {"loss": {"name": "top-k", "top_k": 7}, "optim": {"batch_size": 8}},
            "loss.top_k=7 leaves none of 7 negatives",
        ),
        (
            {"loss": {"name": "bce", "bce_negatives": "negatives"}, "optim": {"batch_size": 2}},
            "needs 2 negatives per query, the batch has 1",
        ),
        (
            {"weights": {"estimator": "mixture", "mixture": {"self": -1}}},
            "weights.mixture.self: input should be greater than or equal to 0",
        ),
        (
            {"weights": {"estimator": "mixture", "mixture": {"bm25": 0, "teacher": 0}}},
            "weights.mixture: all shares are 0",
        ),
        (
            {
                "weights": {
                    "estimator": "duplicates",
                    "duplicates": {"weight": "floor"},
                    "floor": None,
                }
            },
            "needs weights.floor, which is null",
        ),
    ],
)
def test_settings_that_do_not_fit_are_refused_with_a_sentence(sections, message):
    with pytest.raises(ConfigError) as caught:
        validated({"data": {"path": "pairs"}, **sections})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_too_few_queries_for_simcse_are_refused(minilm, pairs, tmp_path):
    config = config_with(minilm, weights__simcse__batch_size=512)
    with pytest.raises(
        DataError, match=r"fill one batch of 512; lower weights\.simcse\.batch_size"
    ):
        prepare(config, pairs, tmp_path, tell=lambda _: None, models=("simcse",))


def test_a_simcse_model_out_of_reach_is_named_by_its_setting(minilm, pairs, tmp_path):
    config = config_with(minilm, weights__simcse__model="/no/such/folder")
    with pytest.raises(SetupError, match=r"^weights\.simcse\.model /no/such/folder"):
        prepare(config, pairs, tmp_path, tell=lambda _: None, models=("simcse",))
