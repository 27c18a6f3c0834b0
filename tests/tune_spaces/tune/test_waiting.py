"""A trial that waits for a place is told; one whose processes are starting is not waiting."""

import os
import sys

import pytest

from tests.clusters import run_python

pytestmark = [pytest.mark.ray, pytest.mark.slow]

SCRIPT = """
import time, ray
from pathlib import Path
from types import SimpleNamespace
from ray.tune.experiment import Trial
from ray.util.placement_group import placement_group, remove_placement_group
from softnce.config.sections.study import ResourcesSection
from tune_spaces.tune.waiting import WaitingRoom

def trials():
    for key in ("t0000", "t0001", "t0002"):
        assignment = SimpleNamespace(folder=Path("/studies", key))
        yield Trial("none", stub=True, config={"assignment": assignment})

ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
groups = [placement_group([{"CPU": 1}]) for _ in range(2)]
elsewhere = placement_group([{"CPU": 1}], name="not-of-a-trial")
larger = placement_group([{"CPU": 5}])
ray.get([one.ready() for one in groups])
told, begun = [], list(trials())
room = WaitingRoom(ResourcesSection(wait_timeout_s=1, executor="inline"), told.append)

def look(seconds, is_enough=lambda: False):
    until = time.monotonic() + seconds
    while time.monotonic() < until and not is_enough():
        room.on_step_begin(0, begun)
        time.sleep(0.1)

look(4)
begun_only = list(told)
groups.append(placement_group([{"CPU": 1}]))
look(300, lambda: told)
look(2)
print(begun_only)
print(*told, sep="|")
"""


def test_of_trials_that_start_only_the_one_without_a_place_is_said_to_wait(tmp_path):
    environment = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    nobody, told = run_python(SCRIPT, environment=environment).splitlines()
    assert nobody == "[]"
    (sentence,) = told.split("|")
    assert sentence.startswith("t0002 has waited ")
    assert "s for 1 CPU: free are 0 of 2 CPU; other jobs hold the rest" in sentence
