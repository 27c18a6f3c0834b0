"""Throws generated text at what users write; whatever is wrong with it, the errors are our own.

SOFTNCE_FUZZ sets the number of examples of each test.
"""

import io
import json
import os
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from softnce.config.file import all_paths, load_config, to_yaml
from softnce.data.pairs import read_pairs
from softnce.errors import SoftnceError

EXAMPLES = int(os.environ.get("SOFTNCE_FUZZ", "40"))
FUZZ = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None
)

WORDS = (
    "null ~ true 0 -1 3 1e-3 1.5 .inf -.nan 0x1F 0o17 1_000 1:30 2026-01-01 2026-13-45 = << !!int "
    "!!binary !!set !!timestamp !!python/name:os.system *a &a @environment ~root ./x '' "
    '"" "\\ud800" "\\0" 12345678901234567890123 - ? | > # % \t é 漢 infonce soft-infonce mixture '
    "static transformer train real choice log when tie"
)
SCALARS = st.sampled_from(WORDS.split(" ")) | st.text(max_size=8)
ODD_KEYS = ("loss/temperature", "encoder/model", "1", "null", "? [a]", "&a b", "*a", "<<", "real")
KEYS = st.sampled_from(
    [*sorted({part for path in all_paths() for part in path.split("/")}), *ODD_KEYS]
)
SETTINGS = st.sampled_from(
    [path.replace("/", ".") for path in all_paths()] + ["", "a", "search.space.x", "data"]
)


def flows(inner):
    pairs = st.tuples(KEYS | SCALARS, inner).map(": ".join)
    return (
        st.lists(inner, max_size=4).map(lambda parts: f"[{', '.join(parts)}]")
        | st.lists(pairs, max_size=4).map(lambda parts: f"{{{', '.join(parts)}}}")
        | st.tuples(st.sampled_from(["&a ", "!!set ", "!!omap ", "!!map ", "!!seq "]), inner).map(
            "".join
        )
    )


FLOWS = st.recursive(SCALARS, flows, max_leaves=12)


def blocks(inner):
    def block(pairs):
        return "\n" + "\n".join(
            f"{key}:{value if value.startswith(chr(10)) else ' ' + value}" for key, value in pairs
        ).replace("\n", "\n  ")

    return st.lists(st.tuples(KEYS, inner), min_size=1, max_size=4).map(block)


DOCUMENTS = (
    st.recursive(FLOWS, blocks, max_leaves=12).map(lambda text: text.replace("\n  ", "\n"))
    | st.lists(st.tuples(KEYS, FLOWS), max_size=5).map(
        lambda pairs: "data: {path: pairs}\n" + "\n".join(": ".join(pair) for pair in pairs)
    )
    | st.text()
)


def ours(work, *args):
    """Run something; return what it gives, or the message of our own error."""
    try:
        return work(*args)
    except SoftnceError as error:
        message = str(error)
        message.encode()
        assert message.strip()
        assert len(message) < 20_000
        return message


def config_of(content, changes=()):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.yaml"
        path.write_bytes(content)
        return ours(load_config, path, changes)


@FUZZ
@given(text=DOCUMENTS)
def test_any_yaml_is_a_configuration_or_refused(text):
    config = config_of(text.encode(errors="surrogatepass"))
    if not isinstance(config, str):
        assert config_of(to_yaml(config).encode()) == config


@FUZZ
@given(content=st.binary(max_size=60))
def test_any_bytes_are_a_configuration_or_refused(content):
    assert config_of(content)


@FUZZ
@given(
    changes=st.lists(
        st.tuples(SETTINGS, FLOWS | st.text(st.characters())).map("=".join) | st.text(), max_size=3
    )
)
def test_any_setting_is_taken_or_refused(changes):
    config = config_of(b"data: {path: pairs}", changes)
    if not isinstance(config, str):
        assert config_of(to_yaml(config).encode()) == config


