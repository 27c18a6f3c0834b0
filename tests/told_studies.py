"""Studies that were told and not trained: real storage, real verdicts, made-up metrics."""

import json
from pathlib import Path

import numpy as np
import optuna
from rich.console import Console

from softnce.config.config import Config
from softnce.config.file import validated
from softnce.whole_files import write_json
from tune_spaces.confirm.contest import contest
from tune_spaces.confirm.outcome import judged_race
from tune_spaces.confirm.race import Race
from tune_spaces.confirm.runs import FreshRun, RunsFolder
from tune_spaces.preparation.baselines import BM25, UNTRAINED
from tune_spaces.space.space import search_space
from tune_spaces.study.context import StudyContext, stored_study_context
from tune_spaces.study.fingerprint import require_same
from tune_spaces.study.folder import StudyFolder
from tune_spaces.study.sizes import Sizes, store_sizes
from tune_spaces.study.verdicts.stored_verdict import StoredVerdict, store_verdict
from tune_spaces.study.verdicts.verdict import rows
from tune_spaces.trial_state import TrialState

SPACE = {
    "loss/name": {"choice": ["infonce", "soft-infonce"]},
    "optim/learning_rate": {"real": [1e-5, 1e-2], "log": True},
    "weights/estimator": {"choice": ["bm25", "teacher"], "when": {"loss/name": "soft-infonce"}},
    "weights/alpha": {"real": [0.2, 1.8], "when": {"loss/name": "soft-infonce"}},
    "weights/beta": {"tie": "2 - weights/alpha", "when": {"loss/name": "soft-infonce"}},
    "weights/temperature": {"real": [0.05, 5], "log": True, "when": {"loss/name": "soft-infonce"}},
}
SEEDS = (20_001, 20_002, 20_003)
QUERIES = 60
EPOCHS = 4
optuna.logging.set_verbosity(optuna.logging.ERROR)


def told_config(path: object = "pairs.jsonl", **changes) -> Config:
    """Return the configuration of a told study."""
    search = {"trials": 14, "space": SPACE, **changes.pop("search", {})}
    nested = {"data": {"path": str(path)}, "optim": {"epochs": EPOCHS}, "search": search}
    return validated({**nested, **changes})


def told_study(
    root: Path,
    trials: int,
    *,
    config: Config | None = None,
    states=(),
    errors=(),
    digest: str = "abc",
) -> StudyContext:
    """Write the folder of a study whose trials have ended, as a search would leave it.

    Args:
        root: its folder, which is new.
        trials: how many.
        config: its configuration.
        states: how each trial ended, from the first again beyond their end; complete without.
        errors: what is said of each trial that failed, likewise.
        digest: of its data.
    """
    config = config or told_config()
    folder = StudyFolder(root, root.name if root.name.isascii() else "told")
    require_same(folder, config, digest)
    store_sizes(root, Sizes(valid=QUERIES, test=QUERIES, candidates=500))
    base = {"mrr": 0.25, "recall_at_10": 0.4}
    (root / "baselines.json").write_text(json.dumps({UNTRAINED: {"mrr": 0.02}, BM25: base}))
    study, space = folder.optuna_study(), search_space(config)
    sampler = optuna.samplers.RandomSampler(seed=1)
    drawn = optuna.create_study(direction="maximize", sampler=sampler)
    for number in range(trials):
        state = TrialState(states[number % len(states)]) if states else TrialState.COMPLETE
        _tell(drawn, space, state, errors[number % len(errors)] if errors else "")
    study.add_trials(drawn.get_trials(deepcopy=False))
    return stored_study_context(str(root), Console(quiet=True))


def _tell(study: optuna.Study, space, state: TrialState, error: str) -> None:
    """End one trial whose metric follows from its draw."""
    trial = study.ask()
    fixed = {"loss/name": "infonce"} if trial.number == 0 else {}
    values = space.suggest(trial, fixed)
    is_soft = values.get("loss/name") == "soft-infonce"
    bend = abs(np.log10(values["optim/learning_rate"]) + 3.5) / 10
    best = 0.5 + 0.1 * is_soft * (values.get("weights/estimator") == "bm25") - bend
    best += 0.01 * np.random.default_rng(trial.number).normal()
    attributes = {
        "key": f"t{trial.number:04d}",
        "role": "infonce" if trial.number == 0 else "search",
        "proposed_by": "first" if trial.number == 0 else "random",
        "values": values,
        "parameters": 100_000.0 + 1000 * (trial.number % 3),
        "encode_ms": 2.0 + trial.number % 5,
    }
    if state is TrialState.FAILED:
        attributes["error"] = error
    for name, value in attributes.items():
        trial.set_user_attr(name, value)
    epochs = {TrialState.FAILED: 0, TrialState.PRUNED: 2}.get(state, EPOCHS)
    for epoch in range(1, epochs + 1):
        trial.report(float(best * (1 - 0.5**epoch)), step=epoch)
    value = float(best) if state is TrialState.COMPLETE else None
    if state is not TrialState.INTERRUPTED:
        study.tell(trial, value, state=state.in_optuna)


def confirm_told(context: StudyContext, *, gain: float = 0.02) -> None:
    """Give a told study runs on fresh seeds, with a gain of each candidate, and their verdict."""
    root = context.folder.root
    trials = context.folder.stored_study().get_trials(deepcopy=False)
    table = rows([one for one in trials if "values" in one.user_attrs], context.space)
    race = Race(contest(table, candidates=2), SEEDS, RunsFolder(root / "confirm"))
    draw = np.random.default_rng(5)
    ease = draw.uniform(0.2, 0.8, QUERIES)
    for side in race.contest.sides:
        for seed in SEEDS:
            run = FreshRun(side, seed)
            folder = race.runs.folder(run)
            folder.mkdir(parents=True)
            for split in ("valid", "test"):
                more = gain if side in race.contest.opponents else 0.0
                scores = np.clip(ease + more + draw.normal(0, 0.01, QUERIES), 0.01, 1)
                np.save(folder / f"{split}.npy", scores)
            write_json(folder / "ended.json", {"failure": ""})
    sizes = Sizes(valid=QUERIES, test=QUERIES, candidates=500)
    found = judged_race(race, race.standing(), sizes, metric="mrr", smallest_gain=0.002, reads=1)
    store_verdict(root, table, StoredVerdict(found.sentence, is_final=True, facts=found.facts))
