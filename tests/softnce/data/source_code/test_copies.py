"""What counts as a copy of a query, and what is merely about the same thing."""

import pytest

from softnce.data.source_code.copies import carries

QUERY = "Convert the rows of a table to a list of dictionaries"


@pytest.mark.parametrize(
    "text",
    [
        QUERY,
        f"/** {QUERY}. */",
        "convert  the rows\n * of a TABLE, to a list of dictionaries; and more",
        "Rows of a table are converted to a list of dictionaries",
        "Convert all rows of one table into a list of dictionaries",
        "Convert the rows of a table to a frame",
    ],
)
def test_word_for_word_or_most_words_close_together_is_a_copy(text):
    assert carries(QUERY, text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Return a list of the tables in a database",
        "Convert a table to a frame",
        "Read rows. " + "Other words stand between them here. " * 3 + "To a list of the table.",
    ],
)
def test_a_text_about_the_same_thing_is_no_copy(text):
    assert not carries(QUERY, text)


def test_eight_words_in_a_row_are_a_copy_of_any_query():
    run = "one two three four five six seven eight"
    query = f"{run} {' '.join(f'more{n}' for n in range(30))}"
    assert carries(query, f"so {run} it is")
    assert not carries(query, run.removesuffix(" eight"))


@pytest.mark.parametrize(("text", "is_copy"), [("Open file.", True), ("To open file", False)])
def test_a_query_of_two_words_is_carried_where_a_text_opens_with_it(text, is_copy):
    assert carries("open file", text) is is_copy
