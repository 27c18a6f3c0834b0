import json
import os
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from softnce.data.mining.mine import mine
from softnce.data.pairs import read_pairs
from softnce.data.source_code.docstrings import occurs
from softnce.errors import DataError

SHARED = Path(__file__).resolve().parents[3].parent / "shared" / "data"
real = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared real data sets are not here")
SETS = ["cosqa", "csn-python-mini", "csn-ruby", "csn-python-original", "csn-python-sample100"]
SETS += [f"csn-cloze/{name}" for name in ("python", "java", "javascript", "php", "go")]
SETS += [f"puzzle-six/{name}" for name in ("python", "ruby", "javascript", "java", "php", "go")]


def row(number, **fields):
    body = " ".join(random.Random(number).choices("abcdefghijklmnop", k=40))
    return {"url": f"u{number}", "docstring": f"Do thing number n{number}", "code": body} | fields


def write(path, items):
    lines = (item if isinstance(item, str) else json.dumps(item) for item in items)
    path.write_text("\n".join(lines) + "\n")
    return path


@real
@pytest.mark.parametrize("name", SETS)
def test_a_real_set_is_read_whole_and_without_its_queries(name):
    found = read_pairs(SHARED / name)
    assert found.reading.kept == found.reading.rows
    assert found.reading.repeats <= 2  # in strings that the code uses
    leaks = sum(occurs(pair.query, pair.code) for pair in found.train)
    for queries in (found.valid, found.test):
        assert max(queries.answers, default=0) < max(1, len(found.candidates))
        pairs = zip(queries.texts, queries.answers, strict=True)
        leaks += sum(occurs(text, found.candidates[answer]) for text, answer in pairs)
    assert leaks <= 3


@real
def test_queries_without_code_need_the_codebase():
    with pytest.raises(DataError, match="no codebase file"):
        read_pairs(SHARED / "csn-graphcodebert-queries" / "ruby")


def test_empty_query_code_is_found_in_the_codebase(tmp_path):
    write(tmp_path / "valid.jsonl", [row(1, code="", code_tokens=[]), row(2, code="")])
    write(tmp_path / "codebase.jsonl", [row(n, docstring="") for n in (3, 2, 1)])
    found = read_pairs(tmp_path)
    assert found.valid.answers == (2, 1)
    assert found.candidate_ids == ("u3", "u2", "u1")
    assert (found.train, found.test.texts) == ((), ())


def test_a_candidate_loses_the_query_that_only_the_test_file_knows(tmp_path):
    code = "def f(a):\n    # do thing number n1\n    return a\n"
    write(tmp_path / "test.jsonl", [row(1, code="")])
    write(tmp_path / "codebase.jsonl", [row(1, docstring="", code=code, language="python")])
    assert read_pairs(tmp_path).candidates == ("def f(a):\n    return a\n",)


def test_a_query_outside_the_codebase_is_reported(tmp_path):
    write(tmp_path / "test.jsonl", [row(n) for n in range(20)] + [row(99)])
    write(tmp_path / "codebase.jsonl", [row(n) for n in range(20)])
    found = read_pairs(tmp_path).reading
    assert found.dropped == {"not in the codebase": 1}
    assert found.examples[0].endswith("test.jsonl:21: not in the codebase: u99")


def test_without_a_codebase_valid_and_test_are_searched(tmp_path):
    write(tmp_path / "valid.jsonl", [row(1), row(2)])
    write(tmp_path / "test.jsonl", [row(2), row(3)])
    assert read_pairs(tmp_path).candidate_ids == ("u1", "u2", "u3")


def test_bad_rows_are_counted_and_named(tmp_path):
    bad = ["{", "[]", row(1, code=""), row(2, docstring=""), row(3, code=7), row(4, code="\ud800")]
    path = write(tmp_path / "train.jsonl", [*map(row, range(200)), *bad])
    found = read_pairs(path.parent).reading
    assert (found.rows, found.kept, sum(found.dropped.values())) == (206, 200, 6)
    assert [example.split(":")[-2] for example in found.examples] == [
        str(n) for n in range(201, 207)
    ]


def test_too_many_bad_rows_refuse_the_file(tmp_path):
    write(tmp_path / "train.jsonl", [*map(row, range(8)), "{", "{"])
    with pytest.raises(
        DataError, match=r"2 of 10 rows are bad .*train\.jsonl:9: not JSON; line 10"
    ):
        read_pairs(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("train.jsonl", "", "no rows"),
        ("train.csv", "a,b\n1,2\n", "no column for 'query'"),
        ("notes.txt", "x", "no train, valid or test file"),
    ],
)
def test_a_folder_of_no_use_is_refused_with_a_way_out(tmp_path, name, content, word):
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=word):
        read_pairs(tmp_path)


