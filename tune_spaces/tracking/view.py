"""How the MLflow UI shows an experiment to who follows our link: columns, order and charts.

The UI keeps this in the browser; what it can share is a tag of the experiment that holds its state,
compressed, and an address that names the tag.
"""

import base64
import json
import zlib
from collections.abc import Sequence
from urllib.parse import urlencode

KEY = "softnce"
TAG = f"mlflow.sharedViewState.{KEY}"
OBJECTIVE = "objective"
ROLE = "softnce.role"  # tag of a run: what it is to its study
_FILTER = f"tags.`{ROLE}` != 'confirm' AND tags.`{ROLE}` != 'frozen model'"  # trials, studies
_PARAMS = ("loss", "estimator", "alpha_over_beta", "temperature", "learning_rate", "seed")


def experiment_tags(columns: Sequence[str] = ()) -> dict[str, str]:
    """Return the tags that make an experiment one of model training, sorted by its objective.

    Args:
        columns: parameters that have a column besides the usual ones.
    """
    return {
        "mlflow.experimentKind": "custom_model_development",
        "mlflow.experiment.primaryMetric.name": OBJECTIVE,
        "mlflow.experiment.primaryMetric.greaterIsBetter": "True",
        TAG: _shared_state(columns),
    }


def runs_path(experiment: str) -> str:
    """Return the address of an experiment's runs in that view, below the server's own."""
    query = urlencode({"workflowType": "machine_learning", "viewStateShareKey": KEY})
    return f"/#/experiments/{experiment}/runs?{query}"


def run_path(experiment: str, run: str) -> str:
    """Return the address of a run's page, below the server's own."""
    return f"/#/experiments/{experiment}/runs/{run}?workflowType=machine_learning"


def _shared_state(columns: Sequence[str]) -> str:
    params = list(dict.fromkeys([*_PARAMS, *columns]))
    selected = [
        "tags.`trial.state`",
        f"tags.`{ROLE}`",
        f"metrics.`{OBJECTIVE}`",
        *[f"params.`{name}`" for name in params],
        "metrics.`steps_per_second`",
        "attributes.`Duration`",
    ]
    state = {
        "searchFilter": _FILTER,
        "orderByKey": f"metrics.`{OBJECTIVE}`",
        "orderByAsc": False,
        "selectedColumns": selected,
        "columnOrder": selected,
    }
    packed = zlib.compress(json.dumps(state).encode(), 9)
    return f"deflate;{base64.b64encode(packed).decode()}"
