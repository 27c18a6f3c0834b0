"""A search leaves to its caller what it found: a Ray session, the environment, signal handlers."""

import json
import os
import signal
import subprocess
import sys

import pytest

from tune_spaces.signals import Signals

SCRIPT = """
import json, os, signal, sys
from pathlib import Path
import ray
from softnce.config.file import validated
from tune_spaces.search.search import search

def mine(number, frame):
    pass

for one in (signal.SIGINT, signal.SIGUSR1):
    signal.signal(one, mine)
ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
signal.signal(signal.SIGTERM, mine)
counter = ray.put(7)
before = {name: value for name, value in os.environ.items() if "AUTH" in name}
config = validated({
    "data": {"path": sys.argv[1]},
    "encoder": {"vocabulary": 600, "dimensions": 16},
    "loss": {"name": "infonce"},
    "optim": {"epochs": 1, "batch_size": 32},
    "search": {
        "space": {"optim/learning_rate": {"real": [0.005, 0.02]}},
        "trials": 1,
        "always_try": "infonce",
    },
})
study = search(config, out=Path(sys.argv[2]))
handlers = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)]
print(json.dumps({
    "states": [row.state for row in study.table],
    "session": ray.is_initialized() and ray.get(counter),
    "handlers": handlers == [mine] * 3,
    "environment": before == {k: v for k, v in os.environ.items() if "AUTH" in k},
}))
"""


@pytest.mark.long
@pytest.mark.ray
@pytest.mark.slow
def test_a_search_uses_the_session_of_its_caller_and_leaves_it(made_pairs, tmp_path):
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(made_pairs), str(tmp_path / "study")],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={name: value for name, value in os.environ.items() if "RAY_AUTH" not in name},
    )
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout.splitlines()[-1])
    expected = {"states": ["complete"], "session": 7, "handlers": True, "environment": True}
    assert found == expected


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_a_handler_that_was_replaced_during_the_search_comes_back(number):
    def mine(*_):
        pass

    former = signal.signal(number, mine)
    try:
        with Signals():
            signal.signal(number, signal.SIG_DFL)  # as Ray and Tune do
        assert signal.getsignal(number) is mine
    finally:
        signal.signal(number, former)
