import ast
import gzip
import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softnce.data.dedup import code_tokens, likeness, shingles
from softnce.data.mining.mine import mine
from softnce.data.mining.sources import environment_packages, sources
from softnce.data.pairs import read_pairs
from softnce.data.source_code.docstrings import occurs
from softnce.data.source_code.languages.python import PYTHON
from softnce.errors import DataError

PACKAGES = environment_packages()[0]


def function(number, doc="Compute thing number"):
    body = "".join(f"    v{i} = a{number} + b{i * number}\n" for i in range(4))
    return f'def compute_{number}(a):\n    """{doc} {number}."""\n{body}    return a\n\n'


def project(folder, files=12):
    for number in range(files):
        path = folder / "src" / f"part{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(function(10 * number + i) for i in range(1, 5)))
    return folder / "src"


def contents(out):
    return {path.name: path.read_bytes() for path in out.iterdir() if path.suffix == ".gz"}


@pytest.fixture(scope="module")
def mined(tmp_path_factory):
    out = tmp_path_factory.mktemp("mined") / "set"
    return mine([PACKAGES], out, max_pairs=3000), read_pairs(out)


def test_no_code_mined_from_installed_packages_holds_its_query(mined):
    _, found = mined
    texts = [(pair.query, pair.code) for pair in found.train]
    for queries in (found.valid, found.test):
        pairs = zip(queries.texts, queries.answers, strict=True)
        texts += [(text, found.candidates[answer]) for text, answer in pairs]
    assert len(texts) > 2500
    assert not [query for query, code in texts if occurs(query, code)]


def test_no_mined_function_has_a_docstring_left(mined):
    for pair in mined[1].train:
        try:
            definition = ast.parse(pair.code).body[0]
        except SyntaxError:  # a multi-line string at the left margin, or another Python's syntax
            continue
        assert ast.get_docstring(definition) is None


def test_a_mined_set_is_read_back_as_it_was_reported(mined):
    report, found = mined
    assert found.digest == report.digest
    assert found.reading.kept == found.reading.rows
    counts = (len(found.train), len(found.valid.texts), len(found.test.texts))
    assert counts == tuple(report.pairs.values())
    assert counts[0] > 0.75 * sum(counts)


def test_no_file_straddles_splits(mined):
    _, found = mined
    train = {pair.id.split("#")[0] for pair in found.train}
    assert not train & {name.split("#")[0] for name in found.candidate_ids}


def test_no_package_straddles_splits_where_there_are_enough(mined):
    report, found = mined
    train = {pair.id.split("#")[0].split("/")[0] for pair in found.train}
    held = {name.split("#")[0].split("/")[0] for name in found.candidate_ids}
    assert report.split_by == "package"
    assert report.packages == len(train | held) > 50
    assert not train & held
    largest = Counter(name.split("/")[0] for name in found.candidate_ids).most_common(1)[0][1]
    assert largest <= 0.25 * len(found.valid.texts) + 1
    assert found.valid.texts


def test_no_near_duplicate_straddles_splits(mined):
    _, found = mined
    train = [shingles(code_tokens(pair.code)) for pair in found.train[:600]]
    held = [shingles(code_tokens(code)) for code in found.candidates[:60]]
    assert max(likeness(left, right) for left in train for right in held) < 0.9


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("cap", [None, 17])
def test_workers_and_places_change_nothing(tmp_path, workers, cap):
    here = mine([project(tmp_path / "a", 70)], tmp_path / "x", max_pairs=cap, workers=1)
    there = mine([project(tmp_path / "b", 70)], tmp_path / "y", max_pairs=cap, workers=workers)
    assert here.digest == there.digest
    assert contents(tmp_path / "x") == contents(tmp_path / "y")


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 999), cap=st.integers(4, 60))
def test_any_seed_and_cap_keep_files_whole(tmp_path_factory, seed, cap):
    folder = tmp_path_factory.mktemp("any")
    mine([project(folder)], folder / "out", seed=seed, max_pairs=cap, workers=1)
    found = read_pairs(folder / "out")
    train = {pair.id.split("#")[0] for pair in found.train}
    assert not train & {name.split("#")[0] for name in found.candidate_ids}
    assert len(found.train) + len(found.candidates) <= cap


