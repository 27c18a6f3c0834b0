"""``softnce data audit`` at the door: what it counts, exit codes, nothing left that commands."""

import json
import random
import sys

import pytest

from softnce.__main__ import main

BOTH = ("--estimator", "bm25", "--estimator", "duplicates")
STRIPPED = ("--set", "data.docstrings=strip")
WORDS = [a + b for a in ("ra", "mo", "ti", "se", "lu", "no") for b in ("ker", "dal", "vin", "pos")]


def function(number):
    """Return a function that is like no other."""
    draw = random.Random(number)
    one, two, three, four = (draw.choice(WORDS) for _ in range(4))
    return (
        f"def {one}_{two}(rows, limit):\n    found = {three}.{four}{number}(rows)\n"
        f"    for row in found[:limit]:\n        row.{two}({number}, {one}.{three})\n"
        f"    return {four}.{one}(found, {number * 7})\n"
    )


def query(number):
    draw = random.Random(number)
    return f"{' '.join(draw.choice(WORDS) for _ in range(5))} number {number}"


def lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def rows_of(numbers):
    return [
        {"url": f"u/{n}", "query": query(n), "code": function(n), "language": "python"}
        for n in numbers
    ]


@pytest.fixture
def clean(tmp_path):
    """A set without any fault."""
    folder = tmp_path / "set"
    folder.mkdir()
    lines(folder / "train.jsonl", rows_of(range(100)))
    held = rows_of(range(100, 120))
    lines(folder / "codebase.jsonl", held)
    lines(folder / "valid.jsonl", held[:10])
    lines(folder / "test.jsonl", held[10:])
    return folder


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run the verb in this process; return its code and what it said."""

    def ended(*words):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["softnce", "data", "audit", *map(str, words)])
        with pytest.raises(SystemExit) as ending:
            main()
        return ending.value.code, *capsys.readouterr()

    return ended


def change(path, alter):
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    lines(path, alter(rows))


def test_a_clean_set_has_no_faults_and_nothing_to_gain(run, clean):
    code, said, _ = run(clean, "--strict", "--json", "--estimator", "duplicates")
    assert code == 0, said
    found = json.loads(said)
    assert found["faults"] == []
    assert found["duplicates"]["train"]["share"] == 0
    assert found["largest_gain"]["verdict"].startswith("Don't bother")


def test_planted_duplicates_are_counted_and_the_figure_is_written(run, clean):
    def plant(rows):
        exact = [dict(row, url=f"copy/{n}") for n, row in enumerate(rows[:10])]
        other = [
            dict(row, url=f"other/{n}", query=query(900 + n), code=row["code"].replace("row", "r"))
            for n, row in enumerate(rows[10:20])
        ]
        return [*rows, *exact, *other, {"query": "sort the names"}]

    change(clean / "train.jsonl", plant)
    code, said, _ = run(clean, "--json", "--out", "report", *BOTH)
    assert code == 0, said
    found = json.loads(said)
    (bad,) = found["reading"]["examples"]
    assert bad.endswith("train.jsonl:121: empty code")
    train = found["duplicates"]["train"]
    assert (train["rows"], train["repeats"], train["involved"]) == (120, 20, 40)
    assert train["functions"] == {"exact": 10, "layout": 10, "near": 10, "renamed": 20}
    assert train["queries"] == 10
    assert train["share"] == pytest.approx(1 / 6)
    batch = next(one for one in found["false_negatives"] if one["batch_size"] == 32)
    assert batch["per_query"] == pytest.approx(31 * (40 / 120) / 119)
    clones = [one for one in found["estimators"] if one["truth"] == "clones"]
    assert {one["estimator"] for one in clones} >= {"bm25", "duplicates"}
    assert next(one for one in clones if one["estimator"] == "duplicates")["precision"] == 1
    assert [one.rpartition("/")[2] for one in found["worst"][0]["where"]] == [
        "train.jsonl:1", "train.jsonl:101"
    ]  # fmt: skip
    folder = clean.parent / "report"
    assert json.loads((folder / "audit.json").read_text()) == found
    assert (folder / "audit.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("kind", ["comment", "train - test"])
def test_strict_fails_on_a_leak_and_names_it(run, clean, kind):
    def plant(rows):
        if kind == "comment":
            return [dict(rows[0], code=f"{rows[0]['code']}    # {rows[0]['query']}"), *rows[1:]]
        return [*rows, *rows_of([115])]

    change(clean / "train.jsonl", plant)
    code, said, _ = run(clean, "--strict", "--estimator", "duplicates")
    assert code == 1
    assert ("queries in their own code: 1" if kind == "comment" else "1 of 10 test rows") in said
    assert "train.jsonl:" in said
    if kind == "comment":
        assert run(clean, "--strict", "--estimator", "duplicates", *STRIPPED)[0] == 0


def test_texts_that_command_a_terminal_are_shown_as_they_are_written(run, clean):
    change(
        clean / "train.jsonl",
        lambda rows: [dict(row, query=f"\x1b[2J {row['query']} [/b]") for row in rows * 2],
    )
    code, said, _ = run(clean, "--estimator", "duplicates")
    assert code == 0
    assert "\x1b" not in said
    assert "\\x1b[2J" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["none"], "none does not exist; check the path"),
        (["SET", "--judged", "none"], "none does not exist; check --judged"),
        (["SET", "--judged", "SET"], "has neither graded judgements"),
        (["SET", "--set", "optim.epochs=2"], "only the settings of data count here"),
        (["SET", "--set", "data.columns.code=body"], "no column 'body' for 'code'"),
        (["SET", "--estimator", "bm26"], "--estimator bm26: unknown"),
        (["SET", "--batch-size", "1"], "greater than or equal to 2"),
    ],
)
def test_a_mistake_is_one_line(run, clean, words, said):
    code, _, complained = run(*(clean if word == "SET" else word for word in words))
    assert code == 2
    errors = [line for line in complained.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert said in errors[0]


def test_a_table_with_columns_of_its_own_is_audited(run, tmp_path):
    rows = [{"question": query(n), "body": function(n)} for n in range(40)]
    lines(tmp_path / "pairs.jsonl", [*rows, rows[0]])
    names = ["--set", "data.columns.query=question", "--set", "data.columns.code=body"]
    code, said, _ = run("pairs.jsonl", *names, "--json", "--estimator", "bm25")
    assert code == 0, said
    found = json.loads(said)
    assert (
        sum(one["repeats"] for name, one in found["duplicates"].items() if name != "codebase") == 1
    )
    assert not [one for one in found["across_splits"] if one["involved"]]


def test_estimators_are_tested_on_what_people_judged(run, clean, tmp_path):
    judged = tmp_path / "judged"
    judged.mkdir()
    lines(judged / "codebase.jsonl", rows_of(range(40)))
    grades = [(n, m, 3 if n == m else 0) for n in range(20) for m in (n, n + 20)]
    text = "".join(f"Python,{query(n)},u/{m},{grade}\n" for n, m, grade in grades)
    (judged / "annotationStore.csv").write_text("Language,Query,GitHubUrl,Relevance\n" + text)
    code, said, _ = run(clean, "--judged", judged, "--estimator", "bm25", "--json")
    assert code == 0, said
    people = [one for one in json.loads(said)["estimators"] if one["truth"] == "people"]
    assert [(one["false"], one["all"]) for one in people] == [(20, 40)]
