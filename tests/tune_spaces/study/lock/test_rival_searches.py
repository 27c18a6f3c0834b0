"""Of two searches that look at a study at the same time, one gets it: real processes, often."""

import multiprocessing

import optuna

from softnce.errors import SetupError
from tune_spaces.study.lock.study_lock import held

ROUNDS = 60


def opened(storage):
    return optuna.create_study(study_name="made", storage=storage, load_if_exists=True)


def rival(storage, barrier, wins):
    """Claim the study in every round together with another process, and note who has got it."""
    study = opened(storage)
    for number in range(ROUNDS):
        if barrier.wait() == 0:
            dead = {"token": "x", "host": "elsewhere", "pid": 1, "at": 0}
            study.set_user_attr("softnce.lease", dead if number % 2 else {})
        barrier.wait()
        try:
            with held(study):
                wins.put(number)
                barrier.wait()
        except SetupError:
            barrier.wait()
    wins.put(None)


def test_of_two_searches_that_look_at_the_same_time_exactly_one_gets_the_study(tmp_path):
    storage = f"sqlite:///{tmp_path / 'optuna.db'}"
    opened(storage)
    context = multiprocessing.get_context("spawn")
    barrier, wins = context.Barrier(2, timeout=600), context.Queue()
    rivals = [context.Process(target=rival, args=(storage, barrier, wins)) for _ in range(2)]
    for one in rivals:
        one.start()
    won = [number for _ in rivals for number in iter(lambda: wins.get(timeout=600), None)]
    for one in rivals:
        one.join(300)
    assert [one.exitcode for one in rivals] == [0, 0]
    assert sorted(won) == list(range(ROUNDS))
