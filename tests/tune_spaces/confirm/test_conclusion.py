"""A confirmation on request is told everywhere, the model that MLflow has included; without Ray."""

import pytest
from mlflow import MlflowClient
from rich.console import Console

from softnce.config.file import validated
from softnce.errors import EXIT_OK
from softnce.inputs.prepared import Prepared
from softnce.inputs.validation_sample import SampleSize
from tests.tune_spaces.tracking.stores import model_file
from tune_spaces.confirm.outcome import JudgedRace
from tune_spaces.preparation.held_study import HeldStudy
from tune_spaces.search.confirm_study import _concluded
from tune_spaces.space.first_points import first_points
from tune_spaces.space.space import search_space
from tune_spaces.study.context import StudyContext
from tune_spaces.study.folder import StudyFolder
from tune_spaces.study.trial_store import TrialStore
from tune_spaces.tracking.store import Store, own_uri
from tune_spaces.tracking.tracker import Tracker
from tune_spaces.trial_state import TrialState

SAMPLED = SampleSize(500, 1000)


@pytest.fixture
def conclude(tmp_path):
    """Conclude a confirmation of a study whose champion is exported, with some verdict."""
    space = {"optim/learning_rate": {"real": [0.001, 0.01]}}
    config = validated({"data": {"path": "x"}, "search": {"space": space}})
    folder = StudyFolder(tmp_path / "mine", "mine")
    trial_store = TrialStore(folder.optuna_study(), search_space(config))
    trial_store.enqueue_once(first_points(search_space(config), "infonce", 1))
    one = trial_store.ask()
    trial_store.tell(one.key, TrialState.COMPLETE, 0.5)
    folder.champion.mkdir()
    (folder.champion / "config.yaml").write_text("{}")
    folder.champion_marker.write_text(one.key)
    prepared = Prepared(str(tmp_path), "abc", "", "", "", 900, 4000, 9000, validated_on=SAMPLED)

    def concluded(sentence):
        context = StudyContext(config, folder, search_space(config), Console(quiet=True))
        tracker = Tracker(Store(own_uri(folder.root), "softnce/mine", folder.root), "mine")
        tracker.connect()
        tracker.open({})
        tracker.begin(one.key, one.key, {}, {})
        study = HeldStudy(context, prepared, trial_store, tracker, None)
        found = JudgedRace(sentence, {"verdict": sentence.partition(":")[0]}, [])
        assert _concluded(study, found, EXIT_OK).sentence == sentence
        return folder

    return concluded


def test_a_later_verdict_reaches_the_model_that_mlflow_has(conclude):
    for sentence in ("Not shown: by 0.001.", "Better: by 0.01."):
        folder = conclude(sentence)
        client = MlflowClient(own_uri(folder.root), registry_uri=own_uri(folder.root))
        version = client.get_model_version_by_alias("softnce-mine", "champion")
        store = Store(own_uri(folder.root), "softnce/mine", folder.root)
        path = model_file(store, "champion", "README.md", "softnce-mine")
        assert path.read_text() == (folder.champion / "README.md").read_text()
        for card in (path.read_text(), version.description):
            assert sentence in card
            assert "mrr | 0.5000 on 500 validation queries" in card  # of the sample
    assert version.version in (1, "1")
