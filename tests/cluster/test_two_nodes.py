"""A search as a job of a real cluster: two nodes, a token, one shared folder."""

import json
import signal
import subprocess
import time
from pathlib import Path

import optuna
import pytest
import yaml
from mlflow import MlflowClient
from optuna.trial import TrialState

from tune_spaces.tracking.store import own_uri

pytestmark = [pytest.mark.long, pytest.mark.ray, pytest.mark.slow]

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def project(tmp_path_factory, made_pairs):
    """A folder with a configuration, its data, and things that must not travel."""
    folder = tmp_path_factory.mktemp("project")
    lines = made_pairs.read_text().splitlines()[:300]
    (folder / "pairs.jsonl").write_text("\n".join(lines))
    (folder / "broken.jsonl").write_text("\n".join([lines[0], *["{"] * 9]))
    (folder / ".env").write_text("HF_TOKEN=secret-in-a-file")
    settings = {
        "data": {"path": "pairs.jsonl"},
        "encoder": {"vocabulary": 400, "dimensions": 16},
        "loss": {"name": "infonce"},
        "optim": {"epochs": 12, "batch_size": 32, "learning_rate": 0.01},  # a stop comes in time
        "resources": {"max_concurrent": 1},
        "search": {
            "trials": 3,
            "always_try": "infonce",
            "asha": {"enabled": False},
            "space": {"optim/learning_rate": {"real": [0.003, 0.03], "log": True}},
        },
    }
    (folder / "tiny.yaml").write_text(yaml.safe_dump(settings))
    return folder


def on(storage, *settings):
    chosen = (f"resources.storage_path={storage}", *settings)
    return [word for one in chosen for word in ("--set", one)]


def optuna_trials(study):
    storage = f"sqlite:///{study / 'optuna.db'}"
    return optuna.load_study(study_name=study.name, storage=storage).get_trials()


def runs_of(study):
    uri = own_uri(study)
    client = MlflowClient(uri, registry_uri=uri)
    (experiment,) = [e for e in client.search_experiments() if e.name == f"softnce/{study.name}"]
    return client.search_runs([experiment.experiment_id])


def job_names(said):
    return [line.split()[1] for line in said.splitlines() if " submitted: " in line]


@pytest.fixture(scope="module")
def stopped(two_nodes, project):
    """What `softnce submit` said of a study whose watcher pressed Ctrl-C, and its exit code."""
    study = two_nodes.shared / "studies" / "tiny"
    token = project / "token"
    token.write_text(two_nodes.token.read_text())
    token.chmod(0o600)
    process = subprocess.Popen(
        ["softnce", "submit", "tiny.yaml", *on(two_nodes.shared, "search.trials=3")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=project,
        start_new_session=True,
        env={
            **two_nodes.environment,
            "RAY_API_SERVER_ADDRESS": two_nodes.address,
            "RAY_AUTH_TOKEN_PATH": str(token),
            "MLFLOW_TRACKING_PASSWORD": "secret-password",
        },
    )
    until = time.monotonic() + 600
    while not list(study.glob("trials/t0000/epoch-*")) and time.monotonic() < until:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=600)
    return said, process.returncode


def test_ctrl_c_stops_the_job_with_its_study_kept_and_code_4(two_nodes, stopped):
    said, code = stopped
    assert code == 4, said
    assert "stopped by Ctrl-C; the same command continues the study" in said
    assert "Traceback" not in said
    study = two_nodes.shared / "studies" / "tiny"
    states = [trial.state for trial in optuna_trials(study)]
    assert TrialState.FAIL not in states
    assert (study / "champion.txt").exists() or TrialState.COMPLETE not in states


def test_the_submission_names_the_job_its_page_and_its_study(two_nodes, stopped):
    said, _ = stopped
    (job,) = job_names(said)
    assert f"job {job} submitted: {two_nodes.address}/#/jobs/{job}" in said
    assert f"study tiny: {two_nodes.shared / 'studies' / 'tiny'}" in said


def test_data_go_to_the_storage_and_secrets_stay(two_nodes, stopped):
    said, _ = stopped
    (uploaded,) = two_nodes.shared.glob("data/*/pairs.jsonl")
    assert f"uploaded to {uploaded}" in said
    assert "MLFLOW_TRACKING_PASSWORD are not sent" in said
    (job,) = job_names(said)
    packages = [
        path
        for node in "hn"
        for path in two_nodes.token.with_name(node).glob(
            "session_2*/runtime_resources/working_dir_files/_ray_pkg_*"
        )
        if path.is_dir() and (path / "tiny.job.yaml").exists()
    ]
    assert packages
    assert {path.name for path in packages[0].iterdir()} == {
        "tiny.yaml",
        "tiny.job.yaml",
        "broken.jsonl",
    }
    listed = two_nodes_job(two_nodes, job)
    assert "secret-password" not in json.dumps(listed)
    assert listed["runtime_env"]["env_vars"]["RAY_JOB_STOP_SIGNAL"] == "SIGINT"


def test_a_job_reserves_the_cpus_of_the_search(two_nodes, stopped):
    (job,) = job_names(stopped[0])
    actors = told_by(two_nodes, "api/v0/actors?detail=true")["data"]["result"]["result"]
    (search,) = [one for one in actors if one["name"].endswith(job)]
    assert search["required_resources"]["CPU"] == 1.0


def two_nodes_job(two_nodes, job):
    return told_by(two_nodes, f"api/jobs/{job}")


