import gzip
import json

import pytest

from softnce.data.mining.mine import mine
from softnce.data.mining.sources import sources, wanted_languages
from softnce.data.pairs import read_pairs
from softnce.data.source_code.docstrings import occurs
from softnce.data.source_code.languages.table import NAMES, languages_named
from softnce.errors import DataError

BRACED = "{{\n  var b{0} = a * {0};\n  var c{0} = b{0} + a;\n  return c{0};\n}}\n"
FILES = {  # a documented function in each language, numbered
    "go": "package a\n\n// Sum{0} adds the numbers up to {0}.\nfunc Sum{0}(a int) int " + BRACED,
    "java": "class A{0} {{\n/**\n * Adds the numbers up to {0}.\n * @param a it\n */\n"
    "int sum{0}(int a) " + BRACED + "}}\n",
    "javascript": "/** Adds the numbers up to {0}. */\nfunction sum{0}(a) " + BRACED,
    "php": "<?php\n/** Adds the numbers up to {0}. */\nfunction sum{0}($a) "
    + BRACED.replace("var ", "$"),
    "python": 'def sum{0}(a):\n    """Adds the numbers up to {0}."""\n'
    "    b{0} = a * {0}\n    c{0} = b{0} + a\n    return c{0}\n",
    "ruby": "# Adds the numbers up to {0}.\ndef sum{0}(a)\n  b{0} = a * {0}\n  c{0} = b{0} + a\n"
    "  c{0}\nend\n",
    "typescript": "/** Adds the numbers up to {0}. */\nconst sum{0} = (a: number): number => "
    + BRACED,
}
ENDS = {"go": "go", "java": "java", "javascript": "mjs", "php": "php", "python": "py"}
ENDS |= {"ruby": "rb", "typescript": "ts"}


def records(out):
    for part in ("train", "valid", "test"):
        if (out / f"{part}.jsonl.gz").exists():
            with gzip.open(out / f"{part}.jsonl.gz") as file:
                yield from map(json.loads, file)


def project(folder, files=1):
    folder.mkdir(parents=True, exist_ok=True)
    for place, language in enumerate(FILES):
        for number in range(files):
            path = folder / f"{language}{number}.{ENDS[language]}"
            path.write_text(FILES[language].format(100 * place + number))
    return folder


def mined(folder, tmp_path, **how):
    report = mine([folder], tmp_path / "out", workers=1, **how)
    return report, list(records(tmp_path / "out"))


def test_every_language_is_mined_in_one_run_by_the_ends_of_the_names(tmp_path):
    report, found = mined(project(tmp_path / "src", 3), tmp_path)
    assert report.languages == dict.fromkeys(FILES, 3)
    assert {one["language"] for one in found} == set(NAMES) == set(FILES)
    assert not [one for one in found if occurs(one["docstring"], one["code"])]
    assert {" ".join(one["docstring_tokens"][:-1]).lower() for one in found} == {
        "adds the numbers up to"
    }
    assert read_pairs(tmp_path / "out").digest == report.digest


def test_only_the_languages_asked_for_are_mined(tmp_path):
    report, _ = mined(project(tmp_path / "src"), tmp_path, languages=["go", "Ruby"])
    assert report.languages == {"go": 1, "ruby": 1}


def test_the_environment_alone_is_python():
    assert wanted_languages(["@environment"]) == ("python",)
    assert wanted_languages(["@environment"], "php") == ("php",)
    assert wanted_languages(["@environment", "src"]) == wanted_languages(["src"]) == ()


def test_an_unknown_language_is_refused_with_the_nearest_one():
    with pytest.raises(DataError, match=r"'javscript' cannot be mined; did you mean javascript\?"):
        languages_named(["javscript"])


def test_a_single_file_that_ends_in_nothing_known_needs_its_language(tmp_path):
    path = tmp_path / "tool"
    path.write_text(FILES["ruby"].format(1))
    with pytest.raises(DataError, match=r"no language is known .* --language"):
        mined(path, tmp_path)
    assert mined(path, tmp_path, languages=["ruby"])[0].languages == {"ruby": 1}


MANIFESTS = {
    "javascript": ("package.json", '{"name": "@scope/one"}', "@scope/one"),
    "typescript": ("package.json", '{"name": "one"}', "one"),
    "php": ("composer.json", '{"name": "owner/one"}', "owner/one"),
    "go": ("go.mod", "module example.org/one // it\n\ngo 1.20\n", "example.org/one"),
    "ruby": ("one.gemspec", 'Gem::Specification.new do |s|\n  s.name = "one"\nend\n', "one"),
    "java": (
        "pom.xml",
        "<project><parent><artifactId>all</artifactId></parent><artifactId>one</artifactId>"
        "</project>",
        "one",
    ),
}


@pytest.mark.parametrize("language", MANIFESTS)
def test_a_package_goes_by_the_name_in_its_nearest_manifest(tmp_path, language):
    name, text, package = MANIFESTS[language]
    inner = project(tmp_path / "src" / "there" / "lib")
    (inner.parent / name).write_text(text)
    (inner / name).write_text("{}")  # it says no name
    found = sources([tmp_path / "src"], languages_named([language]), seed=0).files
    assert [one.package for one in found] == [package]


