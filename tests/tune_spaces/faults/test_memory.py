"""Memory runs out for one trial, whose batch is too large; the others of its process go on.

The process may take so much more than it has that all else fits in, threads included, and only the
logits of the large batch do not: as on a machine whose memory does not hold them.
"""

import json
import random
import resource

import pytest
import yaml

from tests.conftest import made_pair
from tests.faults import begun, ended, in_mid_epoch, members, outcomes, wait_for_one

pytestmark = [pytest.mark.long, pytest.mark.faults, pytest.mark.ray, pytest.mark.slow]

LARGE, SMALL = 12_000, 16  # pairs per batch: logits of 576 MB, and of 1 kB
ROOM = 2**30  # for the logits of the large batch, their logarithms and their gradient: 1.7 GB
TRIALS = 5


@pytest.fixture
def pairs(tmp_path):
    """A set whose training split fills one large batch."""
    folder, draw = tmp_path / "pairs", random.Random(5)
    folder.mkdir()
    made = [made_pair(number, draw) for number in range(LARGE + 60)]
    rows = [json.dumps({**one, "url": one["id"]}) for one in made]
    for part, some in (
        ("train", rows[:LARGE]),
        ("valid", rows[LARGE:]),
        ("codebase", rows[LARGE:]),
    ):
        (folder / f"{part}.jsonl").write_text("\n".join(some))
    return folder


def written(folder, pairs):
    """Write the configuration of a study: InfoNCE twice with small batches, then either."""
    config = {
        "data": {"path": str(pairs)},
        "encoder": {"vocabulary": 600, "dimensions": 16},
        "loss": {"name": "infonce"},
        "optim": {"epochs": 2, "batch_size": SMALL, "learning_rate": 0.003},
        "search": {
            "name": "hit",
            "space": {
                "optim/batch_size": {"choice": [SMALL, LARGE]},
                "optim/learning_rate": {"real": [0.001, 0.01]},
            },
            "always_try": "infonce",
            "trials": TRIALS,
            "asha": {"enabled": False},
        },
        "resources": {"max_concurrent": 1, "executor": "inline"},
    }
    path = folder / "hit.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def test_a_trial_that_runs_out_of_memory_fails_alone_with_advice(pairs, tmp_path):
    config, out = written(tmp_path, pairs), tmp_path / "out"
    search = begun(config, out)
    in_mid_epoch(out, search, more=1)
    (process,) = wait_for_one(lambda: members(search, "ray::InlineTrial"), search)
    limit = process.memory_info().vms + ROOM
    resource.prlimit(process.pid, resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    code, said = ended(search)
    assert code == 0, said
    said = " ".join(said.split())  # lines are broken at the page's width
    assert "out of memory; set optim.max_tokens_per_pass, which keeps the batch whole" in said, said
    assert f"lower optim.batch_size ({LARGE})" in said
    sizes = {
        path.parent.name: yaml.safe_load(path.read_text())["optim"]["batch_size"]
        for path in out.glob("trials/*/config.yaml")
    }
    states = {key: state for key, (state, _) in outcomes(out, "hit").items()}
    assert states == {key: "FAIL" if sizes[key] == LARGE else "COMPLETE" for key in sizes}
    assert len(states) == TRIALS
    assert sorted(set(sizes.values())) == [SMALL, LARGE]
    large = min(key for key, size in sizes.items() if size == LARGE)
    assert large < max(key for key, size in sizes.items() if size == SMALL)  # and others came after