def told_by(two_nodes, path):
    """Return what the cluster's dashboard answers."""
    import urllib.request

    request = urllib.request.Request(
        f"{two_nodes.address}/{path}",
        headers={"Authorization": f"Bearer {two_nodes.token.read_text()}"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def test_the_same_command_continues_the_study_to_its_end(two_nodes, project, stopped):
    again = two_nodes.softnce(
        "submit", "tiny.yaml", *on(two_nodes.shared, "search.trials=3"), cwd=project
    )
    assert again.returncode == 0, again.stdout + again.stderr
    assert "is already in" in again.stdout
    assert "champion" in again.stdout
    study = two_nodes.shared / "studies" / "tiny"
    assert {trial.state for trial in optuna_trials(study)} == {TrialState.COMPLETE}
    runs = runs_of(study)
    keys = [run.data.tags["softnce.trial"] for run in runs if "softnce.trial" in run.data.tags]
    assert sorted(keys) == ["t0000", "t0001", "t0002"]
    (parent,) = [run for run in runs if "softnce.study" in run.data.tags]
    assert [parent.data.tags["softnce.ray_job"]] == job_names(again.stdout)
    statuses = {run.info.run_name: run.info.status for run in runs}
    assert set(statuses.values()) == {"FINISHED"}, f"{statuses}\n{stopped[0]}\n{again.stdout}"


def test_a_job_that_fails_ends_with_the_searchs_own_code(two_nodes, project):
    wrong = ("search.name=broken", "data.path=broken.jsonl")
    ended = two_nodes.softnce("submit", "tiny.yaml", *on(two_nodes.shared, *wrong), cwd=project)
    assert ended.returncode == 2, ended.stdout + ended.stderr
    assert "9 of 10 rows are bad" in ended.stdout
    assert "failed with code 2" in ended.stdout


def test_a_study_that_one_node_does_not_see_is_refused(two_nodes, project):
    settings = on(two_nodes.private, "resources.driver_cpus=0")
    ended = two_nodes.softnce("submit", "tiny.yaml", *settings, cwd=project)
    assert ended.returncode == 3, ended.stdout + ended.stderr
    assert f"does not see {two_nodes.private}/studies/tiny" in ended.stdout
    assert "resources.storage_path" in ended.stdout


def test_the_doctor_finds_the_cluster_fit(two_nodes, project):
    ended = two_nodes.softnce("doctor", "tiny.yaml", *on(two_nodes.shared), cwd=project)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"ok       storage: {two_nodes.shared} is shared by all 2 nodes" in ended.stdout
    assert "ok       softnce: on all nodes" in ended.stdout
    assert "mode 0600 (never shown)" in ended.stdout
    assert two_nodes.token.read_text() not in ended.stdout
    assert ended.stdout.rstrip().endswith("fit: nothing to mend")


def test_the_clusters_own_address_leads_to_its_job_server(two_nodes, project):
    words = ("doctor", "tiny.yaml", *on(two_nodes.shared), "--address", two_nodes.gcs)
    ended = two_nodes.softnce(*words, cwd=project)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"ok       Ray: the job server at {two_nodes.gcs} answers" in ended.stdout


def test_the_doctor_names_what_is_unfit_with_its_cure(two_nodes, project, tmp_path):
    open_token = tmp_path / "token"
    open_token.write_text(two_nodes.token.read_text())
    open_token.chmod(0o644)
    settings = on(two_nodes.private, "resources.gpus_per_worker=1")
    ended = two_nodes.softnce(
        "doctor",
        "tiny.yaml",
        *settings,
        cwd=project,
        RAY_AUTH_TOKEN_PATH=str(open_token),
        MLFLOW_TRACKING_URI="http://127.0.0.1:9",
    )
    faults = [line for line in ended.stdout.splitlines() if line.startswith("fault ")]
    assert ended.returncode == 3, ended.stdout + ended.stderr
    assert any(f"-> chmod 600 {open_token}" in line for line in faults)
    assert any(f"{two_nodes.private} is not shared" in line for line in faults)
    assert any("0 GPU in all" in line for line in faults)
    assert any("http://127.0.0.1:9 is out of reach" in line for line in faults)
    assert any("the nodes cannot reach the server" in line for line in faults)
    assert all(" -> " in line for line in faults)
    assert "unfit: 5 faults" in ended.stdout


def test_another_token_is_refused_in_a_sentence(two_nodes, project, tmp_path):
    other = tmp_path / "token"
    other.write_text("another")
    other.chmod(0o600)
    ended = two_nodes.softnce(
        "submit",
        "tiny.yaml",
        *on(two_nodes.shared),
        cwd=project,
        RAY_AUTH_TOKEN_PATH=str(other),
    )
    assert ended.returncode == 3
    assert "refuses this user" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.splitlines()) <= 2


def test_plain_ray_job_submit_with_uv_run_searches_to_the_end(two_nodes, project):
    """From a clone, without our wrapper; the nodes install their environment themselves."""
    out = two_nodes.shared / "studies" / "by-uv"
    ended = subprocess.run(
        [
            *("ray", "job", "submit", "--working-dir", str(REPOSITORY)),
            *("--runtime-env-json", json.dumps({"excludes": ["/tests", "/benchmarks"]})),
            *("--", "uv", "run", "--no-dev", "softnce", "search", str(project / "tiny.yaml")),
            *("--set", f"data.path={project / 'pairs.jsonl'}", "--out", str(out)),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
        env={**two_nodes.environment, "RAY_API_SERVER_ADDRESS": two_nodes.address},
    )
    assert ended.returncode == 0, (ended.stdout + ended.stderr)[-4000:]
    assert (out / "champion" / "config.yaml").exists()