COLUMNS = st.sampled_from(
    [*("query", "code", "id", "url", "language", "negatives"), *("docstring", "code_tokens", "x")]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from(
        [
            'def f(a):\n    """Do it now, please."""\n    return a',
            "// Do it now\nf();",
            "[1",
            '["a"]',
            "\ud800",
        ]
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)
ROWS = st.dictionaries(COLUMNS, VALUES, max_size=5).map(
    lambda row: {"query": "do it now", "code": "def f(a):\n  return a"} | row
)
LINES = (
    ROWS.map(lambda row: json.dumps(row).encode())
    | st.binary(max_size=40)
    | st.text(max_size=40).map(lambda text: text.encode(errors="surrogatepass"))
)


def read(name, content, negatives):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        return ours(
            lambda: read_pairs(path, max_bad_share=1.0, negatives=negatives, language="python")
        )


def check(found):
    if not isinstance(found, str):
        assert found.digest
        assert found.reading.rows >= len(found.train)
        "".join(pair.query + pair.code + pair.id for pair in found.train).encode()


@FUZZ
@given(lines=st.lists(LINES, max_size=6), negatives=st.sampled_from([0, 0, 1]))
def test_any_json_lines_are_pairs_or_refused(lines, negatives):
    check(read("a.jsonl", b"\n".join(lines), negatives))


CELLS = st.sampled_from(
    [
        "query",
        "code",
        "url",
        '"',
        '""',
        '"a\nb"',
        "def f(a):",
        "\r",
        "\x00",
        "é",
        "=1+1",
        "x" * 200,
        "",
    ]
) | st.text(max_size=20)
TABLES = st.lists(st.lists(CELLS, min_size=1, max_size=4).map(",".join), max_size=6).map("\n".join)


@FUZZ
@given(
    head=st.sampled_from(
        ["query,code\n", "query;code;url\n", "query\tcode\n", '"query","code"\r\n', ""]
    ),
    table=TABLES.map(lambda text: text.encode(errors="surrogatepass")) | st.binary(max_size=80),
    negatives=st.sampled_from([0, 0, 1]),
)
def test_any_csv_is_pairs_or_refused(head, table, negatives):
    check(read("a.csv", head.encode() + table, negatives))


@pytest.mark.parametrize("kind", ["jsonl", "csv", "tsv", "json", "jsonl.gz", "parquet"])
@FUZZ
@given(content=st.binary(max_size=60))
def test_any_bytes_are_pairs_or_refused(kind, content):
    check(read(f"a.{kind}", content, 0))


CELLS_OF_PARQUET = st.sampled_from(["do it now", "def f(a):\n  return a", "", "\0", "é", None])


@pytest.fixture(scope="module")
def a_table():
    """Return the bytes of a sound parquet file with columns of several kinds."""
    many = 40
    columns = {
        "query": [f"do it now, {number} times" for number in range(many)],
        "code": [f"def f{number}(a):\n  return a + {number}" for number in range(many)],
        "negatives": [["def g(b):\n  return b"]] * many,
        "day": pa.array(range(many), pa.date32()),
        "kind": pa.array(["x", None] * (many // 2)).dictionary_encode(),
    }
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


@FUZZ
@given(data=st.data())
def test_a_damaged_parquet_file_is_pairs_or_refused(a_table, data):
    content = bytearray(a_table)
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    check(read("a.parquet", bytes(content[: data.draw(st.integers(0, len(content)))]), 0))
    check(read("a.parquet", bytes(content), data.draw(st.sampled_from([0, 1]))))


@FUZZ
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {"query": CELLS_OF_PARQUET, "code": CELLS_OF_PARQUET},
            optional={
                "negatives": st.lists(CELLS_OF_PARQUET, max_size=2),
                "id": st.binary(max_size=3),
            },
        ),
        max_size=4,
    )
)
def test_any_parquet_table_is_pairs_or_refused(rows):
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    check(read("a.parquet", sink.getvalue(), 0))
