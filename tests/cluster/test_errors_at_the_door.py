"""What a person sees who types something wrong: a line or two on stderr, and exit code 2."""

import subprocess
import sys
from pathlib import Path

import pytest

SOFTNCE = Path(sys.executable).with_name("softnce")
GOOD = '{"query": "read a file", "code": "def read(path): return open(path)"}\n'
FILES = {
    "key.yaml": "data: {path: good.jsonl}\nloss:\n  temperatur: 1\n",
    "value.yaml": "data: {path: good.jsonl}\noptim: {epochs: many}\n",
    "broken.yaml": "data: {path: [\n",
    "corrupt.yaml": "data: {path: corrupt.jsonl}\n",
    "few.yaml": "data: {path: good.jsonl}\n",
    "estimator.yaml": "data: {path: good.jsonl}\nweights: {estimator: simcsy}\n",
    "space.yaml": (
        "data: {path: good.jsonl}\noptim: {batch_size: 8}\n"
        "search: {space: {weights/alpha: {real: [8, 9]}}}\n"
    ),
    "good.jsonl": GOOD,
    "corrupt.jsonl": GOOD + '{"query": "cut of',
}


def typed(folder, *words, timeout=300):
    """Run the command as a person would, in a folder with the files above."""
    for name, text in FILES.items():
        (folder / name).write_text(text)
    return subprocess.run(
        [str(SOFTNCE), *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("search none.yaml", "none.yaml: no such configuration file"),
        (
            "search quik",
            "preset; choose one of the presets: codebert-paper, codebert-upstream, cornstack, ",
        ),
        ("search key.yaml", "key.yaml:3: loss.temperatur: unknown key; did you mean loss.temp"),
        ("search value.yaml", "value.yaml:2: optim.epochs: input should be a valid integer"),
        ("search broken.yaml", "broken.yaml:2: not valid YAML: "),
        ("search few.yaml --set optim.epochs=0", "--set optim.epochs: input should be greater"),
        ("search few.yaml --trials 0", "--set search.trials: input should be greater"),
        (
            "search few.yaml --time-budget abc",
            "--time-budget abc: not a duration; write it as 90s, 30m, 2h or 1d",
        ),
        ("search --no-such-option", "No such option: --no-such-option"),
        ("serch", "No such command 'serch'"),
        ("search corrupt.yaml", "corrupt.jsonl:2: not JSON"),
        (
            "search estimator.yaml",
            "estimator.yaml:2: weights.estimator: input should be 'bm25', 'teacher'",
        ),
        ("search space.yaml", "200 of 200 random draws are no valid configuration"),
    ],
)
def test_a_mistake_is_answered_with_a_sentence_and_code_2(tmp_path, words, said):
    result = typed(tmp_path, *words.split())
    assert said in result.stderr
    assert result.stderr.startswith("error: ")
    assert "Traceback" not in result.stderr + result.stdout
    assert result.stderr.strip().count("\n") <= 1
    assert result.returncode == 2


def test_debug_shows_where_it_happened(tmp_path):
    result = typed(tmp_path, "search", "none.yaml", "--debug")
    assert "Traceback" in result.stderr
    assert result.returncode != 0


def test_help_is_no_mistake(tmp_path):
    result = typed(tmp_path, "--help")
    assert "search" in result.stdout
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "content", "said"),
    [
        ("nowhere.jsonl", None, "nowhere.jsonl does not exist"),
        ("empty.jsonl", "", "empty.jsonl holds no rows"),
        ("few.jsonl", GOOD, "1 training pairs do not fill one batch of 128"),
    ],
)
def test_data_that_cannot_be_trained_on_are_named(tmp_path, path, content, said):
    if content is not None:
        (tmp_path / path).write_text(content)
    result = typed(tmp_path, "search", "few.yaml", "--set", f"data.path={path}")
    assert said in result.stderr
    assert result.stderr.count("\n") <= 2
    assert result.returncode == 2


def test_a_file_that_ends_too_soon_is_no_ctrl_c(tmp_path):
    script = """
from softnce import __main__ as cli

@cli.app.command()
def torn():
    raise EOFError("Ran out of input")

cli.main()
"""
    ended = subprocess.run(
        [sys.executable, "-c", script, "torn"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert ended.returncode == 1
    assert "unexpected EOFError: Ran out of input" in ended.stderr
