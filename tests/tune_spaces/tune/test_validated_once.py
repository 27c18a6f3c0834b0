"""The configuration of a trial is validated once, where it is drawn, and passed on as itself."""

import pickle
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
from ray import cloudpickle

from softnce.config.config import Config
from softnce.config.file import validated
from softnce.data.pairs import read_pairs
from softnce.distributed.run import Assignment
from softnce.inputs.prepare import prepare
from tests.validations import Counter
from tune_spaces.space.space import search_space
from tune_spaces.study.trial_store import TrialStore
from tune_spaces.study.verdicts.verdict import rows
from tune_spaces.tune.searcher import Plan, StopSwitch, StudySearcher

ROOT = Path(__file__).parents[3]
DONE = {"epoch": 1, "objective": 0.5, "finished": True}
ACTOR = """
import pickle, sys
from pathlib import Path
from softnce.config.config import Config
from tests.validations import Counter
from tune_spaces.tune.trial import InlineTrial

counter = Config.__pydantic_validator__ = Counter()
trial = InlineTrial(pickle.loads(Path(sys.argv[1]).read_bytes()))
report = trial.train()
trial.stop()
assert report["finished"], report
assert trial.config["assignment"].config.optim.epochs == 1
at_work = counter.count
Config.model_validate({"data": {"path": "x"}})
print(at_work, counter.count)
"""


@pytest.fixture
def counter(monkeypatch):
    """Count the validations in this process, which searches."""
    counting = Counter()
    monkeypatch.setattr(Config, "__pydantic_validator__", counting)
    return counting


@pytest.fixture
def searcher(made_pairs, tmp_path):
    """Return a study that is about to hand out its first trial, and how its table is read."""
    config = validated(
        {
            "data": {"path": str(made_pairs)},
            "encoder": {"vocabulary": 600, "dimensions": 16},
            "loss": {"name": "infonce"},
            "optim": {"epochs": 1, "batch_size": 32},
            "search": {"space": {"optim/learning_rate": {"real": [0.001, 0.1]}}},
        }
    )
    space = search_space(config)
    prepared = prepare(config, read_pairs(made_pairs), tmp_path / "cache", tell=lambda _: None)
    study = optuna.create_study(storage=f"sqlite:///{tmp_path / 'a.db'}", direction="maximize")

    def assign(key, of_trial):
        return Assignment(f"train-{key}", of_trial, pickle.dumps(prepared), tmp_path / key)

    trial_store = TrialStore(study, space)
    plan = Plan(space.config, assign, trials=9)
    searching = StudySearcher(trial_store, plan, StopSwitch(None), [])
    return searching, lambda: rows(trial_store.trials(), space)


def test_a_trial_is_validated_once_where_it_is_drawn_and_never_where_it_trains(
    searcher, counter, tmp_path
):
    searching, table = searcher
    given = searching.suggest("one")
    (tmp_path / "given.pickle").write_bytes(cloudpickle.dumps(given))
    command = [sys.executable, "-c", ACTOR, str(tmp_path / "given.pickle")]
    actor = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert actor.stdout.split() == ["0", "1"], actor.stderr[-3000:]
    searching.reported("one", DONE)
    searching.on_trial_complete("one", DONE)
    (row,) = table()
    assert row.config is given["assignment"].config
    assert counter.count == 1


def test_each_new_trial_is_validated_once_however_many_are_compared_with_it(searcher, counter):
    searching, table = searcher
    for number in range(5):
        searching.suggest(str(number))
        searching.reported(str(number), DONE)
        searching.on_trial_complete(str(number), DONE)
        table()
    assert counter.count == 5
