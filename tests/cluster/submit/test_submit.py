"""What a submission takes along, what it refuses, and how it says so; no cluster is needed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.submit.package import pack
from cluster.submit.submit import SubmitOptions, entrypoint, submit
from cluster.submit.upload import uploaded
from softnce.config.file import validated
from softnce.errors import ConfigError, DataError, SetupError
from tune_spaces.study.folder import study_folder

COMMAND = [sys.executable, "-c", "from softnce.__main__ import main; main()"]


@pytest.fixture
def storage(tmp_path):
    folder = tmp_path / "storage"
    folder.mkdir()
    return folder


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"query": "read a file", "code": "def read(p): return open(p)"}\n')
    return path


def config(data, storage, **sections):
    resources = {"storage_path": str(storage), **sections.pop("resources", {})}
    return validated({"data": {"path": str(data)}, "resources": resources, **sections})


def packed(project, tmp_path, **options):
    into = tmp_path / "into"
    into.mkdir()
    package = pack(project, into, **options)
    return package, {str(path.relative_to(into)) for path in into.rglob("*") if path.is_file()}


@pytest.fixture
def project(tmp_path):
    """A folder with code, and all that must not travel."""
    root = tmp_path / "project"
    for name in (
        "search.yaml",
        "code/train.py",
        "softnce/data/pairs.py",
        ".env",
        "deploy.pem",
        ".venv/bin/python",
        "env/pyvenv.cfg",
        "env/lib/big.py",
        "code/__pycache__/train.pyc",
        "mlruns/0/meta.yaml",
        "elsewhere/study/study.json",
        "elsewhere/study/champion/model.safetensors",
        "uv.lock",
    ):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    return root


SENT = {"search.yaml", "code/train.py", "softnce/data/pairs.py", "uv.lock"}


def test_code_and_settings_travel_and_secrets_environments_and_studies_stay(project, tmp_path):
    package, names = packed(project, tmp_path)
    assert names == SENT
    assert package.files == len(SENT)


def test_what_git_ignores_stays_but_the_lock_travels(project, tmp_path):
    (project / ".gitignore").write_text("uv.lock\nnotes.txt\n")
    (project / "notes.txt").write_text("mine")
    subprocess.run(["git", "init", "-q", str(project)], check=True)
    assert packed(project, tmp_path)[1] == SENT


def test_a_link_out_of_the_project_does_not_travel(project, tmp_path):
    (project / "secrets").symlink_to("/etc")
    (project / "passwd").symlink_to("/etc/passwd")
    assert packed(project, tmp_path)[1] == SENT


def test_patterns_leave_more_out(project, tmp_path):
    assert packed(project, tmp_path, excludes=["code/*"])[1] == SENT - {"code/train.py"}


def test_a_package_that_is_too_large_is_refused_with_its_largest_parts(project, tmp_path):
    with (project / "code" / "weights.bin").open("wb") as file:
        file.truncate(150_000_000)
    with pytest.raises(SetupError, match=r"150 MB would travel.*code/ \(150 MB\).*--exclude"):
        packed(project, tmp_path)


def test_a_file_of_pairs_goes_to_the_storage_under_the_digest_of_its_content(data, storage):
    there, (one,) = uploaded(config(data, storage))
    assert Path(there.data.path) == one.target
    assert one.target.read_text() == data.read_text()
    assert one.target.relative_to(storage).parts[0] == "data"
    assert one.is_new


def test_the_same_data_are_uploaded_once_and_other_data_beside_them(data, storage):
    first = uploaded(config(data, storage))[0]
    again, (one,) = uploaded(config(data, storage))
    assert again == first
    assert not one.is_new
    data.write_text(data.read_text() * 2)
    other, _ = uploaded(config(data, storage))
    assert other.data.path != first.data.path
    assert not list(storage.rglob("*.building"))


def test_of_a_folder_only_its_splits_are_uploaded(tmp_path, data, storage):
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "train.jsonl").write_text(data.read_text())
    (folder / "diary.txt").write_text("mine")
    there, _ = uploaded(config(folder, storage))
    assert [path.name for path in Path(there.data.path).iterdir()] == ["train.jsonl"]


def test_data_on_the_storage_are_used_where_they_are(storage):
    path = storage / "pairs.jsonl"
    path.write_text("{}")
    there, uploads = uploaded(config(path, storage))
    assert (there.data.path, uploads) == (str(path), [])


def test_a_local_model_is_uploaded_and_a_hub_id_is_not(data, tmp_path, storage):
    model = tmp_path / "model"
    (model / "1_Pooling").mkdir(parents=True)
    (model / "1_Pooling" / "config.json").write_text("{}")
    there, _ = uploaded(config(data, storage, encoder={"kind": "transformer", "model": str(model)}))
    assert (Path(there.encoder.model) / "1_Pooling" / "config.json").is_file()
    hub = config(data, storage, encoder={"kind": "transformer", "model": "microsoft/codebert-base"})
    assert uploaded(hub)[0].encoder.model == "microsoft/codebert-base"


def test_the_study_lies_on_the_storage(data, storage):
    assert study_folder(config(data, storage), "tiny", None).root == storage / "studies" / "tiny"


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"resources": {"cache": "/var/cache"}}, "resources.cache /var/cache is not below"),
        (
            {
                "search": {
                    "space": {"encoder/model": {"choice": ["org/name", str(Path(__file__).parent)]}}
                }
            },
            "is a folder of this machine",
        ),
        ({"tracking": {"uri": "sqlite:////tmp/x.db"}}, "must be a server"),
    ],
)
def test_what_cannot_work_on_a_cluster_is_refused(data, storage, sections, said):
    with pytest.raises(ConfigError, match=said) as caught:
        submitted(config(data, storage, **sections))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("uri", ["https://me:secret@mlflow", "https://me:s/se@cret@mlflow/x"])
def test_a_password_in_the_environments_address_does_not_travel(data, storage, monkeypatch, uri):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(ConfigError, match="MLFLOW_TRACKING_URI holds a password") as caught:
        submitted(config(data, storage))
    assert "cret" not in str(caught.value)


def submitted(settings, **options):
    options = SubmitOptions(Path(__file__).parent, **options)
    if settings.tracking.uri is None:
        uploaded(settings)
    return submit(
        settings, source="x", address="http://127.0.0.1:9", out=None, options=options, write=print
    )


def test_folders_to_mine_are_refused_with_the_command_that_mines_them(tmp_path, storage):
    settings = {"data": {"mine": [str(tmp_path)]}, "resources": {"storage_path": str(storage)}}
    with pytest.raises(ConfigError, match=r"softnce data mine .* --out pairs"):
        uploaded(validated(settings))


def test_data_that_are_not_there_are_named(tmp_path, storage):
    with pytest.raises(DataError, match="nowhere does not exist"):
        uploaded(config(tmp_path / "nowhere", storage))


def test_without_uv_to_install_from_its_runner_is_refused(data, storage, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(ConfigError, match=r"no pyproject.toml"):
        submitted(config(data, storage), runner="uv")


@pytest.mark.parametrize(
    ("holds", "code", "said"), [("softnce", 0, "image"), ("uv", 0, "uv run"), ("", 127, "")]
)
def test_the_entrypoint_takes_the_clusters_softnce_or_else_uv(tmp_path, holds, code, said):
    if holds:
        tool = tmp_path / holds
        tool.write_text(f'#!/bin/sh\necho "{"image" if holds == "softnce" else "uv"} $@"\n')
        tool.chmod(0o755)
    command = entrypoint("auto", "a b.yaml", Path("/s"))
    ended = subprocess.run(
        ["/bin/sh", "-c", command],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": str(tmp_path)},
    )
    assert ended.returncode == code
    assert said in ended.stdout
    assert not holds or "search a b.yaml --out /s" in ended.stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("", 2, "resources.storage_path is not set"),
        ("--set resources.storage_path=s3://bucket/x", 2, "is not an absolute path"),
        ("--set resources.storage_path=/nowhere/at/all", 3, "this machine has no such folder"),
        ("--set resources.storage_path={storage}", 3, "no cluster; give --address"),
        (
            "--set resources.storage_path={storage} --address http://127.0.0.1:9",
            3,
            "http://127.0.0.1:9: no job server answers there",
        ),
        (
            "--set resources.storage_path={storage} --address 127.0.0.1:9",
            3,
            "127.0.0.1:9: nothing answers there ([Errno 111] Connection refused); give "
            "--address the dashboard of the cluster, http://HEAD:8265",
        ),
        (
            "--set resources.storage_path={storage} --address ray://127.0.0.1:9",
            3,
            "ray://127.0.0.1:9 is not the address of a job server but of Ray's client; give "
            "--address",
        ),
        ("--runner docker", 2, "--runner docker: unknown; choose one of auto, image, uv"),
        ("--working-dir nowhere", 2, "--working-dir nowhere: there is no such folder"),
    ],
)
def test_a_submission_that_cannot_start_ends_in_a_sentence(
    tmp_path, storage, data, words, code, said
):
    (tmp_path / "search.yaml").write_text(f"data: {{path: {data}}}\n")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_A", "MLFLOW_"))}
    ended = subprocess.run(
        [*COMMAND, "submit", "search.yaml", *words.format(storage=storage).split()],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        cwd=tmp_path,
        env=environment,
    )
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.splitlines()) <= 2
    assert ended.returncode == code
