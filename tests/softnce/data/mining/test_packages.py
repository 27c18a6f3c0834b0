import gzip
import json

import pytest

from softnce.data.mining.mine import mine
from softnce.data.mining.sources import sources
from softnce.data.source_code.languages.python import PYTHON


def function(number):
    body = "".join(f"    v{i} = a{number} + b{i * number}\n" for i in range(4))
    doc = f"Compute thing number {number}."
    return f'def compute_{number}(a):\n    """{doc}"""\n{body}    return a\n\n'


def records(out):
    for path in out.glob("*.jsonl.gz"):
        with gzip.open(path) as file:
            yield from map(json.loads, file)


def packages(folder, count):
    for number in range(count):
        for part in ("a", "b"):
            path = folder / f"owner{number % 2}" / f"p{number}" / "src" / f"{part}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(function(100 * number + ord(part)))
    return folder


@pytest.mark.parametrize(("count", "unit"), [(19, "file"), (20, "package")])
def test_splits_are_by_repository_where_there_are_twenty(tmp_path, count, unit):
    source = packages(tmp_path / "code", count)
    for owner in source.iterdir():
        for checkout in owner.iterdir():
            (checkout / ".git").mkdir()
    report = mine([source], tmp_path / "out", workers=1)
    assert (report.split_by, report.packages) == (unit, count)
    splits = {}
    for record in records(tmp_path / "out"):
        splits.setdefault(record["repo"], set()).add(record["partition"])
    assert set(splits) == {f"owner{number % 2}/p{number}" for number in range(count)}
    assert (max(map(len, splits.values())) == 1) == (unit == "package")


def test_several_checkouts_are_a_package_each(tmp_path):
    source = packages(tmp_path / "code", 20)
    checkouts = sorted(source.glob("*/p*"))
    for checkout in checkouts:
        (checkout / ".git").write_text("gitdir: elsewhere")
    report = mine(checkouts, tmp_path / "out", workers=1)
    assert (report.split_by, report.packages) == ("package", 20)
    assert {record["repo"] for record in records(tmp_path / "out")} == {c.name for c in checkouts}


def test_an_installed_package_goes_by_its_folder_or_its_module(tmp_path):
    source = packages(tmp_path / "site-packages", 3)
    (source / "one.py").write_text(function(991))
    names = {one.package for one in sources([source], [PYTHON], seed=0).files}
    assert names == {"owner0", "owner1", "one"}


LEAKS = {
    "a comment": "b = a  # the rows are sorted by age\n    c = b",
    "a wrapped comment": "# The rows are\n    # sorted by age.\n    b = a\n    c = b",
    "a bare string": 'b = a\n    "the rows are sorted by age"\n    c = b',
}


@pytest.mark.parametrize("leak", LEAKS.values(), ids=LEAKS)
def test_no_comment_keeps_another_line_of_the_docstring(tmp_path, leak):
    doc = 'def f(a):\n    """Give the table back.\n\n    The rows are sorted by age.\n    """\n'
    (tmp_path / "a.py").write_text(f"{doc}    {leak}\n    return c\n")
    mine([tmp_path], tmp_path / "out")
    (code,) = [record["code"] for record in records(tmp_path / "out")]
    assert code.split() == ["def", "f(a):", "b", "=", "a", "c", "=", "b", "return", "c"]


def test_a_string_in_use_that_holds_a_line_of_the_docstring_drops_the_function(tmp_path):
    source = packages(tmp_path / "code", 2)
    doc = '    """Give the table back.\n\n    The rows: sorted by age, x : list of int.\n    """\n'
    body = '    b = log("the rows: " "sorted by age, x list of int")\n    return b, a\n'
    (source / "odd.py").write_text(f"def f(a):\n{doc}{body}")
    assert mine([source], tmp_path / "out").dropped == {"docstring repeated in the code": 1}


def test_an_annotation_that_the_docstring_repeats_stays(tmp_path):
    doc = 'def f(rows: list[int]):\n    """Sort them all now.\n\n    rows : list[int]\n    """\n'
    (tmp_path / "a.py").write_text(f"{doc}    b = rows\n    return b\n")
    mine([tmp_path], tmp_path / "out")
    (code,) = [record["code"] for record in records(tmp_path / "out")]
    assert code.startswith("def f(rows: list[int]):\n    b = rows")
