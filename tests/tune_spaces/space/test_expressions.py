import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softnce.errors import ConfigError
from tune_spaces.space.expressions import parse_expression

numbers = st.floats(-100, 100).map(lambda value: round(value, 3))


def value(text, **settings):
    tie = parse_expression(text, "weights/beta")
    return tie.value(lambda path: settings[path.replace("/", "_")])


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2", 2),
        ("2 - weights/alpha", 0.5),
        ("2-weights/alpha", 0.5),
        ("10 - 3 - 2", 5),
        ("16 / 4 / 2", 2),
        ("2 + 3 * 4", 14),
        ("(2 + 3) * 4", 20),
        ("-weights/alpha", -1.5),
        ("2 - -3", 5),
        ("-(1 + 2)", -3),
        ("--1", 1),
        (".5 + 1. + 1e-1 + 2E+1", 21.6),
        ("weights/alpha/2", 0.75),
        ("  ( weights/alpha )  ", 1.5),
    ],
)
def test_a_tie_is_worth_its_arithmetic(text, wanted):
    assert value(text, weights_alpha=1.5) == pytest.approx(wanted)


@given(numbers, numbers, st.sampled_from(["+", "-", "*", "/"]), st.sampled_from(["+", "-", "*"]))
def test_precedence_is_that_of_arithmetic(first, second, one, other):
    text = f"{abs(first)} {other} {abs(second)} {one} 3 {other} 1"
    wanted = eval(text)
    assert math.isclose(value(text), wanted, rel_tol=1e-9, abs_tol=1e-9)


def test_the_paths_of_a_tie_are_known():
    tie = parse_expression("weights/alpha * (optim/batch_size - weights/alpha)", "weights/beta")
    assert tie.paths == ("weights/alpha", "optim/batch_size", "weights/alpha")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "it ends where a number or a path should follow"),
        ("2 -", "it ends where a number or a path should follow"),
        ("2 3", "unexpected 3"),
        ("2 weights/alpha", "unexpected weights/alpha"),
        ("* 2", "unexpected *"),
        ("(2", "a parenthesis is not closed"),
        ("2)", "unexpected )"),
        ("()", "unexpected )"),
        ("alpha", "cannot read 'alpha'"),
        ("2 ** 3", "unexpected *"),
        ("1e", "cannot read 'e'"),
        ("2 # 3", "cannot read '# 3'"),
        ("__import__('os').system('touch /tmp/owned')", "cannot read \"__import__('os').sys\""),
        ("weights/alpha.__class__", "cannot read '.__class__'"),
        ("lambda: 1", "cannot read 'lambda: 1'"),
        ("[1][0]", "cannot read '[1][0]'"),
        ("1 if 1 else 2", "cannot read 'if 1 else 2'"),
    ],
)
def test_what_is_not_of_the_grammar_is_refused_with_the_grammar(text, fault):
    with pytest.raises(ConfigError) as caught:
        parse_expression(text, "weights/beta")
    message = str(caught.value)
    assert message.startswith(f"search.space weights/beta: tie {text!r}: {fault}; ")
    assert message.endswith("numbers, paths like weights/alpha, + - * / and parentheses")


def test_a_division_by_zero_is_named():
    with pytest.raises(ConfigError, match=r"weights/beta: tie '1 / \(2 - 2\)': it divides by zero"):
        value("1 / (2 - 2)")


@given(st.text(max_size=30))
def test_no_text_gets_past_the_grammar(text):
    try:
        tie = parse_expression(text, "weights/beta")
        assert isinstance(tie.value(lambda _: 1.0), float)
    except ConfigError:
        pass
