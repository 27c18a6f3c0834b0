"""One line per check, each fault with its cure: on this machine alone, and of a cluster."""

import copy
import json
import threading
import time
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cluster.doctor import machine_checks as checks
from cluster.doctor.check_results import fault, is_fit, line, ok, record, summary
from cluster.doctor.node_checks import node_results
from cluster.doctor.node_probe import _is_reached, look, versions
from cluster.jobs import connect
from softnce.config.file import validated
from softnce.errors import SetupError
from tests.faults import softnce


def config(**sections):
    return validated({"data": {"path": "pairs.jsonl"}, **sections})


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home of one's own, without a word about any cluster."""
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_the_results_are_one_json_object_for_scripts():
    found = json.loads(json.dumps(record([ok("torch", "2.10"), fault("disk", "full", "free it")])))
    assert found["is_fit"] is False
    assert found["summary"] == "unfit: 1 fault"
    assert found["checks"][1] == {
        "level": "fault",
        "subject": "disk",
        "found": "full",
        "cure": "free it",
    }


@pytest.mark.ray
@pytest.mark.slow
def test_a_machine_without_a_cluster_is_fit_for_a_search(home):
    ended = softnce("doctor")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    lines = ended.stdout.splitlines()
    assert any(one.startswith("ok       Ray: a local cluster starts") for one in lines)
    assert any("torch 2." in one for one in lines)
    assert lines[-1].startswith("fit: ")
    assert not list(home.rglob("auth_token"))


def test_a_cluster_that_does_not_answer_is_a_fault_with_a_cure(home):
    token = home / "token"
    token.write_text("of-the-cluster")
    token.chmod(0o640)
    environment = {"RAY_AUTH_TOKEN_PATH": str(token)}
    ended = softnce("doctor", "--address", "http://127.0.0.1:9", environment=environment)
    assert ended.returncode == 3
    assert f"fault    token: {token} has mode 0640, others may read it -> chmod 600" in ended.stdout
    assert "fault    Ray: http://127.0.0.1:9: no job server answers there" in ended.stdout
    assert "of-the-cluster" not in ended.stdout + ended.stderr
    assert ended.stdout.splitlines()[-1] == "unfit: 2 faults, 1 warning"
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("words", "environment"),
    [
        ("--address http://127.0.0.1:9", {}),
        ("", {"RAY_AUTH_MODE": "token"}),
        ("", {"RAY_ADDRESS": "127.0.0.1:9"}),
    ],
)
def test_odd_tokens_and_addresses_are_faults_and_not_the_end_of_it(home, words, environment):
    token = home / "token"
    token.write_bytes(b"\xff\xfe\0secret")
    token.chmod(0o600)
    began = time.monotonic()
    environment = {"RAY_AUTH_TOKEN_PATH": str(token), **environment}
    ended = softnce("doctor", *words.split(), environment=environment)
    assert ended.returncode == 3, ended.stdout + ended.stderr
    assert ended.stderr == ""
    assert f"fault    token: {token} holds no token" in ended.stdout
    assert "fault    Ray: " in ended.stdout
    assert ended.stdout.splitlines()[-1].startswith("unfit: 2 faults")
    assert time.monotonic() - began < 200  # no retries of minutes


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("http://[bad", "MLflow at http://[bad is out of reach: Invalid IPv6 URL"),
        ("foo://x", "MLflow at foo://x is out of reach: "),
    ],
)
def test_an_odd_address_of_mlflow_is_a_fault_with_its_whole_cure(monkeypatch, uri, said):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    (found,) = checks.mlflow(None)
    assert found.level == "fault"
    assert found.found.startswith(said)
    assert found.cure == "start it, or correct tracking.uri or MLFLOW_TRACKING_URI"


def test_nodes_that_get_an_odd_address_of_mlflow_cannot_reach_it():
    assert _is_reached("http://[bad") is False
    assert _is_reached("http://host:port") is False


def test_a_dashboard_named_without_its_scheme_is_told_how_to_write_it():
    with ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as server:
        address = f"127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(SetupError, match=f"write it as http://{address}"):
            connect(address)
        server.shutdown()


@pytest.fixture
def token(tmp_path, monkeypatch):
    path = tmp_path / "token"
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(path))
    return path


@pytest.mark.parametrize(
    ("content", "mode", "level", "words"),
    [
        ("secret", 0o600, "ok", "mode 0600 (never shown)"),
        ("secret", 0o644, "fault", "others may read it -> chmod 600"),
        ("", 0o600, "fault", "is empty"),
        (b"\xff\xfe\0secret", 0o600, "fault", "holds no token: a token is one line of plain"),
        ("secret\nsecret", 0o600, "fault", "holds no token"),
        (None, None, "fault", "is not there"),
    ],
)
def test_the_token_is_judged_and_never_shown(token, content, mode, level, words):
    if content is not None:
        token.write_bytes(content if isinstance(content, bytes) else content.encode())
        token.chmod(mode)
    (found,) = checks.token(needed=True)
    assert found.level == level
    assert words in line(found)
    assert "secret" not in line(found)


