"""Many functions at once: the same flows from one process, from several, and from the cache."""

import shutil

import pytest

from softnce.dataflow.extraction import extract
from softnce.dataflow.tables import Code, code_flows, kept_flows, name_of
from softnce.errors import DataError

CODES = [
    Code("def f(a): return a", "python"),
    Code("", "go"),
    Code("function f($ż) { return $ż; }", "php"),
    Code("def f(a): return a", "python"),
    Code("x = 'é'\ny = x", "ruby"),
]


@pytest.mark.parametrize("mode", ["official", "fixed"])
def test_each_function_has_the_flow_that_it_has_alone(mode):
    wanted = [extract(code.text, code.language, mode) for code in CODES]
    assert code_flows(CODES, mode) == wanted


def test_several_processes_find_what_one_finds():
    many = [Code(f"x = y{place} + z", "python") for place in range(450)]
    assert code_flows(many, workers=2) == code_flows(many, workers=1)


def test_the_cache_gives_back_what_was_put_there_and_is_asked_first(tmp_path):
    said = []
    first = kept_flows(CODES, tmp_path, tell=said.append)
    again = kept_flows(CODES, tmp_path, tell=said.append)
    assert first == again == code_flows(CODES)
    assert said == ["following the data flow of 5 functions"]


def test_no_functions_have_no_flows(tmp_path):
    assert kept_flows([], tmp_path) == kept_flows([], tmp_path) == []


def test_a_damaged_entry_is_made_anew(tmp_path):
    wanted = kept_flows(CODES, tmp_path)
    (tmp_path / name_of(CODES, "fixed") / "text.npy").write_bytes(b"broken")
    assert kept_flows(CODES, tmp_path) == wanted


def test_another_mode_language_or_text_is_another_entry(tmp_path):
    names = {
        name_of(CODES, "fixed"),
        name_of(CODES, "official"),
        name_of(CODES[1:], "fixed"),
        name_of([Code("x", "go")], "fixed"),
        name_of([Code("x", "java")], "fixed"),
        name_of([Code("xgo", "")], "fixed"),
    }
    assert len(names) == 6
    kept_flows(CODES, tmp_path)
    shutil.rmtree(tmp_path / name_of(CODES, "fixed"))
    assert kept_flows(CODES, tmp_path) == code_flows(CODES)


def test_a_language_that_cannot_be_followed_is_refused_before_the_work():
    with pytest.raises(DataError, match="'cobol' cannot be followed"):
        code_flows([*CODES, Code("x", "cobol")])
