"""What stands in the way of a study is named before anything is written."""

import pytest

from tests.faults import softnce


def test_a_folder_that_holds_something_else_is_refused(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("keep me")
    ended = softnce("search", "--out", "mine", cwd=tmp_path)
    assert ended.returncode == 2
    assert "not empty and not a study" in ended.stderr
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("keep me")
    ended = softnce("search", "--out", "file", cwd=tmp_path)
    assert ended.returncode == 2
    assert "name the folder of a study with --out" in ended.stderr


def test_a_cluster_that_does_not_answer_is_named_before_any_work(tmp_path):
    ended = softnce("search", cwd=tmp_path, environment={"RAY_ADDRESS": "127.0.0.1:1"})
    assert ended.returncode == 3
    assert "RAY_ADDRESS 127.0.0.1:1: nothing answers there" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert not (tmp_path / "softnce-studies").exists()


def test_an_mlflow_server_that_does_not_answer_is_named(tmp_path):
    server = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
    ended = softnce("search", cwd=tmp_path, environment=server)
    assert ended.returncode == 3
    assert "MLflow at http://127.0.0.1:9 is out of reach: connection refused" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("data: " + "[" * 20_000, "nested too deeply"),
        (
            "data: {path: x}\nsearch: {space: {weights/beta: {tie: '%s'}}}" % ("(" * 20_000),
            "a tie of 20,000 characters; write at most 300",
        ),
        (
            "data: {path: x}\noptim: {learning_rate: true}",
            "learning_rate: true is not a valid value",
        ),
        (
            "data: {path: x}\nsearch: {space: {loss/name: {choice: [infonce, soft-infonce]}, "
            "weights/alpha: {real: [0.5, 1], when: {loss/name: nope}}}}",
            "which it can never be",
        ),
    ],
    ids=["deep YAML", "deep tie", "true", "impossible condition"],
)
def test_hostile_configurations_are_refused_in_a_line(tmp_path, text, word):
    (tmp_path / "bad.yaml").write_text(text)
    ended = softnce("search", "bad.yaml", cwd=tmp_path)
    assert ended.returncode == 2
    assert word in ended.stderr
    assert len(ended.stderr) < 1000
    assert "Traceback" not in ended.stderr
