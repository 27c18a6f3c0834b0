import pytest

from softnce.weights.cache import cache_key


def test_the_order_of_ingredients_does_not_matter():
    assert cache_key("tokens", a=1, b={"c": 2, "d": 3}) == cache_key(
        "tokens", b={"d": 3, "c": 2}, a=1
    )


@pytest.mark.parametrize(
    "other",
    [
        ("terms", {"a": 1, "b": "x"}),
        ("tokens", {"a": 2, "b": "x"}),
        ("tokens", {"a": 1, "c": "x"}),
        ("tokens", {"a": 1}),
        ("tokens", {"a": "1", "b": "x"}),
        ("tokens", {"a": 1.5, "b": "x"}),
    ],
)
def test_every_ingredient_counts(other):
    kind, ingredients = other
    assert cache_key(kind, **ingredients) != cache_key("tokens", a=1, b="x")


def test_a_key_is_a_file_name_known_for_ever():
    """The digest of the text ["tokens", {"a": 1}], by sha256sum."""
    assert cache_key("tokens", a=1) == "b8f344797bb1bc8c0d15"