def test_every_drop_has_its_reason(tmp_path):
    source = project(tmp_path)
    (source / "odd.py").write_text(
        function(991)
        + function(991)
        + 'def short(a):\n    """Give it back now."""\n    return a\n\n'
        + "def bare(a):\n    b = a\n    c = b\n    return c\n\n"
        + function(992, "See").replace(" 992.", "").replace("compute_992", "few")
        + function(993, "See https://example.org")
        + function(994, "Получить все имена из")
        + function(995).replace("compute_995", "test_it")
        + function(996).replace("compute_996", "__call__")
        + function(997).replace("return a", 'return "compute thing number 997"')
    )
    assert mine([source], tmp_path / "out").dropped == {
        "duplicate of another function": 1,
        "fewer than 3 lines of code": 1,
        "no docstring": 1,
        "docstring shorter than 3 words": 1,
        "docstring holds markup or an address": 1,
        "docstring does not look English": 1,
        "test function": 1,
        "dunder function": 1,
        "query repeated in the code": 1,
    }


def test_files_with_faults_are_named_and_never_fatal(tmp_path):
    source = project(tmp_path)
    (source / "latin.py").write_bytes(b"# \xe9\n" + function(1).encode())
    (source / "broken.py").write_text("def (:\n\n" + function(990))
    (source / "huge.py").write_text("x = 1\n" * 200_000)
    (source / "gone.py").symlink_to(tmp_path / "nowhere")
    (source / "loop").symlink_to(source)
    (source / "empty.py").touch()
    report = mine([source], tmp_path / "out")
    assert [name for name, _ in report.unreadable] == [
        "broken.py",
        "gone.py",
        "huge.py",
        "latin.py",
    ]
    assert report.skipped == {"empty file": 1}


@pytest.mark.parametrize("name", ["node_modules", ".git", ".venv", "__pycache__", "site-packages"])
def test_vendored_folders_are_mined_only_when_named(tmp_path, name):
    source = project(tmp_path)
    (source / name).mkdir()
    (source / name / "mine.py").write_text(function(998))
    names = [item.name for item in sources([source], [PYTHON], seed=0)[0]]
    assert "mine.py" not in " ".join(names)
    assert len(sources([source / name], [PYTHON], seed=0)[0]) == 1


def test_test_files_are_left_out(tmp_path):
    source = project(tmp_path)
    for name in ("test_a.py", "conftest.py", "tests/b.py"):
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_text(function(999))
    assert sources([source], [PYTHON], seed=0)[1] == {"test file": 3}


def test_a_folder_inside_another_is_mined_once(tmp_path):
    source = project(tmp_path)
    assert len(sources([tmp_path, source], [PYTHON], seed=0)[0]) == 12


def test_a_single_file_is_all_train(tmp_path):
    report = mine([project(tmp_path) / "part1.py"], tmp_path / "out")
    assert report.pairs == {"train": 4, "valid": 0, "test": 0}
    assert len(read_pairs(tmp_path / "out").train) == 4


def test_a_function_stands_at_the_left_margin(tmp_path):
    method = "class A:\n" + "".join("    " + line + "\n" for line in function(5).splitlines())
    (tmp_path / "a.py").write_text(method)
    mine([tmp_path], tmp_path / "out")
    with gzip.open(tmp_path / "out" / "train.jsonl.gz") as file:
        record = json.loads(file.readline())
    assert record["code"].startswith("def compute_5(a):\n    v0 = a5")
    assert (record["url"], record["path"]) == ("a.py#L2-L8", "a.py")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"paths": [Path("nowhere")]}, "nowhere does not exist"),
        ({"languages": ["cobol"]}, "choose one of go, java"),
        ({"max_pairs": 0}, "ask for 1 or more"),
    ],
)
def test_a_wrong_order_is_refused_with_a_way_out(tmp_path, change, word):
    wish = {"paths": [project(tmp_path)], "out": tmp_path / "out"} | change
    with pytest.raises(DataError, match=word):
        mine(**wish)


def test_no_pair_at_all_tells_why(tmp_path):
    (tmp_path / "a.py").write_text("def f(a):\n    return a\n")
    with pytest.raises(DataError, match=r"1 functions .1 no docstring"):
        mine([tmp_path], tmp_path / "out")


def test_a_folder_that_mining_did_not_write_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DataError, match="did not write"):
        mine([project(tmp_path)], tmp_path)


def test_mining_again_replaces_its_own_files_only(tmp_path):
    source = project(tmp_path)
    mine([source], tmp_path / "out")
    (tmp_path / "out" / "notes.txt").touch()
    mine([source / "part1.py"], tmp_path / "out")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["mining.json", "notes.txt", "train.jsonl.gz"]
