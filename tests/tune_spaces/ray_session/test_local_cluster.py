"""A local cluster lets no stranger in, whatever the environment says, and leaves no trace of it."""

import json
import os
import subprocess
import sys
import tempfile

import pytest

from softnce.errors import SetupError
from tests.faults import softnce
from tune_spaces.ray_session.local_cluster import closed_to_strangers, require_known_mode

SCRIPT = """
import json, os, sys
import grpc, psutil
{first}
from softnce.config.file import validated
from tune_spaces.ray_session import session
from tune_spaces.ray_session.capacity import require_possible

def ports():
    for process in psutil.Process().children(recursive=True):
        for one in process.net_connections():
            if one.status == psutil.CONN_LISTEN:
                yield process.name(), one.laddr.port

def answer(port, method, words):
    with grpc.insecure_channel(f"127.0.0.1:{{port}}") as channel:
        try:
            channel.unary_unary(method)(b"", timeout=20, metadata=words)
        except grpc.RpcError as error:
            return error.code().name
    return "OK"

before = {{name: os.environ.get(name) for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN")}}
asked = "/ray.rpc.NodeInfoGcsService/GetAllNodeInfo"
freed = "/ray.rpc.ObjectManagerService/FreeObjects"
with session.connected(None) as capacity:
    import ray
    assert capacity.total("CPU") >= 1
    most = {{"memory_gb_per_trial": 0.8 * capacity.memory_gb}}
    require_possible(validated({{"data": {{"path": "x"}}, "resources": most}}))
    gcs = next(port for name, port in ports() if name == "gcs_server")
    known = (("authorization", "Bearer " + os.environ["RAY_AUTH_TOKEN"]),)
    found = {{
        "token": len(os.environ["RAY_AUTH_TOKEN"]),
        "stranger": answer(gcs, asked, ()),
        "objects": [answer(port, freed, ()) for name, port in ports() if name == "raylet"],
        "we": answer(gcs, asked, known),
        "folder": ray._private.worker._global_node.get_session_dir_path(),
        "mode": os.stat(sys.argv[1] + "/" + os.listdir(sys.argv[1])[0]).st_mode & 0o777,
    }}
found["left"] = os.listdir(sys.argv[1])
found["same"] = before == {{name: os.environ.get(name) for name in before}}
print(json.dumps(found))
"""


@pytest.fixture
def short_folder():
    """A folder whose path leaves room for the names of Ray's sockets."""
    with tempfile.TemporaryDirectory(prefix="t", dir="/tmp") as folder:
        yield folder


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.parametrize("first", ["", "import ray"])
def test_a_local_cluster_asks_for_a_token_whatever_the_environment_says(short_folder, first):
    folder = short_folder
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(first=first), str(folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, "RAY_AUTH_MODE": "disabled", "RAY_TMPDIR": str(folder)},
    )
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout.splitlines()[-1])
    assert found.pop("folder").startswith(str(folder))
    assert "OK" not in found.pop("objects")
    expected = {"token": 64, "stranger": "UNAUTHENTICATED", "we": "OK", "mode": 0o700}
    assert found == {**expected, "left": [], "same": True}


@pytest.mark.parametrize("mode", ["token", "TOKEN", "disabled", ""])
def test_the_modes_that_ray_knows_are_taken(monkeypatch, mode):
    monkeypatch.setenv("RAY_AUTH_MODE", mode)
    require_known_mode()


def test_a_misspelt_mode_is_refused_before_anything_is_read_or_written(tmp_path):
    asked = tmp_path / "asked.yaml"
    asked.write_text("data: {path: none.jsonl}\nloss: {name: infonce}\n")
    said = softnce("search", str(asked), cwd=tmp_path, environment={"RAY_AUTH_MODE": "tokn"})
    assert said.returncode == 3
    assert said.stderr.startswith("error: RAY_AUTH_MODE=tokn: Ray knows token and disabled")
    assert list(tmp_path.iterdir()) == [asked]


def test_the_environment_is_as_it_was_and_the_folder_gone(monkeypatch):
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    with closed_to_strangers() as folder:
        assert os.environ["RAY_AUTH_MODE"] == "token"
        assert folder.parent.stat().st_mode & 0o777 == 0o700
    assert os.environ["RAY_AUTH_MODE"] == "disabled"
    assert "RAY_AUTH_TOKEN" not in os.environ
    assert not folder.parent.exists()


def test_a_place_for_rays_folders_that_is_none_is_named(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path / "file"))
    with (
        pytest.raises(SetupError, match="file: no such folder; make it, or unset RAY_TMPDIR"),
        closed_to_strangers(),
    ):
        pass


def test_the_folder_of_a_cluster_that_did_not_start_is_kept_for_who_reads_its_logs():
    place = []

    def fail():
        with closed_to_strangers() as folder:
            place.append(folder.parent)
            raise SetupError(f"see the log, and Ray's in {folder}")

    with pytest.raises(SetupError):
        fail()
    place[0].rmdir()


MODES = """
import os, ray
from ray._raylet import AuthenticationMode as Mode, get_authentication_mode
from tune_spaces.ray_session.local_cluster import closed_to_strangers
before = get_authentication_mode()
with closed_to_strangers():
    inside = get_authentication_mode()
print(before == Mode.DISABLED, inside == Mode.TOKEN, get_authentication_mode() == Mode.DISABLED)
"""


def test_ray_that_was_imported_before_hears_of_the_token_and_of_its_end():
    ended = subprocess.run(
        [sys.executable, "-c", MODES],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, "RAY_AUTH_MODE": "disabled"},
    )
    assert ended.stdout.split() == ["True"] * 3, ended.stderr
