"""A node that dies under a search: its job is told in a line, and its study is free at once."""

import subprocess
import time

import pytest
import yaml

pytestmark = [pytest.mark.long, pytest.mark.ray, pytest.mark.slow]


@pytest.fixture
def project(tmp_path, made_pairs):
    lines = made_pairs.read_text().splitlines()[:300]
    (tmp_path / "pairs.jsonl").write_text("\n".join(lines))
    settings = {
        "data": {"path": "pairs.jsonl"},
        "encoder": {"vocabulary": 400, "dimensions": 16},
        "loss": {"name": "infonce"},
        "optim": {"epochs": 12, "batch_size": 32, "learning_rate": 0.01},
        "search": {
            "trials": 2,
            "always_try": "infonce",
            "asha": {"enabled": False},
            "space": {"optim/learning_rate": {"real": [0.003, 0.03], "log": True}},
        },
    }
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(settings))
    return tmp_path


def test_a_dead_node_frees_its_study_once_the_cluster_says_that_it_is_dead(two_nodes, project):
    study = two_nodes.shared / "studies" / "tiny"
    words = ["submit", "tiny.yaml", "--set", f"resources.storage_path={two_nodes.shared}"]
    first = subprocess.Popen(
        ["softnce", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=project,
        env={**two_nodes.environment, "RAY_API_SERVER_ADDRESS": two_nodes.address},
    )
    until = time.monotonic() + 600
    while not list(study.glob("trials/t0000/epoch-*")):
        assert first.poll() is None, first.stdout.read()
        assert time.monotonic() < until
        time.sleep(0.1)
    two_nodes.kill_node("n")
    said, _ = first.communicate(timeout=600)
    assert first.returncode == 1, said
    assert ": its node died, or was taken away; the same command continues the study" in said
    assert "actor" not in said.lower()
    two_nodes.add_node("m")
    again = two_nodes.softnce(*words, cwd=project)  # the dead holder's lease would last 90 s
    assert again.returncode == 0, again.stdout + again.stderr
