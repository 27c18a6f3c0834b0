import pytest

from softnce.config.file import load_config
from softnce.errors import ConfigError

BOMB = "\n".join(
    f"{name}: &{name} [{', '.join([f'*{last}'] * 9)}]"
    for last, name in zip("abcdefgh", "bcdefghi", strict=True)
)


def refusal(tmp_path, text, *settings):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "a.yaml", settings)
    (line,) = str(caught.value).splitlines()
    assert len(line) < 300 + len(str(tmp_path))
    line.encode()
    return line.removeprefix(f"{tmp_path}/")


def test_half_of_a_character_is_refused_with_its_line(tmp_path):
    line = refusal(tmp_path, 'data:\n  path: "a\\ud800"\n')
    assert line == "a.yaml:2: data.path: holds half of a character, '\\ud800': write it in UTF-8"


def test_half_of_a_character_in_a_setting_is_refused(tmp_path):
    line = refusal(tmp_path, "data: {path: a}", "search.name=a\udce9")
    assert line.startswith("--set search.name=a\\udce9: the value is not valid YAML; ")


@pytest.mark.parametrize("name", ["search.name", "search.asha", "zz"])
def test_ten_thousand_dots_in_a_setting_are_too_deep(tmp_path, name):
    line = refusal(tmp_path, "data: {path: a}", name + ".a" * 10_000 + "=1")
    assert line.startswith("--set ")


def test_ten_thousand_brackets_in_a_setting_are_too_deep(tmp_path):
    line = refusal(tmp_path, "data: {path: a}", "search.space=" + "[" * 10_000)
    assert "not valid YAML" in line


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (f"a: &a [1]\n{BOMB}\ndata: {{path: *i}}", "more than 10,000 values"),
        ("data: &a {path: *a}", "levels"),
        ("search: {space: {x: 0x" + "f" * 4_000 + "}}", "search.space.x: a whole number of more"),
        ("search: {trials: -0x" + "f" * 4_000 + "}", "search.trials: a whole number of more"),
        ("search: {space: {x: 2026-01-01}}", "quote it"),
        ("data: {mine: !!set {a, b}}", "quote it"),
        ('data: {path: "a\\0b"}', "NUL"),
        ('? !!binary "AAEC"\n: 1', "quote it"),
        ("data: {path: !!timestamp x}", "not valid YAML"),
        ("data: {path: !!int ''}", "not valid YAML"),
        ("data: {path: !!bool x}", "not valid YAML"),
    ],
)  # fmt: skip
def test_what_is_no_setting_is_named(tmp_path, text, word):
    assert word in refusal(tmp_path, text)


@pytest.mark.parametrize(
    "value", ["!!timestamp x", "!!int ''", "!!bool x", "!!float x", "2026-13-45"]
)
def test_a_wrong_tag_in_a_setting_is_refused(tmp_path, value):
    assert "not valid YAML" in refusal(tmp_path, "data: {path: a}", f"search.name={value}")


def test_a_word_that_is_no_column_is_refused_where_columns_are_named(tmp_path):
    line = refusal(tmp_path, "data: {path: a}", "data.columns={qeury: q}")
    assert line.startswith("--set data.columns.qeury.[key]: input should be 'query'")
    assert line.endswith("did you mean query?")
