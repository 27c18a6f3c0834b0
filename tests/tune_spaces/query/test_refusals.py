"""``softnce query`` at the door: one line, the right exit code, nothing written."""

import os
import shutil
import subprocess

import pytest
import torch
from sentence_transformers import SentenceTransformer

from tests.faults import SOFTNCE


@pytest.fixture
def named(code_base, static_folder, tmp_path):
    """What the words of a command stand for."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "x.py").write_text("x = 1\n")
    (tmp_path / "pipes").mkdir()
    os.mkfifo(tmp_path / "pipes" / "x.py")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "notes.txt").write_text("def f(): pass\n")
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "study.json").write_text("{}")
    return {"MODEL": str(static_folder), "CODE": str(code_base)}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["./none", "CODE", "x"], 3, "./none: there is no such folder; check the path"),
        (["empty", "CODE", "x"], 3, "neither a folder with a model nor a model that the hub gave"),
        (["notes.txt", "CODE", "x"], 2, "notes.txt: a file, not a model's folder"),
        (["study", "CODE", "x"], 2, "study: this study has no champion"),
        (["MODEL", "none", "x"], 2, "none does not exist; name a folder or a file of code"),
        (["MODEL", "empty", "x"], 2, "file below empty: name a folder of code"),
        (["MODEL", "bare", "x"], 2, "bare: no function in 1 files"),
        (["MODEL", "pipes", "x"], 2, "pipes: no function can be read; x.py: not a regular file"),
        (["MODEL", "pipes/x.py", "x"], 2, "no function can be read; x.py: not a regular file"),
        (["MODEL", "loop", "x"], 2, "loop: Too many levels of symbolic links"),
        (["MODEL", "notes.txt", "x"], 2, "notes.txt: no source file of a known language"),
        (["MODEL", "CODE", " "], 2, "query: an empty text"),
        (["bm25", "CODE", "x", "--no-bm25"], 2, "nothing is left to rank by"),
        (["MODEL", "CODE", "x", "--top", "0"], 2, "greater than or equal to 1"),
        (["MODEL", "CODE", "x", "--cache", "notes.txt"], 3, "name another folder for the index"),
    ],
)
def test_a_mistake_is_one_line(run, named, words, code, said):
    found, shown, told = run("query", *(named.get(one, one) for one in words))
    complaints = [one for one in told.splitlines() if one.startswith("error: ")]
    assert (found, len(complaints)) == (code, 1)
    assert said in complaints[0]
    assert shown == ""


def test_a_model_without_numbers_is_refused_and_keeps_nothing(run, code_base, minilm, tmp_path):
    model = SentenceTransformer(str(minilm), device="cpu")
    with torch.no_grad():
        next(model[0].auto_model.encoder.parameters())[:] = 3e38  # finite, and all overflows
    model.save(str(tmp_path / "model"))
    code, shown, told = run("query", tmp_path / "model", code_base, "sort names")
    assert (code, shown) == (3, "")
    assert "hold NaN or infinity; take another copy of the model" in told
    assert not list((tmp_path / "cache").rglob("vectors.npy"))


def test_a_model_without_a_tokenizer_is_refused(run, code_base, minilm, tmp_path):
    model = shutil.copytree(minilm, tmp_path / "model")
    for name in ("tokenizer.json", "vocab.txt", "tokenizer_config.json"):
        (model / name).unlink(missing_ok=True)
    code, shown, told = run("query", model, code_base, "sort names")
    assert (code, shown) == (3, "")
    assert len([one for one in told.splitlines() if one.startswith("error: ")]) == 1


def test_sound_files_are_searched_beside_those_that_are_not(run, code_base):
    (code_base / "latin.py").write_bytes(b"def caf\xe9(): pass\n")
    os.mkfifo(code_base / "pipe.py")
    with (code_base / "line.py").open("wb") as file:
        file.truncate(1 << 30)
    code, shown, told = run("query", "bm25", code_base, "sort names")
    assert code == 0
    assert shown.startswith("1. ")
    for said in (
        "left out: latin.py: not UTF-8 (byte 7)",
        "left out: line.py: larger than 1 MB",
        "left out: pipe.py: not a regular file",
    ):
        assert said in told


def test_a_folder_that_may_not_be_read_is_named(code_base, tmp_path):
    (code_base / "net").chmod(0)
    bound = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]
    as_others = bound if os.geteuid() == 0 else []
    if as_others and shutil.which("setpriv") is None:
        pytest.skip("needs setpriv, to be root without its powers")
    ended = subprocess.run(
        [*as_others, *SOFTNCE, "query", "bm25", str(code_base), "read", "--cache", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    (code_base / "net").chmod(0o755)
    assert ended.returncode == 0
    assert "left out: net: Permission denied" in ended.stderr
