"""Reads the rows of a table file (JSON lines, CSV, TSV, parquet) with the line each one is on."""

import csv
import gzip
import io
import json
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from softnce.errors import DataError

MAX_LINE = 2**26  # bytes of one line, so that no file can fill the memory
_LONGEST = 300  # characters of a path in a message about one that cannot be


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the line it starts on (parquet: its number), and its values or what is wrong."""

    line: int
    values: Mapping[str, Any]
    fault: str = ""


def require_there(path: Path, cure: str) -> None:
    """Refuse a path where nothing lies.

    Raises:
        DataError: there is nothing, or the system cannot tell: a loop of links, a name too long.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise DataError(f"{path} does not exist", cure) from error
    except OSError as error:
        name = f"{path}"
        shown = name if len(name) <= _LONGEST else name[:_LONGEST] + "..."
        raise DataError(f"{shown}: {error.strerror or error}", cure) from error


def rows(path: Path) -> Iterator[Row]:
    """Read a table file row by row; a row that cannot be read comes with its fault.

    Raises:
        DataError: the file as a whole cannot be read: missing, of an unknown kind, damaged.
    """
    read = READERS.get(Path(path.name.lower().removesuffix(".gz")).suffix)
    if read is None:
        known = ", ".join(READERS)
        raise DataError(
            f"{path}: not a kind of table that can be read",
            f"convert it to one of {known}",
        )
    require_there(path, "check the path")
    if not path.is_file():
        raise DataError(f"{path} is a folder, a pipe or a device, not a file", "name a file")
    line = 0
    try:
        for row in read(path):
            line = row.line
            yield row
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            f"{path}:{line + 1}: the gzip data is damaged or cut off",
            "fetch it anew",
        ) from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


def _opened(path: Path) -> gzip.GzipFile | io.BufferedReader:
    if path.suffix.lower() != ".gz":
        return path.open("rb")
    with path.open("rb") as file:
        magic = file.read(2)
    if magic and magic != b"\x1f\x8b":
        raise DataError(
            f"{path} is named .gz but is not gzip",
            "rename it, or compress it",
        )
    return gzip.GzipFile(path, "rb")


def _json_lines(path: Path) -> Iterator[Row]:
    with _opened(path) as file:
        for line, content in enumerate(_bounded_lines(file), 1):
            if content is None:
                yield Row(line, {}, f"a line of more than {MAX_LINE // 2**20} MB")
                continue
            text = content.removeprefix(b"\xef\xbb\xbf") if line == 1 else content
            if text.strip():
                yield _json_row(line, text)


def _bounded_lines(file: gzip.GzipFile | io.BufferedReader) -> Iterator[bytes | None]:
    """Yield the lines of a file; None stands for one that is too long, which is passed over."""
    while content := file.readline(MAX_LINE + 1):
        if len(content) <= MAX_LINE:
            yield content
            continue
        while content and not content.endswith(b"\n"):
            content = file.readline(MAX_LINE + 1)
        yield None


def _json_row(line: int, content: bytes) -> Row:
    try:
        values = json.loads(content.decode())
    except UnicodeDecodeError:
        return Row(line, {}, "not UTF-8")
    except (ValueError, RecursionError):
        return Row(line, {}, "not JSON")
    if not isinstance(values, dict):
        return Row(line, {}, "not a JSON object; one {...} per line is needed")
    return Row(line, values)


def _delimited(path: Path) -> Iterator[Row]:
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    with _opened(path) as raw:
        text = io.TextIOWrapper(raw, "utf-8-sig", errors="surrogateescape", newline="")
        head = text.readline(MAX_LINE)
        if not head.strip():
            return
        delimiter = max("\t;,", key=head.count)
        header = next(csv.reader([head], delimiter=delimiter))
        if _is_broken(header):
            raise DataError(f"{path}:1: the header is not UTF-8", "save the table in UTF-8")
        twice = next((name for name in header if name.strip() and header.count(name) > 1), None)
        if twice is not None:
            raise DataError(
                f"{path}:1: the header names {twice} twice", "rename one of the columns"
            )
        yield from _csv_rows(csv.reader(_short_lines(text, path), delimiter=delimiter), header)


def _short_lines(text: io.TextIOWrapper, path: Path) -> Iterator[str]:
    """Yield the lines below a table's header.

    Raises:
        DataError: one is too long: where it ends, a table of quoted texts does not show.
    """
    line = 1
    while content := text.readline(MAX_LINE + 1):
        line += 1
        if len(content) > MAX_LINE:
            raise DataError(
                f"{path}:{line}: a line of more than {MAX_LINE // 2**20} MB",
                "split the table, or write it anew",
            )
        yield content


def _csv_rows(reader: Any, header: list[str]) -> Iterator[Row]:  # noqa: ANN401 - csv names no type
    start = 2
    while True:
        try:
            fields = next(reader, None)
        except csv.Error as error:
            yield Row(start, {}, f"not CSV: {error}")
            start = reader.line_num + 2
            continue
        if fields is None:
            return
        if fields:
            yield _csv_row(start, fields, header)
        start = reader.line_num + 2


def _is_broken(fields: list[str]) -> bool:
    return any(
        "\udc80" <= char <= "\udcff" for field in fields for char in field if char > "\ud7ff"
    )


def _csv_row(line: int, fields: list[str], header: list[str]) -> Row:
    if len(fields) != len(header):
        return Row(line, {}, f"{len(fields)} fields where the header has {len(header)}")
    if _is_broken(fields):
        return Row(line, {}, "not UTF-8")
    return Row(line, dict(zip(header, fields, strict=True)))


def _parquet(path: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        line = 0
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1024):
                columns = [_column(values) for values in batch.columns]
                for fields in zip(*columns, strict=True):
                    line += 1
                    yield Row(line, dict(zip(batch.schema.names, fields, strict=True)))
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise DataError(
            f"{path}: not a sound parquet file ({error})",
            "write it anew",
        ) from error


def _column(values: Any) -> list[Any]:  # noqa: ANN401 - pyarrow names no type
    """Read a parquet column; a value that Python cannot hold, such as a far date, is none."""
    try:
        return list(values.to_pylist())
    except UnicodeDecodeError:
        raise
    except (ValueError, OverflowError):
        return [_value(one) for one in values]


def _value(scalar: Any) -> Any:  # noqa: ANN401 - likewise
    try:
        return scalar.as_py()
    except (ValueError, OverflowError):
        return None


READERS: dict[str, Callable[[Path], Iterator[Row]]] = {
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".json": _json_lines,
    ".csv": _delimited,
    ".tsv": _delimited,
    ".parquet": _parquet,
}
