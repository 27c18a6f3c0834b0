"""``softnce query``: what is found where, what is encoded anew, and how it is asked."""

import io
import json
import shutil
import subprocess
import sys

import pytest

from softnce.code_index.index import code_index
from softnce.code_index.listing import listed_functions
from softnce.code_index.show import show_hits
from softnce.code_index.stored_rows import stored_rows
from softnce.code_index.text_encoder import text_encoder
from softnce.terminal.console import PlainConsole
from tests.faults import SOFTNCE


def silent(_phase, _done, _total):
    pass


@pytest.fixture
def found(run, static_folder, code_base):
    """Ask for JSON and return it."""

    def asked(*words, model=static_folder):
        code, said, _ = run("query", model, code_base, *words, "--json")
        assert code == 0
        return json.loads(said)

    return asked


@pytest.mark.usefixtures("code_base")
def test_the_answer_is_named_by_file_and_line_with_its_code(run, static_folder):
    code, said, told = run("query", static_folder, "project", "read_table path rows numbers")
    assert code == 0
    first, second, third = said.splitlines()[:3]
    assert first.startswith("1. project/read.py:2  read_table  score 0.0328 (model 0.")
    assert second == "     2 def read_table(path):"
    assert third == '     3     """Read a table of numbers from a file."""'
    assert "functions: 4, encoded now: 4; files: 3, read now: 3; " in told
    assert "; test files left out: 1, see --tests" in told


def test_a_second_run_encodes_only_what_changed_and_forgets_what_is_gone(found, code_base):
    assert found("sort names")["encoded"] == 4
    assert found("sort names")["encoded"] == 0
    path = code_base / "net" / "sort.py"
    path.write_text(path.read_text() + "\n\ndef reverse(names):\n    return names[::-1]\n")
    again = found("sort names", "--top", "9")
    assert (again["encoded"], again["functions"], len(again["hits"])) == (1, 5, 5)
    path.rename(code_base / "moved.py")
    moved = found("sort names")
    assert (moved["encoded"], moved["functions"]) == (0, 5)
    assert moved["hits"][0]["file"].endswith("moved.py")
    (code_base / "moved.py").unlink()
    left = found("sort names", "--top", "9")
    assert (left["encoded"], left["functions"]) == (0, 3)
    assert not [one for one in left["hits"] if "sort" in one["function"]]


def test_a_copy_elsewhere_and_another_model_share_what_they_can(found, run, code_base, tmp_path):
    assert found("sort names")["encoded"] == 4
    shutil.copytree(code_base, tmp_path / "copy")
    code, said, _ = run("query", tmp_path / "static", "copy", "x")
    assert (code, said) == (3, "")
    _, said, told = run("query", "bm25", "copy", "sort names", "--top", "1", "--lines", "0")
    assert said.startswith("1. copy/net/sort.py:1  sort_names  score ")
    assert "encoded now: 0" in told


def test_the_model_alone_and_bm25_alone_have_one_score(found):
    alone = found("open a connection", "--no-bm25")["hits"][0]
    assert (alone["bm25"], alone["score"]) == (None, alone["similarity"])
    assert found("zebra", model="bm25")["hits"] == []
    lexical = found("open a connection", model="bm25")
    assert lexical["model"] == "bm25"
    assert lexical["hits"][0]["function"] == "Socket.connect"
    assert lexical["hits"][0]["similarity"] is None


def test_tests_are_searched_when_asked_for_or_when_they_are_all_there_is(found, run, code_base):
    assert found("read", "--tests")["functions"] == 5
    code, _, told = run("query", "bm25", code_base / "tests" / "test_read.py", "read table")
    assert code == 0
    assert "functions: 1, encoded now: 0; files: 1" in told
    assert run("query", "bm25", code_base / "tests", "read table")[0] == 0


def test_a_pipe_asks_line_by_line_until_an_empty_one(run, static_folder, code_base, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("sort names\nread a table\n\nnever asked\n"))
    code, said, _ = run("query", static_folder, code_base, "--json", "--top", "1")
    answers = [json.loads(line) for line in said.splitlines()]
    assert code == 0
    assert [one["query"] for one in answers] == ["sort names", "read a table"]
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert run("query", static_folder, code_base)[:2] == (0, "")


