"""A whole search that ends confirmed, on real Ray, Optuna and MLflow stores."""

import json

import numpy as np
import pytest
from mlflow import MlflowClient
from rich.console import Console

from softnce.config.file import validated
from softnce.data.pairs import read_pairs
from tests.tune_spaces.tracking.stores import model_file
from tune_spaces.search.confirm_study import confirm
from tune_spaces.search.search import search
from tune_spaces.tracking.store import Store, own_uri

pytestmark = [pytest.mark.ray, pytest.mark.slow]


def study_config(pairs):
    return validated(
        {
            "data": {"path": str(pairs)},
            "encoder": {"vocabulary": 600, "dimensions": 32},
            "optim": {"epochs": 1, "batch_size": 32, "learning_rate": 0.01},
            "search": {
                "space": {"optim/learning_rate": {"real": [0.003, 0.03], "log": True}},
                "trials": 5,
                "confirm": "always",
                "confirm_seeds": 2,
            },
        }
    )


@pytest.fixture(scope="module")
def ended(made_pairs, tmp_path_factory):
    """A study that has been searched and confirmed on two fresh seeds."""
    out = tmp_path_factory.mktemp("studies") / "mine"
    return search(study_config(made_pairs), source="mine", out=out, console=Console(quiet=True))


def scores(root):
    return {path: path.stat().st_mtime_ns for path in root.glob("confirm/*/*.npy")}


def test_a_search_ends_with_a_verdict_on_fresh_seeds_and_test_queries(ended, made_pairs):
    queries = len(read_pairs(made_pairs).test.texts)
    assert ended.exit_code == 0
    assert "Gain in validation as selected" in ended.verdict
    assert f"2 fresh seeds, {queries:,} queries" in ended.verdict
    assert "So far" not in ended.verdict


def test_the_verdict_stands_in_the_models_card_and_in_mlflow(ended):
    assert ended.verdict in (ended.folder.champion / "README.md").read_text()
    client = MlflowClient(own_uri(ended.folder.root))
    (parent,) = found(client, "tags.`softnce.study` = 'mine'")
    assert parent.data.tags["softnce.verdict"] == ended.verdict
    told = parent.data.tags["mlflow.note.content"]
    assert "Leaderboard" in told
    assert "Confirmed on fresh seeds" in told
    assert parent.data.metrics.keys() >= {"best_objective", "confirmed_gain", "confirmed_gain_low"}
    (experiment,) = [e for e in client.search_experiments() if e.name == "softnce/mine"]
    tables = {one.path for one in client.list_artifacts(parent.info.run_id, "tables")}
    assert tables == {"tables/per_query.json", "tables/per_query_test.json"}
    assert ended.verdict[:40] in experiment.tags["mlflow.note.content"]
    assert parent.info.status == "FINISHED"


def card_in_mlflow(root):
    """The champion's card as its registered model has it."""
    store = Store(own_uri(root), "softnce/mine", root)
    return model_file(store, "champion", "README.md", "softnce-mine").read_text()


def found(client, where):
    (experiment,) = [e for e in client.search_experiments() if e.name == "softnce/mine"]
    return client.search_runs([experiment.experiment_id], where, max_results=100)


def test_every_run_leaves_the_reciprocal_rank_of_every_query(ended, made_pairs):
    pairs = read_pairs(made_pairs)
    for path in scores(ended.folder.root):
        ranks = np.load(path)
        assert ranks.shape == (len(getattr(pairs, path.stem).texts),)
        assert ((ranks > 0) & (ranks <= 1)).all()
    assert not list(ended.folder.root.glob("confirm/*/epoch-*"))


def test_both_sides_of_a_comparison_have_the_same_fresh_seeds(ended):
    seeds = {}
    for folder in ended.folder.root.glob("confirm/t*"):
        side, _, seed = folder.name.rpartition("-s")
        seeds.setdefault(side, set()).add(int(seed))
    assert len(seeds) >= 3
    assert set(map(frozenset, seeds.values())) == {frozenset({20_001, 20_002})}
    assert not {20_001, 20_002} & {row.config.optim.seed for row in ended.table}


def test_each_is_a_run_of_role_confirm_under_the_same_parent(ended):
    client = MlflowClient(own_uri(ended.folder.root))
    runs = found(client, "tags.`softnce.role` = 'confirm'")
    names = {path.name for path in ended.folder.root.glob("confirm/t*")}
    assert {run.data.tags["softnce.confirm"] for run in runs} == names
    (parent,) = found(client, "tags.`softnce.study` = 'mine'")
    for run in runs:
        assert run.info.status == "FINISHED"
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        path = ended.folder.root / "confirm" / run.data.tags["softnce.confirm"] / "test.npy"
        assert run.data.metrics["test_mrr"] == pytest.approx(np.load(path).mean())


def test_the_same_search_again_trains_nothing_and_reads_nothing(ended, made_pairs):
    before, ledger = scores(ended.folder.root), ended.folder.root / "confirm" / "ledger.json"
    reads = ledger.read_text()
    again = search(
        study_config(made_pairs), source="mine", out=ended.folder.root, console=Console(quiet=True)
    )
    assert again.verdict == ended.verdict
    assert scores(ended.folder.root) == before
    assert ledger.read_text() == reads


def test_more_seeds_train_only_what_is_missing_and_count_as_a_second_reading(ended):
    root, quiet = ended.folder.root, Console(quiet=True)
    before = scores(root)
    more = confirm(str(root), quiet, seeds=3, candidates=1)
    assert more.exit_code == 0
    assert before.items() <= scores(root).items()
    assert "3 fresh seeds" in more.sentence
    assert "test split read for the 2nd time" in more.sentence
    assert more.sentence in (ended.folder.champion / "README.md").read_text()
    assert more.sentence in card_in_mlflow(root)
    assert len(json.loads((root / "confirm/ledger.json").read_text()).popitem()[1]) == 2
    json.dumps(dict(more.facts), allow_nan=False)


def test_a_confirmation_stops_with_its_budget_and_leaves_the_former_verdict(ended):
    root, before = ended.folder.root, (ended.folder.root / "verdict.json").read_text()
    known = scores(root)
    stopped = confirm(str(root), Console(quiet=True), seeds=4, time_budget_s=0.001)
    assert stopped.exit_code == 4
    assert stopped.sentence.startswith("So far: ")
    assert (root / "verdict.json").read_text() == before
    assert scores(root) == known
