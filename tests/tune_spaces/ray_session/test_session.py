"""Ray for one search: protected where it can be, and never half-protected."""

import os
import secrets
import signal
import subprocess
import sys

import pytest
import yaml

from softnce.config.file import validated
from softnce.errors import SetupError
from tests.clusters import head_node
from tests.faults import begun, ended, softnce, wait_for_one
from tune_spaces.ray_session.capacity import Capacity, concurrency, require_possible


def test_the_search_does_not_import_ray_before_it_needs_it():
    script = "import sys, tune_spaces.search.search; sys.exit('ray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def needs(**resources):
    return validated({"data": {"path": "x"}, "resources": resources})


TWO_NODES = Capacity([{"CPU": 4, "GPU": 1}, {"CPU": 2}], memory_gb=64)


@pytest.mark.parametrize(
    ("resources", "at_once"),
    [
        ({}, 6),
        ({"cpus_per_worker": 2}, 3),
        ({"cpus_per_worker": 4}, 1),
        ({"workers": 2, "cpus_per_worker": 2}, 1),
        ({"workers": 4}, 1),
        ({"gpus_per_worker": 0.25}, 4),
        ({"max_concurrent": 2}, 2),
        ({"memory_gb_per_trial": 20}, 3),
        ({"autoscaling": True, "cpus_per_worker": 64, "max_concurrent": 7}, 7),
    ],
)
def test_as_many_trials_run_at_once_as_fit_on_the_nodes(resources, at_once):
    assert concurrency(needs(**resources), TWO_NODES) == at_once


@pytest.mark.parametrize(
    ("resources", "said"),
    [
        ({"cpus_per_worker": 7}, "a trial needs 7 CPU and the cluster has 6; lower resources.cpus"),
        ({"cpus_per_worker": 5}, "needs 5 CPU on one node and the largest has 4"),
        ({"gpus_per_worker": 2}, "a trial needs 2 GPU and the cluster has 1; lower resources.gpus"),
        ({"gpus_per_worker": 1, "cpus_per_worker": 5}, "5 CPU on one node"),
        ({"memory_gb_per_trial": 100}, "needs 100 GB of memory and the cluster has 64"),
        ({"workers": 2, "cpus_per_worker": 3}, "2 workers with 3 CPU each.*room for 1"),
    ],
)
def test_what_can_never_fit_is_refused_with_what_is_missing(resources, said):
    with pytest.raises(SetupError, match=said):
        concurrency(needs(**resources), TWO_NODES)


@pytest.mark.parametrize(
    ("resources", "said"),
    [
        ({"memory_gb_per_trial": 1e6}, "needs 1e.06 GB of memory and the cluster has [0-9.]+;"),
        ({"cpus_per_worker": 4096}, "needs 4096 CPU and the cluster has"),
        ({"autoscaling": True}, "resources.autoscaling: true, and this machine does not grow"),
    ],
)
def test_what_this_machine_can_never_meet_is_refused_without_ray(resources, said):
    with pytest.raises(SetupError, match=said) as error:
        require_possible(needs(**resources))
    assert len(str(error.value).splitlines()) == 1


@pytest.fixture(scope="module")
def small_cluster():
    """The environment of a process that talks to a cluster with one CPU."""
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    with head_node(cpus=1, has_dashboard=False, environment={**os.environ, **token}) as address:
        yield {**token, "RAY_ADDRESS": address}


def written(folder, **changes):
    path = folder / "asked.yaml"
    path.write_text(yaml.safe_dump({"loss": {"name": "infonce"}, **changes}))
    return path


@pytest.mark.long
@pytest.mark.ray
@pytest.mark.slow
def test_what_a_cluster_can_never_meet_is_refused_before_data_are_read(small_cluster, tmp_path):
    config = written(tmp_path, data={"path": "none.jsonl"}, resources={"cpus_per_worker": 2})
    said = softnce("search", str(config), cwd=tmp_path, environment=small_cluster)
    assert said.returncode == 3, said.stdout + said.stderr
    assert "a trial needs 2 CPU and the cluster has 1" in said.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["asked.yaml"]


@pytest.mark.long
@pytest.mark.ray
@pytest.mark.slow
def test_a_signal_stops_a_search_that_prepares_while_it_is_connected(small_cluster, tmp_path):
    queue = tmp_path / "pairs.jsonl"
    os.mkfifo(queue)
    config = written(tmp_path, data={"path": str(queue)})
    search = begun(config, tmp_path / "out", environment=small_cluster)
    wait_for_one(lambda: search.stdout.readline().startswith("reading"), search)
    search.send_signal(signal.SIGTERM)
    code, said = ended(search)
    assert code == 4, said
    assert "the same command continues the study" in said
