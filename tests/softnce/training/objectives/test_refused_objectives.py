"""Settings of estimators that do not fit are refused with a sentence."""

import pytest

from softnce.config.file import validated
from softnce.errors import ConfigError, DataError, RunError, SetupError
from softnce.inputs.prepare import prepare
from tests.softnce.training.objectives.small_runs import config_with, trained


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


def test_a_training_that_trusts_no_pair_ends_with_a_sentence(minilm, prepared, tmp_path):
    options = {"loss__trust_rank": 2, "loss__trust_least": 0.999, "weights__scale": "raw"}
    config = config_with(minilm, loss__name="tilted", weights__estimator="self", **options)
    with pytest.raises(RunError, match="trust none of the pairs of the last 6 steps") as caught:
        trained(config, prepared, tmp_path)
    assert "lower loss.trust_least" in str(caught.value)


def test_the_share_of_trusted_pairs_is_reported(minilm, prepared, tmp_path):
    options = {"loss__trust_rank": 1, "weights__estimator": "self", "optim__epochs": 1}
    (report,) = trained(config_with(minilm, loss__name="tilted", **options), prepared, tmp_path)
    assert 0 < report["trusted"] < 1