def test_a_damaged_index_is_made_anew_and_said_so(run, static_folder, code_base, tmp_path):
    words = ("query", static_folder, code_base, "sort names")
    _, before, _ = run(*words)
    for path in (tmp_path / "cache").rglob("*.*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[:-3] + b"xyz")
    code, after, told = run(*words)
    assert (code, after) == (0, before)
    assert "note: the index was damaged" in told
    assert "functions: 4, encoded now: 4; files: 3, read now: 3" in told
    assert "damaged" not in run(*words)[2]


def test_two_processes_at_once_make_one_sound_index(static_folder, code_base, tmp_path):
    words = [*SOFTNCE, "query", str(static_folder), str(code_base), "sort names", "--json"]
    words += ["--cache", str(tmp_path / "cache")]
    both = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    hits = [json.loads(one.communicate(timeout=300)[0])["hits"] for one in both]
    assert [one.returncode for one in both] == [0, 0]
    assert hits[0] == hits[1]
    again = subprocess.run(words, capture_output=True, text=True, check=True, timeout=300)
    assert json.loads(again.stdout)["encoded"] == 0
    assert "damaged" not in again.stderr


def test_a_static_model_is_asked_without_a_heavy_import(static_folder, code_base, tmp_path):
    script = (
        "import sys; from softnce.__main__ import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'transformers', 'ray', 'mlflow', 'optuna', 'scipy', 'pandas'}\n"
        "print('imported', *sorted(heavy & set(sys.modules)))"
    )
    words = ["query", str(static_folder), str(code_base), "sort", "--cache", str(tmp_path / "c")]
    ended = subprocess.run(
        [sys.executable, "-c", script, *words], capture_output=True, text=True, check=True
    )
    assert ended.stdout.splitlines()[0].startswith("1. ")
    assert ended.stdout.splitlines()[-1] == "imported"


def test_a_real_transformer_finds_by_meaning_and_encodes_once(found, minilm):
    first = found("order words alphabetically", "--no-bm25", model=minilm)
    assert first["encoded"] == 4
    assert first["hits"][0]["function"] == "sort_names"
    assert found("open a link to a server", "--no-bm25", model=minilm)["encoded"] == 0


def test_code_cannot_command_the_terminal(run, code_base):
    hostile = "\x1b]0;owned\x07\x9b31m"
    (code_base / "evil.py").write_text(f'def evil():\n    """Steal {hostile} a terminal."""\n')
    code, said, _ = run("query", "bm25", code_base, "steal a terminal", "--top", "1")
    assert code == 0
    assert r"Steal \x1b]0;owned" in said
    assert not set(said) & set("\x1b\x07\x9b")


def test_code_is_shown_in_colours_on_a_terminal(code_base, tmp_path):
    listing = listed_functions(code_base, tmp_path / "memory", with_tests=False, progress=silent)
    index = code_index(listing, tmp_path / "memory", None, with_bm25=True, progress=silent)
    page = io.StringIO()
    console = PlainConsole(file=page, width=60, force_terminal=True, color_system="standard")
    show_hits(index.search("sort names", 1), code_base, console, lines=2)
    assert "\x1b[94mdef\x1b[0m" in page.getvalue() or "\x1b[34mdef" in page.getvalue()


FILES = {
    "Read.java": "class Read {\n  /** Read java words. */\n  int java(int x) { return x; }\n}\n",
    "read.js": "/** Read javascript words. */\nexport function javascript(x) { return x; }\n",
    "read.ts": "/** Read typescript words. */\nfunction typescript(x: number) { return x; }\n",
    "read.go": "package read\n\n// Go reads go words.\nfunc Go(x int) int { return x }\n",
    "read.php": "<?php\n/** Read php words. */\nfunction php($x) { return $x; }\n",
    "read.rb": "# Read ruby words.\ndef ruby(x)\n  x\nend\n",
}


@pytest.mark.parametrize("name", FILES)
def test_every_language_that_is_mined_is_searched(run, tmp_path, name):
    (tmp_path / "code").mkdir()
    for file, text in FILES.items():
        (tmp_path / "code" / file).write_text(text)
    code, said, _ = run("query", "bm25", "code", FILES[name], "--json", "--top", "1")
    assert code == 0
    found = json.loads(said)
    assert found["functions"] == len(FILES)
    (hit,) = found["hits"]
    assert hit["file"] == f"code/{name}"
    assert f"{hit['language']} words" in hit["code"]
    assert hit["code"].splitlines()[0].lstrip("/*# ").lower().startswith(("read ", "go "))
    _, shown, _ = run("query", "bm25", "code", FILES[name], "--top", "1")
    assert shown.startswith(f"1. code/{name}:{hit['line']}  ")


def test_vectors_that_no_code_base_needs_are_dropped_when_there_are_many(
    static_folder, code_base, tmp_path
):
    memory = tmp_path / "memory"
    encoder = text_encoder(str(static_folder), "static")
    for number in range(15):
        text = f"def sort_{number}(names):\n    return sorted(names)[{number}]\n"
        (code_base / "net" / "sort.py").write_text(text)
        listing = listed_functions(code_base, memory, with_tests=False, progress=silent)
        index = code_index(listing, memory, encoder, with_bm25=True, progress=silent)
        assert len(index.functions) == 4
    stored = [len(stored_rows(one.parents[1], ()).rows) for one in memory.glob("*/*/*/keys.npy")]
    assert max(stored) < 10