@pytest.mark.parametrize("text", ['{"name": "\\ud800"}', "[" * 3000, '{"name": 1}', "\x00{"])
def test_a_damaged_manifest_names_no_package_and_stops_nothing(tmp_path, text):
    folder = project(tmp_path / "src" / "there")
    (folder / "package.json").write_text(text)
    found = sources([tmp_path / "src"], languages_named(["javascript"]), seed=0).files
    assert found[0].package in ("there", "\\ud800")


SHORT = {
    "a getter": (
        "java",
        "class A {\n/** Returns the size of it. */\nint size() {\n  return n;\n}\n}",
    ),
    "a line": ("ruby", "# Returns the size of it.\ndef size\n  @n\nend\n"),
}
UNWANTED = {
    "constructor": (
        "java",
        "class A {\n/** Makes a new A. */\nA(int a) {\n  x = 1;\n  y = 2;\n}\n}",
    ),
    "standard method": (
        "java",
        "class A {\n/** Says what it is. */\nString toString() " + BRACED + "}",
    ),
    "magic method": (
        "php",
        "<?php class A {\n/** Gives the field back. */\nfunction __get($a) " + BRACED + "}",
    ),
    "test function": (
        "go",
        "package a\n// TestSum tests the sum.\nfunc TestSum(t *testing.T) " + BRACED,
    ),
    "no docstring": ("javascript", "// Adds them all up.\nfunction f(a) " + BRACED),
    "syntax error": ("javascript", "/** Adds them all up. */\nfunction f(a) { return ((a; }\n"),
    "docstring is a note, a licence or code": (
        "ruby",
        "# TODO: make it fast\n" + FILES["ruby"].split("\n", 1)[1],
    ),
    "docstring repeated in the code": (
        "php",
        "<?php\n/**\n * Adds them all up.\n *\n * The sum of all rows.\n */\nfunction f($a) {\n"
        '  $b = "the sum of all rows";\n  $c = $b;\n  return $c;\n}\n',
    ),
}
UNWANTED |= {"fewer than 3 lines of code": SHORT["a line"]}


@pytest.mark.parametrize("reason", UNWANTED)
def test_every_drop_has_its_reason_in_any_language(tmp_path, reason):
    language, text = UNWANTED[reason]
    folder = project(tmp_path / "src")
    text = text.replace("{{", "{").replace("}}", "}").replace("{0}", "7")
    (folder / f"odd.{ENDS[language]}").write_text(text)
    assert mined(folder, tmp_path)[0].dropped == {reason: 1}


def test_a_getter_of_three_lines_is_as_short_as_one_of_two_in_python(tmp_path):
    folder = project(tmp_path / "src")
    (folder / "Odd.java").write_text(SHORT["a getter"][1])
    assert mined(folder, tmp_path)[0].dropped == {"fewer than 3 lines of code": 1}


LEFT_OUT = {
    "app.min.js": "generated file",
    "types.d.ts": "declaration file",
    "a.pb.go": "generated file",
    "SumTest.java": "test file",
    "a.spec.ts": "test file",
    "spec/a.rb": "test file",
}


def test_files_of_tests_and_files_that_programs_wrote_are_left_out_by_name(tmp_path):
    folder = project(tmp_path / "src")
    for name in LEFT_OUT:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("x")
    report, _ = mined(folder, tmp_path)
    assert report.skipped == {"test file": 3, "generated file": 2, "declaration file": 1}


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        (
            "gen.go",
            "// licence\n" * 90 + "// Code generated by x. DO NOT EDIT.\n",
            "generated file",
        ),
        ("gen.js", "// Generated by CoffeeScript 1.9\nf()\n", "generated file"),
        ("wide.js", "function f(a){return a}" * 9000 + "\n", "minified file"),
    ],
)
def test_generated_and_minified_files_are_left_out_by_their_content(tmp_path, name, text, reason):
    folder = project(tmp_path / "src")
    (folder / name).write_text(text)
    assert mined(folder, tmp_path)[0].skipped == {reason: 1}


LEAKS = {  # a line of the documentation said again inside
    "java": "class A {\n/**\n * Adds all numbers up.\n * @return the sum of all rows\n */\n"
    "int f(int a) {\n  // the sum of all\n  // rows\n  int b = a;\n  int c = b;\n"
    "  return c;\n}\n}\n",
    "php": "<?php\n/**\n * Adds all numbers up.\n * @param int[] $a the sum of all rows\n */\n"
    "function f($a) {\n  $b = $a; # the sum of all rows\n  $c = $b;\n  return $c;\n}\n",
    "ruby": "# Adds all numbers up.\n#\n# The sum of all rows.\ndef f(a)\n"
    "  b = a # the sum of all rows\n  c = b\n  c\nend\n",
}


@pytest.mark.parametrize("language", LEAKS)
def test_no_comment_keeps_a_line_of_the_documentation(tmp_path, language):
    folder = tmp_path / "src"
    folder.mkdir()
    (folder / f"a.{ENDS[language]}").write_text(LEAKS[language])
    (record,) = mined(folder, tmp_path)[1]
    assert not occurs("the sum of all rows", record["code"])
    assert record["code"].count("c") >= 2
