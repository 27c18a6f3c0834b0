"""Every loss has a name in the table, the verdict and MLflow, with the settings it reads."""

from typing import get_args

import pytest

from softnce.config.file import validated
from softnce.config.sections.method import LossName
from tune_spaces.study.verdicts.verdict import described
from tune_spaces.tune.callbacks import run_name, trial_params


def config(name):
    return validated({"data": {"path": "pairs"}, "loss": {"name": name}})


@pytest.mark.parametrize(
    ("name", "run", "words"),
    [
        ("infonce", "t0001-infonce", "InfoNCE"),
        ("soft-infonce", "t0001-bm25-a1.00-b1.00-t1.00", "Soft-InfoNCE, bm25, alpha 1.00"),
        ("top-k", "t0001-top-k-bm25", "InfoNCE without the top k, bm25"),
        ("kl-infonce", "t0001-kl-infonce-bm25", "InfoNCE + KL, bm25"),
    ],
)
def test_a_loss_is_named_by_what_it_reads(name, run, words):
    assert run_name("t0001", config(name)) == run
    assert described(config(name)).startswith(words)


@pytest.mark.parametrize("name", get_args(LossName))
def test_only_soft_infonce_logs_alpha_and_only_who_asks_one_an_estimator(name):
    params = trial_params(config(name), {})
    assert ("alpha" in params) is (name == "soft-infonce")
    assert ("estimator" in params) is (name not in ("infonce", "debiased"))
    assert described(config(name))


def test_a_column_is_there_only_where_the_setting_is_read():
    top_k = trial_params(config("top-k"), {})
    assert not {"alpha", "beta", "alpha_over_beta", "temperature", "scale"} & top_k.keys()
    known = validated(
        {
            "data": {"path": "pairs"},
            "loss": {"name": "soft-infonce"},
            "weights": {"estimator": "duplicates"},
        }
    )
    assert not {"alpha", "beta", "alpha_over_beta", "temperature"} & trial_params(known, {}).keys()
    assert trial_params(config("soft-infonce"), {})["alpha_over_beta"] == 1.0
