"""What a study stands on goes away: its MLflow server, its disk."""

import contextlib
import re
import subprocess

import pytest
import yaml
from mlflow import MlflowClient

from softnce.config.file import validated
from softnce.errors import SetupError
from softnce.training.resource_errors import explained
from tests.faults import begun, ended, in_mid_epoch, outcomes, softnce, wait_for_one
from tests.servers import free_port, started_server, stop

pytestmark = [pytest.mark.long, pytest.mark.faults, pytest.mark.ray, pytest.mark.slow]

EPOCHS = 12
AWAY_EPOCHS = 20
LONG = 100  # epochs of a trial in a study that must outlast the outage

RATES = {"optim/learning_rate": {"real": [0.001, 0.01], "log": True}}


def written(folder, pairs, **optim):
    """Write the configuration of a study of three trials, seconds each."""
    config = {
        "data": {"path": str(pairs)},
        "encoder": {"vocabulary": 600, "dimensions": 512},
        "loss": {"name": "infonce"},
        "optim": {"epochs": EPOCHS, "batch_size": 4, "learning_rate": 0.003, **optim},
        "search": {
            "name": "hit",
            "space": RATES,
            "always_try": "infonce",
            "trials": 3,
            "asha": {"enabled": False},
        },
        "resources": {"max_concurrent": 1},
    }
    path = folder / "hit.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


@pytest.fixture(scope="module")
def outage(made_pairs, tmp_path_factory):
    """A study whose server is away for a while, returns, and then goes away for good."""
    folder = tmp_path_factory.mktemp("outage")
    config, out, port = written(folder, made_pairs, epochs=LONG), folder / "out", free_port()
    environment = {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{port}"}
    server, told = started_server(folder, port), {"out": out}
    try:
        search = begun(config, out, environment=environment)
        in_mid_epoch(out, search, more=1)
        stop(server)
        before = epochs_done(out)
        told["while away"] = wait_for_one(lambda: epochs_done(out) >= before + AWAY_EPOCHS, search)
        server = started_server(folder, port)
        wait_for_one(lambda: is_sent(out), search)
        stop(server)
        told["search"] = ended(search, timeout_s=1200)
        told["reported"] = softnce("report", str(out), environment=environment)
        told["pushed in vain"] = softnce("report", str(out), "--push", environment=environment)
        server = started_server(folder, port)
        told["pushed"] = softnce("report", str(out), "--push", environment=environment)
        client = MlflowClient(environment["MLFLOW_TRACKING_URI"])
        told["runs"] = runs_of(client)
        yield told
    finally:
        stop(server)


def epochs_done(out):
    logs = [log.read_text() for log in out.glob("trials/*/trial.log")]
    return sum(text.count(": loss") for text in logs)


def is_sent(out):
    """Tell whether the server has taken what was written while it was away."""
    cursor = out / "tracking.cursor"
    return int(cursor.read_text() or 0) > 0.9 * (out / "tracking.jsonl").stat().st_size


def runs_of(client):
    (experiment,) = [e for e in client.search_experiments() if e.name == "softnce/hit"]
    found = client.search_runs([experiment.experiment_id])
    steps = {}
    for run in found:
        key = run.data.tags.get("softnce.trial", "study")
        history = client.get_metric_history(run.info.run_id, "mrr")
        steps[key] = (run.info.status, [metric.step for metric in history])
    return steps


def test_training_goes_on_while_the_server_is_away(outage):
    assert outage["while away"]


def test_a_study_whose_server_never_returns_ends_and_says_what_waits(outage):
    code, said = outage["search"]
    assert code == 0, said
    assert re.search(r"\d+ events wait in .*tracking.jsonl", said), said
    assert "softnce report" in outage["reported"].stdout


def test_a_push_to_a_server_that_is_away_says_so(outage):
    assert outage["pushed in vain"].returncode == 3
    assert "out of reach: connection refused" in outage["pushed in vain"].stderr


def test_a_push_sends_all_that_waited_and_no_metric_is_lost(outage):
    assert outage["pushed"].returncode == 0, outage["pushed"].stderr
    assert re.search(r"sent \d+ events", outage["pushed"].stdout)
    whole = "FINISHED", list(range(1, LONG + 1))
    assert outage["runs"].pop("study")[0] == "FINISHED"
    assert outage["runs"] == {"t0000": whole, "t0001": whole, "t0002": whole}


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a file system of its own, which holds 40 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"needs the right to mount a tmpfs: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def filled(folder):
    """Fill the disk of a folder, and return what fills it."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(2**12))
    return filler


def test_a_file_that_a_full_disk_cut_short_is_reported_as_a_full_disk(small_disk):
    config = validated({"data": {"path": "pairs.jsonl"}})
    filler = filled(small_disk)
    with pytest.raises(SetupError, match="the disk is full"), explained(config, small_disk / "out"):
        raise EOFError("Ran out of input")
    filler.unlink()
    with pytest.raises(EOFError), explained(config, small_disk / "out"):
        raise EOFError("Ran out of input")


def test_a_full_disk_stops_the_study_and_nothing_is_lost(made_pairs, small_disk, tmp_path):
    config, out = written(tmp_path, made_pairs), small_disk / "out"
    search = begun(config, out)
    in_mid_epoch(out, search, more=3)
    filler = filled(small_disk)
    code, said = ended(search)
    assert code == 3, said
    assert "the disk is full" in said
    assert "free space" in said
    assert "Traceback" not in said
    whole = {path.parents[1].name for path in out.glob("trials/*/epoch-*/manifest.json")}
    filler.unlink()
    code, said = ended(begun(config, out))
    assert code == 0, said
    assert {state for state, _ in outcomes(out, "hit").values()} == {"COMPLETE"}
    for key in whole:  # what was whole when the disk was full was not trained again
        log = (out / "trials" / key / "trial.log").read_text()
        assert "resumed at epoch" in log or log.count(": loss") == EPOCHS