@pytest.mark.usefixtures("home")
def test_a_cluster_without_a_token_is_a_warning():
    assert [one.level for one in checks.token(needed=True)] == ["warning"]
    assert [one.level for one in checks.token(needed=False)] == ["ok"]


def test_a_token_that_ray_left_open_is_a_fault_only_where_it_is_used(home):
    path = home / ".ray" / "auth_token"
    path.parent.mkdir()
    path.write_text("secret")
    path.chmod(0o644)
    assert [one.level for one in checks.token(needed=True)] == ["fault"]
    assert [one.level for one in checks.token(needed=False)] == ["warning"]


@pytest.mark.parametrize(("free", "level"), [(0.2, "fault"), (3.0, "warning"), (80.0, "ok")])
def test_a_full_disk_is_a_fault_and_a_nearly_full_one_a_warning(free, level):
    assert checks.space("disk", "/somewhere", free).level == level


def test_little_shared_memory_is_a_warning():
    assert checks.shared_memory(0.06).level == "warning"


def test_a_storage_that_is_not_there_is_a_fault(tmp_path):
    resources = {"storage_path": str(tmp_path / "none")}
    (found,) = checks.storage(config(resources=resources), needed=True)
    assert found.level == "fault"


def test_a_storage_that_can_be_written_is_reported_with_its_file_system(tmp_path):
    (found,) = checks.storage(config(resources={"storage_path": str(tmp_path)}), needed=True)
    assert found.level == "ok"
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_an_mlflow_store_is_proved_by_writing_to_it(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    (found,) = checks.mlflow(config(tracking={"uri": store}))
    assert found.level == "ok"
    assert "can be written" in found.found


def test_an_mlflow_server_that_is_away_is_a_fault_without_its_password(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:9")
    (found,) = checks.mlflow(None)
    assert found.level == "fault"
    assert "out of reach" in found.found
    assert found.cure
    assert "secret" not in line(found)


@pytest.fixture
def report(tmp_path):
    """What two nodes like this machine say."""
    marker = tmp_path / "marker"
    marker.touch()
    node = {**look(str(tmp_path), "marker"), "answers": True}
    return {
        "resources": {"CPU": 8.0, "memory": 16e9},
        "nodes": [{**node, "ip": "10.0.0.1"}, {**copy.deepcopy(node), "ip": "10.0.0.2"}],
        "mlflow": None,
    }


def found_in(report, tmp_path, **resources):
    wanted = config(resources={"storage_path": str(tmp_path), **resources})
    return list(node_results(report, wanted, is_ours=False))


def faults(results):
    return " ".join(line(one) for one in results if one.level == "fault")


def test_nodes_that_agree_and_share_are_fit(report, tmp_path):
    results = found_in(report, tmp_path)
    assert is_fit(results)
    assert any("shared by all 2 nodes" in one.found for one in results)


def test_a_node_with_other_versions_is_named_by_the_difference(report, tmp_path):
    report["nodes"][1]["versions"]["ray"] = "2.40.0"
    report["nodes"][1]["python"] = "3.12.1"
    told = faults(found_in(report, tmp_path))
    assert f"ray 2.40.0, {versions()['ray']}" in told
    assert "3.12.1" in told


def test_nodes_without_softnce_but_with_uv_get_the_other_command(report, tmp_path):
    for node in report["nodes"]:
        node.update(softnce=False, uv=True)
    assert any("-- uv run softnce search" in one.found for one in found_in(report, tmp_path))
    report["nodes"][1]["uv"] = False
    assert "neither it nor uv is on" in faults(found_in(report, tmp_path))


def test_a_node_that_does_not_see_the_storage_is_named(report, tmp_path):
    report["nodes"][1]["sees"] = False
    assert "10.0.0.2 did not see a file left there" in faults(found_in(report, tmp_path))


def test_more_than_the_cluster_has_is_a_fault(report, tmp_path):
    told = faults(found_in(report, tmp_path, gpus_per_worker=1, workers=8))
    assert "8 CPU in all, one trial and the search need 9" in told
    assert "0 GPU in all" in told


def test_a_silent_node_and_an_unreachable_server_are_faults(report, tmp_path):
    report["nodes"][1] = {"ip": "10.0.0.2", "answers": False}
    report["mlflow"] = False
    told = faults(found_in(report, tmp_path))
    assert "10.0.0.2 did not answer" in told
    assert "the nodes cannot reach the server" in told


def test_a_full_disk_of_a_node_is_named_with_the_node(report, tmp_path):
    report["nodes"][1]["free_gb"]["/tmp"] = 0.1
    assert "disk on 10.0.0.2: 0.1 GB free at /tmp" in faults(found_in(report, tmp_path))


def test_the_last_line_counts(report, tmp_path):
    assert summary(found_in(report, tmp_path)).startswith("fit: ")
    report["mlflow"] = False
    assert summary(found_in(report, tmp_path)) == "unfit: 1 fault"
