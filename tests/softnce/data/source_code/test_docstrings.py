import pytest
from hypothesis import given
from hypothesis import strategies as st

from softnce.data.source_code.docstrings import (
    is_english,
    occurs,
    query_fault,
    summary,
    uncommented,
    unquoted,
)


@pytest.mark.parametrize(
    ("docstring", "expected"),
    [
        ("Join  two\n paths.\n\nMore.", "Join two paths."),
        ("Join two paths.\n:param a: one", "Join two paths."),
        ("Join two paths.\n@param a one", "Join two paths."),
        ("Join two paths.\nArgs:\n  a: one", "Join two paths."),
        ("Join two paths.\n>>> join()", "Join two paths."),
        ("   \n  ", ""),
    ],
)
def test_a_summary_ends_where_the_details_begin(docstring, expected):
    assert summary(docstring) == expected


@pytest.mark.parametrize(
    "literal", ['"""Say it."""', "'''Say it.'''", 'r"Say it."', 'u"""Say it."""', '"Say " "it."']
)
def test_any_literal_gives_its_text(literal):
    assert unquoted(literal) == "Say it."


@pytest.mark.parametrize(
    "comment", ["/** Say it. */", "// Say it.", "# Say it.", "/*\n * Say it.\n */"]
)
def test_any_comment_gives_its_text(comment):
    assert uncommented(comment) == "Say it."


@given(words=st.lists(st.from_regex(r"[a-z]{1,9}", fullmatch=True), min_size=3, max_size=9))
def test_layout_and_case_cannot_hide_a_query(words):
    assert occurs(" ".join(words), "x = 1  # " + ",\n  # ".join(words).upper())


def test_two_words_prove_no_leak():
    assert not occurs("open file", "open file")


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("Too short", "shorter"),
        ("word " * 257, "longer"),
        ("See https://example.org for more", "address"),
        ('Show <img src="x"> of it', "markup"),
        ("Возвращает список всех имён", "English"),
        ("Gibt die Liste der Namen und das Alter", "English"),
    ],
)
def test_what_is_no_query_is_named(query, word):
    assert word in query_fault(query)


@pytest.mark.parametrize(
    "query", ["Sort names by age", "Compute the L2 norm of x", "Naïve sort of names"]
)
def test_plain_english_is_a_query(query):
    assert query_fault(query) is None
    assert is_english(query)


@pytest.mark.parametrize(
    "docstring",
    [
        "labels (`torch.LongTensor` of shape `(batch_size, n)`, *optional*): The true classes.",
        "images: B x 3 x H x W, at most max_crops",
        "*rows* (list of str) - what the table shows",
        "- rows: what the table shows to people",
        "Options ------- maxiter : int Most iterations to perform.",
        "Show the table now :param rows: what it shows to people",
    ],
)
def test_a_list_of_parameters_is_no_query(docstring):
    assert "parameters" in query_fault(docstring)


@pytest.mark.parametrize(
    "docstring",
    ["Loads a checkpoint into a model::", "Break it into lists of length *n*:", "Do this `way:`"],
)
def test_what_breaks_off_at_a_colon_is_no_query(docstring):
    assert "colon" in query_fault(docstring)


@pytest.mark.parametrize(
    "query",
    ["Note: sort the names in place", "Convert (x, y) to polar - fast", "Map key:value to a pair"],
)
def test_a_colon_or_a_bracket_in_a_sentence_is_no_list(query):
    assert query_fault(query) is None
