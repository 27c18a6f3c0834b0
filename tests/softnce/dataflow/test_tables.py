"""Many functions at once: the same flows from one process and from several."""

import pytest

from softnce.dataflow.extraction import extract
from softnce.dataflow.tables import Code, code_flows, rules_digest
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


def test_each_mode_of_rules_is_other_data():
    assert rules_digest("fixed") != rules_digest("official")


def test_a_language_that_cannot_be_followed_is_refused_before_the_work():
    with pytest.raises(DataError, match="'cobol' cannot be followed"):
        code_flows([*CODES, Code("x", "cobol")])
