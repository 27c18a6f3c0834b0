"""The shipped cluster files are what Ray's own schema, and our security floor, ask for."""

import json
from pathlib import Path

import jsonschema
import pytest
import ray.autoscaler
import yaml

CLUSTER = Path(__file__).parents[2] / "cluster"
KUBERAY = ["raycluster.yaml", "rayjob.yaml"]


def spec(name):
    nested = yaml.safe_load((CLUSTER / "kuberay" / name).read_text())
    assert nested["apiVersion"] == "ray.io/v1"
    return nested["spec"].get("rayClusterSpec", nested["spec"])


def pods(cluster):
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    return [group["template"]["spec"] for group in groups]


def test_the_launcher_file_is_valid_by_rays_own_schema():
    schema = json.loads((Path(ray.autoscaler.__path__[0]) / "ray-schema.json").read_text())
    launcher = yaml.safe_load((CLUSTER / "ray-cluster.yaml").read_text())
    jsonschema.validate(launcher, schema)
    jsonschema.Draft7Validator.check_schema(schema)
    assert "RAY_AUTH_MODE=token" in " ".join(launcher["docker"]["run_options"])


@pytest.mark.parametrize("name", KUBERAY)
def test_a_cluster_has_a_token_and_a_head_without_trials(name):
    cluster = spec(name)
    assert cluster["authOptions"] == {"mode": "token"}
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    assert cluster["rayVersion"] == ray.__version__


@pytest.mark.parametrize("name", KUBERAY)
def test_all_pods_share_the_storage_and_stop_jobs_gently(name):
    for pod in pods(spec(name)):
        (container,) = pod["containers"]
        volumes = {volume["name"] for volume in pod["volumes"]}
        assert {mount["name"] for mount in container["volumeMounts"]} == volumes
        environment = {one["name"]: one["value"] for one in container["env"]}
        assert environment["RAY_JOB_STOP_SIGNAL"] == "SIGINT"
        assert environment["RAY_JOB_STOP_WAIT_TIME_S"] == "60"
        assert pod["securityContext"]["runAsUser"] > 0
