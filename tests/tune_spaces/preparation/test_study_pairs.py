"""Pairs that a study has read before are known by the bytes of their files, or refused."""

import io
import json
import shutil

import pytest
from rich.console import Console

from softnce.config.file import validated
from softnce.data.pairs import read_pairs
from softnce.errors import ConfigError
from tune_spaces.preparation.known_digest import digest_of_files
from tune_spaces.preparation.study_pairs import StudyPairs
from tune_spaces.space.space import search_space
from tune_spaces.study.context import StudyContext
from tune_spaces.study.fingerprint import require_same
from tune_spaces.study.folder import StudyFolder

DOCUMENTED = '''
def {verb}_{noun}(item, place):
    """{verb} every {noun} of the place once."""
    found = []
    for one in place.{noun}s(item, {number}):
        found.append({verb}(one))
    return found
'''


def code_of(folder):
    """Write functions to mine: two files, 24 functions."""
    folder.mkdir()
    verbs, nouns = ["Sort", "Fetch", "Merge", "Split"], ["table", "image", "index", "route"]
    nouns += ["queue", "graph"]
    for file in range(2):
        parts = [
            DOCUMENTED.format(verb=verb, noun=noun, number=file + 10 * place)
            for verb in verbs[2 * file : 2 * file + 2]
            for place, noun in enumerate(nouns)
        ]
        (folder / f"part{file}.py").write_text("\n".join(parts))
    return folder


@pytest.fixture
def few(made_pairs, tmp_path):
    """A file of 60 pairs."""
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join(made_pairs.read_text().splitlines()[:60]))
    return path


@pytest.fixture(params=["file", "folder", "mined"])
def data(request, few, tmp_path):
    """The setting of each kind of data, and one file that they are read from."""
    if request.param == "mined":
        mined = tmp_path / "study" / "data" / "train.jsonl.gz"
        return {"mine": [str(code_of(tmp_path / "code"))]}, mined
    if request.param == "file":
        return {"path": str(few)}, few
    lines = few.read_text().splitlines()
    path = tmp_path / "set"
    path.mkdir()
    for part, some in (("train", lines[:40]), ("valid", lines[40:50]), ("codebase", lines[40:60])):
        (path / f"{part}.jsonl").write_text(
            "\n".join(json.dumps({**json.loads(one), "url": json.loads(one)["id"]}) for one in some)
        )
    return {"path": str(path)}, path / "train.jsonl"


def context_of(tmp_path, data, **settings):
    config = validated({"data": data, "optim": {"batch_size": 4}, **settings})
    folder = StudyFolder(tmp_path / "study", "study")
    console = Console(file=io.StringIO(), width=200)
    return StudyContext(config, folder, search_space(config), console)


def prepared_once(context):
    """Do with a study's pairs what its first search does."""
    pairs = StudyPairs(context)
    pairs.require()
    found = pairs.all()
    require_same(context.folder, context.config, pairs.digest)
    pairs.remember()
    return found


def said(context):
    return context.console.file.getvalue()


def test_the_digest_of_pairs_that_were_read_before_is_known_without_reading_them(data, tmp_path):
    found = prepared_once(context_of(tmp_path, data[0]))
    again = context_of(tmp_path, data[0])
    pairs = StudyPairs(again)
    pairs.require()
    assert pairs.digest == found.digest
    assert said(again) == ""  # nothing was read or mined
    assert pairs.all() == found


def test_a_file_that_has_changed_is_refused_until_it_is_as_it_was(data, tmp_path):
    setting, path = data
    prepared_once(context_of(tmp_path, setting))
    kept = path.read_bytes()
    if path.suffix == ".gz":
        fewer = read_pairs(path.parent).train[1:]
        rows = [{"query": one.query, "code": one.code, "id": one.id} for one in fewer]
        path.unlink()
        path = path.with_suffix("")
        path.write_text("\n".join(map(json.dumps, rows)))
    else:
        path.write_bytes(kept.split(b"\n", 1)[1])
    pairs = StudyPairs(context_of(tmp_path, setting))
    with pytest.raises(ConfigError, match=r"this study exists with data .* \(now .*undo the chang"):
        require_same(pairs._context.folder, pairs._context.config, pairs.digest)
    path.unlink()
    data[1].write_bytes(kept)
    StudyPairs(context_of(tmp_path, setting)).require()


def test_another_setting_of_the_same_files_is_refused(data, tmp_path):
    prepared_once(context_of(tmp_path, data[0]))
    changed = context_of(tmp_path, {**data[0], "seed": 4})
    with pytest.raises(ConfigError, match=r"data\.seed 0 \(now 4\)"):
        require_same(changed.folder, changed.config, StudyPairs(changed).digest)


@pytest.mark.parametrize("setting", [{"seed": 4}, {"docstrings": "keep"}, {"negatives": 1}])
def test_the_settings_of_data_count_in_the_digest_of_their_files(few, tmp_path, setting):
    first = digest_of_files(context_of(tmp_path / "a", {"path": str(few)}))
    assert first == digest_of_files(context_of(tmp_path / "b", {"path": str(few)}))
    assert first != digest_of_files(context_of(tmp_path / "c", {"path": str(few), **setting}))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"files": 3, "pairs": null}', "\0\0"])
def test_what_is_known_of_pairs_may_be_damaged_or_gone(few, tmp_path, content):
    data = {"path": str(few)}
    prepared_once(context_of(tmp_path, data))
    (tmp_path / "study" / "pairs.json").write_text(content)
    pairs = StudyPairs(context_of(tmp_path, data))
    pairs.require()
    assert "reading" in said(pairs._context)


def test_pairs_that_lie_elsewhere_now_are_known_too(few, tmp_path):
    prepared_once(context_of(tmp_path, {"path": str(few)}))
    (tmp_path / "elsewhere").mkdir()
    moved = shutil.copy(few, tmp_path / "elsewhere" / few.name)
    again = context_of(tmp_path, {"path": str(moved)})
    StudyPairs(again).require()
    assert said(again) == ""
