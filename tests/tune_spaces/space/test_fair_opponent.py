"""InfoNCE is searched wherever something is searched that it reads."""

import optuna

from softnce.config.file import validated
from tune_spaces.space.space import search_space


def made(space, **sections):
    return search_space(validated({"data": {"path": "x"}, **sections, "search": {"space": space}}))


def draws(space, count=50):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    return [space.suggest(study.ask()) for _ in range(count)]


RATE = {"optim/learning_rate": {"real": [1e-4, 1e-2], "log": True}}


def test_infonce_is_among_the_losses_wherever_it_shares_a_searched_setting():
    alpha = {"weights/alpha": {"real": [0.2, 1.9]}}
    losses = {"loss/name": {"choice": ["soft-infonce", "bce"]}}
    assert made(RATE).possible("loss/name") == {"infonce", "soft-infonce"}
    assert made(RATE | losses).possible("loss/name") == {"infonce", "soft-infonce", "bce"}
    assert made(alpha).possible("loss/name") == {"soft-infonce"}
    assert made(RATE, loss={"name": "infonce"}).possible("loss/name") == {"infonce"}


def test_what_infonce_does_not_read_is_not_drawn_for_it():
    drawn = draws(made(RATE | {"weights/alpha": {"real": [0.2, 1.9]}}))
    assert {one["loss/name"] for one in drawn} == {"infonce", "soft-infonce"}
    for values in drawn:
        assert ("weights/alpha" in values) is (values["loss/name"] == "soft-infonce")
        assert "optim/learning_rate" in values