def test_a_part_given_twice_is_refused(tmp_path):
    for name in ("train.jsonl", "train.csv"):
        (tmp_path / name).write_text("x")
    with pytest.raises(DataError, match="two files for train"):
        read_pairs(tmp_path)


def test_a_mapped_column_that_is_missing_is_named(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("question,answer\nq,c\n")
    with pytest.raises(DataError, match=r"own\.csv:2: no column 'body' for 'code'; .*question"):
        read_pairs(path, columns={"query": "question", "code": "body"})


def own_file(folder, kind):
    items = [{"question": f"What is n{n} for", "body": row(n)["code"]} for n in range(60)]
    path = folder / f"own.{kind}"
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(items), path)
    elif kind == "csv":
        path.write_text(
            "question,body\n" + "\n".join(f"{i['question']},{i['body']}" for i in items)
        )
    else:
        write(path, items)
    return read_pairs(path, columns={"query": "question", "code": "body"})


def test_every_kind_of_file_gives_the_same_set(tmp_path):
    found = [own_file(tmp_path, kind) for kind in ("csv", "jsonl", "parquet")]
    assert len({item.digest for item in found}) == 1
    assert [len(found[0].train), len(found[0].valid.texts), len(found[0].test.texts)] == [48, 6, 6]


def test_mirror_column_names_are_known(tmp_path):
    code = 'def f(a):\n    """Do a thing."""\n    return a\n'
    item = {
        "whole_func_string": code,
        "func_documentation_string": "Do a thing.",
        "func_code_url": "u",
    }
    found = read_pairs(write(tmp_path / "a.jsonl", [item]))
    assert (found.train[0].query, found.train[0].id) == ("Do a thing.", "u")
    assert found.train[0].code == "def f(a):\n    return a\n"


@pytest.mark.parametrize("alike", ["code", "query"])
def test_near_same_codes_and_equal_queries_never_straddle_the_splits(tmp_path, alike):
    items = []
    for family in range(30):
        for member in range(4):
            of_code, of_query = (family, f"{family} {member}"), (f"{family} {member}", family)
            seed, asked = of_code if alike == "code" else of_query
            words = random.Random(seed).choices([f"w{n}" for n in range(999)], k=200)
            words[member * 40] = f"changed{member}"
            items.append({"query": f"find f{asked} please.", "code": " ".join(words)})
    found = read_pairs(write(tmp_path / "a.jsonl", items))
    texts = [[pair.query for pair in found.train], found.valid.texts, found.test.texts]
    parts = [{text.split()[1].strip(".") for text in own} for own in texts]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 30


def test_the_digest_depends_on_texts_not_on_places(tmp_path):
    digests = []
    for folder, code in (("a", "x y z"), ("b", "x y z"), ("c", "x y w")):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / "train.jsonl", [row(1, code=code)])
        digests.append(read_pairs(tmp_path / folder).digest)
    assert digests[0] == digests[1] != digests[2]


def test_columns_that_are_many_long_or_no_text_are_named_in_one_short_line(tmp_path):
    row = {"\ud800": 1, "x" * 10_000: 1} | {f"column{i}": 1 for i in range(1000)}
    (tmp_path / "a.jsonl").write_text(json.dumps(row))
    with pytest.raises(DataError) as caught:
        read_pairs(tmp_path / "a.jsonl")
    message = str(caught.value)
    assert "which of \\ud800, xxx" in message
    assert len(message.encode()) < 1000 + len(str(tmp_path))


def odd_place(folder, kind):
    place = folder / "odd.jsonl"
    if kind == "a loop":
        place.symlink_to(place)
    elif kind == "a pipe":
        os.mkfifo(place)
    elif kind == "a device":
        place.symlink_to("/dev/zero")
    return folder / ("x" * 5000) if kind == "a long name" else place


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ("nothing", "does not exist"),
        ("a loop", "Too many levels"),
        ("a long name", "too long"),
        ("a pipe", "not a file"),
        ("a device", "not a file"),
    ],
)
def test_a_place_that_holds_no_pairs_is_refused(tmp_path, kind, word):
    with pytest.raises(DataError, match=word) as caught:
        read_pairs(odd_place(tmp_path, kind))
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("kind", ["nothing", "a loop", "a long name", "a pipe", "a device"])
def test_a_place_that_holds_no_code_is_refused(tmp_path, kind):
    with pytest.raises(DataError) as caught:
        mine([odd_place(tmp_path, kind)], tmp_path / "out")
    assert len(str(caught.value)) < 500
