"""Hard negatives of a data set: one code or a list of them, cleaned like code, counted per row."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from softnce.data.pairs import read_pairs
from softnce.errors import DataError

COLUMNS = {"query": "question", "code": "body", "negatives": "wrong"}


def row(number, negatives, **fields):
    body = f"def f{number}(a, b):\n    total{number} = a * {number}\n    return total{number} - b"
    return {
        "url": f"u{number}",
        "docstring": f"Do thing number n{number}",
        "code": body,
        "negatives": negatives,
    } | fields


def two_for(number):
    return [f"def g{number}(): return {number}", f"def h{number}(): pass"]


def written(path, rows):
    path.write_text("\n".join(json.dumps(one) for one in rows) + "\n")
    return path


def folder_of(tmp_path, train):
    written(tmp_path / "train.jsonl", train)
    written(tmp_path / "valid.jsonl", [row(900, None)])
    return tmp_path


def test_a_list_gives_as_many_as_are_requested_in_its_order(tmp_path):
    folder = folder_of(tmp_path, [row(n, two_for(n)) for n in range(3)])
    for count in (0, 1, 2):
        pairs = read_pairs(folder, negatives=count).train
        assert [pair.negatives for pair in pairs] == [tuple(two_for(n)[:count]) for n in range(3)]


@pytest.mark.parametrize("code", ["def g(): return 0", "[1, 2]", "[x]"])
def test_one_text_is_one_negative(tmp_path, code):
    folder = folder_of(tmp_path, [row(0, code)])
    assert read_pairs(folder, negatives=1).train[0].negatives == (code,)


def test_negatives_lose_docstring_and_query_as_codes_do(tmp_path):
    wrong = 'def g(a):\n    """Do another thing."""\n    # do thing number n0\n    return a'
    folder = folder_of(tmp_path, [row(0, wrong)])
    assert read_pairs(folder, negatives=1).train[0].negatives == ("def g(a):\n    return a",)


def own_table(folder, kind):
    rows = [
        {"question": f"What is n{n} for", "body": row(n, "")["code"], "wrong": two_for(n)}
        for n in range(60)
    ]
    path = folder / f"own.{kind}"
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif kind == "csv":
        import csv

        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(one | {"wrong": json.dumps(one["wrong"])} for one in rows)
    else:
        written(path, rows)
    return read_pairs(path, columns=COLUMNS, negatives=2)


def test_every_kind_of_file_gives_the_same_negatives_under_a_name_of_ones_own(tmp_path):
    found = [own_table(tmp_path, kind) for kind in ("csv", "jsonl", "parquet")]
    assert len({pairs.digest for pairs in found}) == 1
    assert all(len(pair.negatives) == 2 for pair in found[0].train)


def test_a_string_column_of_a_csv_is_one_negative(tmp_path):
    path = tmp_path / "own.csv"
    lines = [f"What is n{n} for,{' '.join('abc' * 9 + str(n))},[x for x in y{n}]" for n in range(9)]
    path.write_text("question,body,wrong\n" + "\n".join(lines))
    pairs = read_pairs(path, columns=COLUMNS, negatives=1).train
    assert all(pair.negatives[0].startswith("[x for x in y") for pair in pairs)


@pytest.mark.parametrize(
    ("negatives", "left"),
    [
        (None, 0),
        ([], 0),
        (["", "  "], 0),
        (["def g(): pass"], 1),
        (["def g(): pass", "def g(): pass"], 1),
        (["def g(): pass", row(1, None)["code"]], 1),
        (["def g(): pass", None], 1),
    ],
)
def test_too_few_usable_negatives_are_named_by_file_and_line(tmp_path, negatives, left):
    folder = folder_of(tmp_path, [row(0, two_for(0)), row(1, negatives)])
    said = rf"train\.jsonl:2: too few hard negatives: {left} usable, data.negatives asks for 2"
    with pytest.raises(DataError, match=said):
        read_pairs(folder, negatives=2)


def test_a_few_rows_without_enough_negatives_are_dropped_and_counted(tmp_path):
    folder = folder_of(tmp_path, [row(n, two_for(n) if n else None) for n in range(40)])
    pairs = read_pairs(folder, negatives=2)
    assert len(pairs.train) == 39
    assert pairs.reading.dropped == {"too few hard negatives": 1}
    assert "train.jsonl:1: too few hard negatives" in pairs.reading.examples[0]


@pytest.mark.parametrize("negatives", [7, ["def g(): pass", 7], {"code": "x"}])
def test_what_is_no_code_is_named_by_file_and_line(tmp_path, negatives):
    folder = folder_of(tmp_path, [row(0, negatives)])
    with pytest.raises(DataError, match=r"train\.jsonl:1: negatives is .*a list of codes"):
        read_pairs(folder, negatives=1)


@pytest.mark.parametrize("negatives", [7, None, "half \ud800 of a pair"])
def test_negatives_that_nobody_asks_for_are_not_looked_at(tmp_path, negatives):
    folder = folder_of(tmp_path, [row(0, negatives)])
    assert read_pairs(folder).train[0].negatives == ()


def test_half_of_a_surrogate_pair_is_refused(tmp_path):
    folder = folder_of(tmp_path, [row(0, "half \ud800 of a pair")])
    with pytest.raises(DataError, match=r"train\.jsonl:1: broken Unicode"):
        read_pairs(folder, negatives=1)


def test_a_mapped_column_is_needed_where_it_is_read_only(tmp_path):
    folder = folder_of(tmp_path, [row(0, None, wrong=two_for(0))])
    assert read_pairs(folder, columns={"negatives": "wrong"}, negatives=2).train[0].negatives
    with pytest.raises(DataError, match="no column 'bad' for 'negatives'"):
        read_pairs(folder, columns={"negatives": "bad"}, negatives=2)
    assert read_pairs(folder, columns={"negatives": "bad"}).train


def test_the_digest_knows_the_negatives_and_is_the_old_one_without(tmp_path):
    folder = folder_of(tmp_path, [row(n, two_for(n)) for n in range(3)])
    bare = tmp_path / "bare"
    bare.mkdir()
    folder_of(bare, [row(n, None) for n in range(3)])
    assert read_pairs(folder).digest == read_pairs(bare).digest
    assert len({read_pairs(folder, negatives=count).digest for count in (0, 1, 2)}) == 3
