import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from softnce.data.tables import rows
from softnce.errors import DataError


def test_csv_lines_are_those_of_an_editor(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b'\xef\xbb\xbfquery,code\r\nq1,"a\r\nb"\r\n\r\nq2,c\r\nq3\r\nq4,\xff\r\n')
    found = list(rows(path))
    assert [row.line for row in found] == [2, 5, 6, 7]
    assert found[0].values == {"query": "q1", "code": "a\r\nb"}
    assert "1 fields" in found[2].fault
    assert "UTF-8" in found[3].fault


def test_a_huge_csv_field_is_read(tmp_path):
    (tmp_path / "a.csv").write_text("query,code\nq," + "x" * 300_000)
    assert len(next(rows(tmp_path / "a.csv")).values["code"]) == 300_000


@pytest.mark.parametrize("sign", [";", "\t"])
def test_other_delimiters_are_seen(tmp_path, sign):
    (tmp_path / "a.csv").write_text(f"query{sign}code\nq{sign}c")
    assert next(rows(tmp_path / "a.csv")).values == {"query": "q", "code": "c"}


@pytest.mark.parametrize(
    ("line", "word"), [(b"{", "not JSON"), (b"[1]", "object"), (b'{"a": "\xff"}', "UTF-8")]
)
def test_a_bad_json_line_is_named(tmp_path, line, word):
    (tmp_path / "a.jsonl").write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n\r\n' + line)
    found = list(rows(tmp_path / "a.jsonl"))
    assert (found[1].line, word in found[1].fault) == (3, True)


def test_truncated_gzip_is_named_with_its_line(tmp_path):
    whole = gzip.compress(b"".join(b'{"a": "%d"}\n' % (i * i) for i in range(9999)))
    (tmp_path / "a.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"a\.jsonl\.gz:\d{3,}: .*cut off"):
        list(rows(tmp_path / "a.jsonl.gz"))


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("a.jsonl.gz", b'{"a": 1}', "not gzip"),
        ("a.parquet", b"PAR1 broken", "parquet"),
        ("a.parquet", b"", "parquet"),
        ("a.docx", b"x", "convert"),
    ],
)
def test_a_damaged_file_is_refused_with_a_way_out(tmp_path, name, content, word):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=word):
        list(rows(tmp_path / name))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        list(rows(tmp_path / "a.csv"))


def test_a_date_beyond_all_calendars_spoils_no_other_column(tmp_path):
    days = pa.array([1, 10**9], pa.int32()).cast(pa.date32())
    moments = pa.array([2**62, 1], pa.int64()).cast(pa.timestamp("us"))
    table = pa.table({"query": ["q1", "q2"], "day": days, "moment": moments})
    pq.write_table(table, tmp_path / "a.parquet")
    found = [row.values for row in rows(tmp_path / "a.parquet")]
    assert [values["query"] for values in found] == ["q1", "q2"]
    assert (found[1]["day"], found[0]["moment"]) == (None, None)
    assert found[0]["day"].year == 1970


def test_a_header_that_names_a_column_twice_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("query,code,query\na,b,c\n")
    with pytest.raises(DataError, match=r"a\.csv:1: the header names query twice; rename one"):
        list(rows(tmp_path / "a.csv"))


def test_a_header_that_is_not_utf_8_is_refused(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"a,\xff\nb,c\n")
    with pytest.raises(DataError, match=r"a\.csv:1: the header is not UTF-8"):
        list(rows(tmp_path / "a.csv"))
