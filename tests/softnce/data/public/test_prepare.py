"""Public sets from local files in the schemas they are published in, through the command line."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from softnce.cli import data_app
from softnce.data.pairs import read_pairs
from softnce.data.public.selection import unfit
from softnce.errors import DataError, RunError, SetupError

FIELDS = ("repo", "path", "func_name", "original_string", "language", "code", "code_tokens")
FIELDS += ("docstring", "docstring_tokens", "sha", "url", "partition")
MIRROR = {
    "repo": "repository_name",
    "path": "func_path_in_repository",
    "original_string": "whole_func_string",
    "code": "func_code_string",
    "code_tokens": "func_code_tokens",
    "docstring": "func_documentation_string",
    "docstring_tokens": "func_documentation_tokens",
    "url": "func_code_url",
    "partition": "split_name",
}


def function(number, docstring="Read the rows of table number", language="ruby"):
    words = [*docstring.split(), str(number)]
    code = f"def read{number}(rows)\n  rows.map {{ |row| row + {number} }}\nend"
    values = dict.fromkeys(FIELDS, "x")
    return values | {
        "language": language, "code": code, "original_string": code, "code_tokens": code.split(),
        "docstring": " ".join(words), "docstring_tokens": words, "url": f"u/{number}",
    }  # fmt: skip


def shard(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def raw(folder, parts, language="ruby"):
    for part, rows in parts.items():
        shard(folder / language / "final" / "jsonl" / part / f"{language}_{part}_0.jsonl.gz", rows)
    return folder


def mirrored(folder, parts, language="ruby"):
    for part, rows in parts.items():
        name = "validation" if part == "valid" else part
        path = folder / language / f"{name}-00000-of-00001.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        renamed = [{MIRROR.get(k, k): v for k, v in row.items() if k != "sha"} for row in rows]
        pq.write_table(pa.Table.from_pylist(renamed), path)
    return folder


def lists(folder, **urls):
    (folder / "ruby").mkdir(parents=True)
    for part, listed in urls.items():
        (folder / "ruby" / f"{part}.txt").write_text("\n".join(listed) + "\n")
    return folder


def prepare(out, *words):
    return CliRunner().invoke(
        data_app, ["prepare", *map(str, words), "--out", str(out)], catch_exceptions=False
    )


def lines(path):
    with gzip.open(path, "rt") as file:
        return [json.loads(line) for line in file]


PARTS = {
    "train": [function(n) for n in range(20)],
    "valid": [function(n) for n in range(20, 26)],
    "test": [function(n) for n in range(26, 30)],
}


@pytest.mark.parametrize("kind", [raw, mirrored])
def test_a_list_of_urls_chooses_and_orders_the_filtered_set(tmp_path, kind):
    folder = kind(tmp_path / "set", PARTS)
    kept = lists(
        tmp_path / "urls",
        train=["u/3", "u/1", "u/gone"],
        valid=["u/25", "u/20"],
        test=["u/26"],
        codebase=["u/26", "u/25", "u/20", "u/21"],
    )
    out = tmp_path / "out"
    result = prepare(out, "codesearchnet", "--language", "ruby", "--from", folder, "--urls", kept)
    assert result.exit_code == 0
    assert "1 x urls of train without a function in the files" in result.output
    assert "Warning: other counts than the published set: train 2 (published: 24,927)" in " ".join(
        result.output.split()
    )
    assert [row["url"] for row in lines(out / "train.jsonl.gz")] == ["u/3", "u/1"]
    valid, codebase = lines(out / "valid.jsonl.gz"), lines(out / "codebase.jsonl.gz")
    assert [(row["url"], row["code"], row["code_tokens"]) for row in valid] == [
        ("u/25", "", []), ("u/20", "", [])
    ]  # fmt: skip
    assert [row["url"] for row in codebase] == ["u/26", "u/25", "u/20", "u/21"]
    assert {row["docstring"] for row in codebase} == {""}
    found = read_pairs(out)
    assert (len(found.train), found.valid.answers, found.test.answers) == (2, (1, 2), (0,))
    manifest = json.loads((out / "prepared.json").read_text())
    assert manifest["counts"] == {"train": 2, "valid": 2, "test": 1, "codebase": 4}


def test_without_lists_the_rules_of_the_filtered_set_choose(tmp_path):
    unfit = {
        "two": "Too short",
        "address": "See https: //example.org for more of it",
        "foreign": "Gibt die Liste der Namen und das Alter",
    }
    bad = [function(100 + n, text) for n, text in enumerate(unfit.values())]
    bad[0]["docstring_tokens"] = ["Too", "short"]
    broken = function(200) | {"code": "def read(((\n  end end"}
    folder = raw(tmp_path / "set", PARTS | {"train": [*PARTS["train"], *bad, broken, function(3)]})
    result = prepare(tmp_path / "out", "codesearchnet", "--language", "ruby", "--from", folder)
    said = " ".join(result.output.split())
    for reason in ("of 3 to 256 words", "an address", "look English", "be parsed", "seen before"):
        assert f"{reason}" in said, reason
    assert len(lines(tmp_path / "out" / "train.jsonl.gz")) == 20
    assert len(lines(tmp_path / "out" / "codebase.jsonl.gz")) == 10


def test_the_raw_protocol_takes_every_row(tmp_path):
    folder = raw(tmp_path / "set", PARTS | {"train": [function(1, "No")]})
    words = ("--language", "ruby", "--protocol", "raw", "--from", folder)
    assert "train 1 (published: 48,791)" in " ".join(
        prepare(tmp_path / "out", "codesearchnet", *words).output.split()
    )
    assert lines(tmp_path / "out" / "valid.jsonl.gz")[0] == PARTS["valid"][0]


def test_an_address_below_the_summary_keeps_no_function_out(tmp_path):
    told = function(1)
    told["docstring"] += "\n\nSee https://example.org"
    raw(tmp_path / "set", PARTS | {"train": [told]})
    prepare(tmp_path / "out", "codesearchnet", "--language", "ruby", "--from", tmp_path / "set")
    assert lines(tmp_path / "out" / "train.jsonl.gz") == [told]


def test_every_function_of_the_published_set_fits_the_rules(real_data):
    folder = real_data / "csn-ruby"
    rows = [
        row for part in ("train", "valid", "test") for row in lines(folder / f"{part}.jsonl.gz")
    ]
    assert len(rows) == 1400
    assert {unfit(row, "ruby") for row in rows} == {""}


def test_only_the_folder_of_the_language_is_read(tmp_path):
    folder = raw(tmp_path / "set", PARTS)
    other = {"train": [function(900 + n, language="go") for n in range(5)]}
    raw(folder, other, "go")
    prepare(tmp_path / "out", "codesearchnet", "--language", "ruby", "--from", folder)
    assert len(lines(tmp_path / "out" / "train.jsonl.gz")) == 20


def test_strict_refuses_other_counts_and_writes_nothing(tmp_path):
    folder = raw(tmp_path / "set", PARTS)
    with pytest.raises(RunError, match="other counts than the published set: train 20") as caught:
        prepare(tmp_path / "out", "codesearchnet", "--language", "ruby", "--from", folder,
                "--strict")  # fmt: skip
    assert caught.value.exit_code == 1
    assert [one.name for one in tmp_path.iterdir()] == ["set"]


def test_a_folder_in_graphcodebert_layout_is_taken_as_it_is(tmp_path):
    for part in ("train", "valid", "test", "codebase"):
        shard(tmp_path / "set" / "ruby" / f"{part}.jsonl.gz", [function(1)])
    prepare(tmp_path / "out", "codesearchnet", "--language", "ruby", "--from", tmp_path / "set")
    assert lines(tmp_path / "out" / "valid.jsonl.gz") == [function(1)]
    with pytest.raises(DataError, match="a set with a codebase is the filtered one"):
        prepare(tmp_path / "raw", "codesearchnet", "--language", "ruby", "--protocol", "raw",
                "--from", tmp_path / "set")  # fmt: skip


def test_the_set_of_web_queries_is_joined_from_its_parquet(tmp_path):
    codes = [{"_id": f"d{n}", "text": f"def f{n}(): pass"} for n in range(3)]
    tables = {
        "corpus/corpus-00000-of-00001": codes,
        "queries/queries-00000-of-00001": [{"_id": f"q{n}", "text": f"to {n}"} for n in range(4)],
        "data/train-00000-of-00001": [{"query-id": "q0", "corpus-id": "d2", "score": 1},
                                      {"query-id": "q3", "corpus-id": "d2", "score": 0}],
        "data/valid-00000-of-00001": [{"query-id": "q1", "corpus-id": "d1", "score": 1}],
        "data/test-00000-of-00001": [{"query-id": "q2", "corpus-id": "d0", "score": 1}],
    }  # fmt: skip
    for name, rows in tables.items():
        path = tmp_path / "set" / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows), path)
    result = prepare(tmp_path / "out", "cosqa", "--from", tmp_path / "set")
    said = " ".join(result.output.split())
    assert "1 x code that does not answer its query" in said
    assert "train 2 (published: 19,604)" in said  # both answers of people are published rows
    found = read_pairs(tmp_path / "out")
    assert (found.train[0].query, found.train[0].code) == ("to 0", "def f2(): pass")
    assert (found.valid.answers, found.test.answers, len(found.candidates)) == ((1,), (0,), 3)


def test_without_the_hub_one_line_says_how_to_go_on(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(
        SetupError, match=r"code_search_net: .*; fetch its files elsewhere"
    ) as caught:
        prepare(tmp_path / "out", "codesearchnet", "--language", "go")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def damaged(folder):
    path = raw(folder, PARTS) / "ruby" / "final" / "jsonl" / "valid" / "ruby_valid_0.jsonl.gz"
    path.write_bytes(path.read_bytes()[:-20])


def without_urls(folder):
    raw(folder, {"train": [{"code": "x", "docstring": "Do it now please"}]})


def empty(folder):
    folder.mkdir()


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (damaged, r"ruby_valid_0\.jsonl\.gz:\d+: the gzip data is damaged"),
        (without_urls, r"ruby_train_0\.jsonl\.gz:1: no url"),
        (empty, "holds no ruby table"),
    ],
)
def test_what_is_no_public_set_is_refused_and_nothing_is_written(tmp_path, make, word):
    make(tmp_path / "set")
    with pytest.raises(DataError, match=word):
        prepare(tmp_path / "out", "codesearchnet", "--language", "ruby", "--from",
                tmp_path / "set")  # fmt: skip
    assert [one.name for one in tmp_path.iterdir()] == ["set"]


def test_a_folder_that_holds_other_things_is_left_alone(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("x")
    with pytest.raises(DataError, match="holds files that were not prepared here"):
        prepare(tmp_path / "out", "codesearchnet", "--from", raw(tmp_path / "set", PARTS))


@pytest.mark.parametrize("kind", [raw, mirrored])
def test_real_rows_give_the_published_queries_in_their_order(real_data, tmp_path, kind):
    rows = [row for part in ("train", "valid", "test")
            for row in lines(real_data / "csn-ruby" / f"{part}.jsonl.gz")]  # fmt: skip
    folder = kind(tmp_path / "set", {"valid": sorted(rows, key=lambda row: row["url"])})
    urls = real_data / "csn-graphcodebert-urls"
    prepare(tmp_path / "out", "codesearchnet", "--language", "ruby", "--from", folder,
            "--urls", urls)  # fmt: skip
    published = lines(real_data / "csn-graphcodebert-queries" / "ruby" / "valid.jsonl.gz")
    found = lines(tmp_path / "out" / "valid.jsonl.gz")
    assert [
        {**row, "sha": one["sha"]} for row, one in zip(found, published, strict=True)
    ] == published
    counts = json.loads((tmp_path / "out" / "prepared.json").read_text())["differences"]
    assert not [one for one in counts if one.startswith("valid")]
