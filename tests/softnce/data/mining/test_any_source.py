"""Every language is held to the same bounds, and the same damage stops none of them."""

import codecs
import os

import pytest

from softnce.data.mining import function_extraction
from softnce.data.mining.function_extraction import Source, extract
from softnce.data.mining.mine import mine
from softnce.data.mining.source_text import read_source
from softnce.data.source_code.languages.table import LANGUAGES

BODY = "{{\n  {0};\n  b(a);\n  c(a);\n}}\n"
FUNCTIONS = {
    "go": "package a\n\n// Adds them all up.\nfunc f(a int) " + BODY,
    "java": "class A {{\n/** Adds them all up. */\nvoid f(int a) " + BODY + "}}\n",
    "javascript": "/** Adds them all up. */\nfunction f(a) " + BODY,
    "php": "<?php\n/** Adds them all up. */\nfunction f($a) " + BODY,
    "python": 'def f(a):\n  """Adds them all up."""\n  {0}\n  b(a)\n  c(a)\n',
    "ruby": "# Adds them all up.\ndef f(a)\n  {0}\n  b(a)\n  c(a)\nend\n",
    "tsx": "/** Adds them all up. */\nfunction f(a: number) " + BODY,
    "typescript": "/** Adds them all up. */\nfunction f(a: number) " + BODY,
}


def extracted(tmp_path, language, content):
    path = tmp_path / "a"
    path.write_bytes(content)
    return extract(Source(path, "a", "a", language))


def test_the_table_has_no_language_without_a_test():
    assert set(FUNCTIONS) == set(LANGUAGES)


@pytest.mark.parametrize("language", FUNCTIONS)
def test_line_ends_and_a_byte_order_mark_change_nothing(tmp_path, language):
    text = FUNCTIONS[language].format("d(a)").encode()
    plain = extracted(tmp_path, language, text).functions[0]
    odd = extracted(tmp_path, language, codecs.BOM_UTF8 + text.replace(b"\n", b"\r\n")).functions[0]
    assert (odd.code, odd.docstring, odd.lines) == (plain.code, plain.docstring, plain.lines)
    assert plain.docstring == "Adds them all up."


@pytest.mark.parametrize("language", FUNCTIONS)
@pytest.mark.parametrize("opened", ["(", "{", "["])
def test_brackets_without_end_are_not_parsed(tmp_path, language, opened):
    text = FUNCTIONS[language].format("x = \n" * 2000 + opened * 200_000)
    found = extracted(tmp_path, language, text.encode())
    assert found.fault == "nested deeper than 1000 brackets"


@pytest.mark.parametrize("language", FUNCTIONS)
@pytest.mark.parametrize("noise", [")\n", "\\\n", '"\n', "if x\n", "/*\n", "<a>\n"])
def test_noise_ends_in_a_fault_or_in_nothing(tmp_path, language, noise):
    text = FUNCTIONS[language].format(noise * 500)
    found = extracted(tmp_path, language, text.encode())
    assert found.fault or found.dropped or found.functions or found.seen == 0


@pytest.mark.parametrize("language", FUNCTIONS)
def test_a_function_with_an_error_inside_is_left_out_and_the_sound_one_is_kept(tmp_path, language):
    sound = FUNCTIONS[language].format("d(a)")
    broken = sound.replace("f(", "g(").replace("d(a)", "d((a").removeprefix("package a\n")
    broken = broken.removeprefix("<?php")
    found = extracted(tmp_path, language, (sound + "\n" + broken).encode())
    assert [one.name for one in found.functions] in (["f"], [])
    assert "syntax errors" in found.fault


@pytest.mark.parametrize("language", FUNCTIONS)
def test_bytes_that_are_no_utf_8_are_a_fault(tmp_path, language):
    text = FUNCTIONS[language].format("d(a)").encode() + b"\xe9"
    assert "not UTF-8" in extracted(tmp_path, language, text).fault


def test_what_only_looks_like_code_is_not_opened(tmp_path):
    folder = tmp_path / "src"
    folder.mkdir()
    for language in ("go", "java", "php"):
        os.mkfifo(folder / f"pipe{LANGUAGES[language].suffixes[0]}")
    os.mkfifo(folder / "package.json")
    (folder / "go.mod").symlink_to(folder / "go.mod")
    (folder / "loop").symlink_to(folder)
    (folder / "a.js").write_text(FUNCTIONS["javascript"].format("d(a)"))
    report = mine([folder], tmp_path / "out", workers=1)
    assert report.languages == {"javascript": 1}
    assert [fault for _, fault in report.unreadable] == ["not a regular file"] * 3


def test_the_cap_is_kept_without_opening_all_files(tmp_path, monkeypatch):
    folder = tmp_path / "src"
    folder.mkdir()
    for number in range(400):
        text = FUNCTIONS["ruby"].format(f"d{number}(a{number}, b{number}, c{number})")
        (folder / f"a{number}.rb").write_text(text)
    opened = []

    def counted(path):
        opened.append(path)
        return read_source(path)

    monkeypatch.setattr(function_extraction, "read_source", counted)
    report = mine([folder], tmp_path / "out", workers=1, max_pairs=5)
    assert sum(report.pairs.values()) <= 5
    assert report.files == 5
    assert len(opened) < 100
