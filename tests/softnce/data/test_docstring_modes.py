"""What becomes of docstrings: decided by what each one is, the same in every split."""

import json

import pytest

from softnce.data.code_texts import DocstringRule
from softnce.data.judged.judged_set import SetOptions
from softnce.data.judged.read import read_evaluation_set
from softnce.data.pairs import read_pairs

BODY = "    rows = read(path)\n    return rows\n"
OWN = "Read the rows of a table from the disk."
OTHER = "Give back what a file holds, line by line."
MORE = ":param path: where it lies\nRaises an error where nothing lies there."


def python(name, docstring):
    return f'def {name}(path):\n    """{docstring}"""\n{BODY}'


def row(number, query, code, **more):
    return {"query": query, "code": code, "url": f"u{number}", "language": "python", **more}


def written(folder, **parts):
    folder.mkdir(exist_ok=True)
    for part, rows in parts.items():
        text = "\n".join(json.dumps(one) for one in rows) + "\n"
        (folder / f"{part}.jsonl").write_text(text)
    return folder


def read(folder, mode="auto", share=0.0, **more):
    return read_pairs(folder, docstrings=DocstringRule(mode, share), **more)


def train(folder, rows):
    return written(folder, train=rows)


def test_a_docstring_goes_where_it_is_the_query_and_stays_where_it_is_another_text(tmp_path):
    rows = [row(1, OWN, python("f", OWN)), row(2, "file to lines in python", python("g", OTHER))]
    found = read(train(tmp_path, rows))
    assert [pair.code for pair in found.train] == [f"def f(path):\n{BODY}", python("g", OTHER)]
    assert (found.reading.stripped, found.reading.documented) == (1, 1)


@pytest.mark.parametrize(
    ("mode", "stands"), [("auto", [False, True]), ("strip", [False] * 2), ("keep", [True] * 2)]
)
def test_each_mode_does_what_it_says(tmp_path, mode, stands):
    rows = [row(1, OWN, python("f", OWN)), row(2, "file to lines in python", python("g", OTHER))]
    found = read(train(tmp_path, rows), mode)
    assert ['"""' in pair.code for pair in found.train] == stands


DOCUMENTED = {
    "java": "/**\n * {0}\n */\npublic int f() {{\n  return 1;\n}}",
    "javascript": "function f() {{\n  /* {0} */\n  return 1;\n}}",
    "go": "// {0}\nfunc f() int {{\n  return 1\n}}",
    "php": "/** {0} */\nfunction f() {{\n  return 1;\n}}",
    "ruby": "def f\n  # {0}\n  1\nend",
    "python": "def f():\n    # {0}\n    return 1",
}


@pytest.mark.parametrize("language", DOCUMENTED)
def test_in_every_language_a_comment_goes_only_where_it_carries_the_query(tmp_path, language):
    codes = [DOCUMENTED[language].format(text) for text in (OWN, OTHER)]
    rows = [row(n, OWN, code, language=language) for n, code in enumerate(codes)]
    first, second = (pair.code for pair in read(train(tmp_path, rows)).train)
    assert "table" not in first
    assert "1" in first
    assert second == codes[1]


def test_a_body_of_only_its_query_becomes_pass(tmp_path):
    code = f'def f():\n    """{OWN}"""\n    return 1\n\ndef g():\n    """{OWN}"""\n'
    assert read(train(tmp_path, [row(1, OWN, code)])).train[0].code.endswith("def g():\n    pass\n")


def test_a_function_reads_the_same_under_each_of_its_queries_and_in_each_split(tmp_path):
    one = python("f", OWN)
    folder = written(
        tmp_path,
        train=[row(1, "table to rows", one), row(2, "any file", python("g", OTHER))],
        valid=[row(1, OWN, "")],
        test=[row(1, "rows of some kind", "")],
        codebase=[row(1, "", one), row(2, "", python("g", OTHER))],
    )
    found = read(folder)
    assert found.train[0].code == found.candidates[0] == f"def f(path):\n{BODY}"
    assert found.train[1].code == python("g", OTHER)


@pytest.mark.parametrize(("queries", "stands"), [([OWN, OTHER], False), (["a b c", "d"], True)])
def test_a_function_that_nobody_asks_for_is_read_as_the_others_are(tmp_path, queries, stands):
    codes = [python("f", OWN), python("g", OTHER), python("h", "Something else than both.")]
    folder = written(
        tmp_path,
        test=[row(n, query, "") for n, query in enumerate(queries)],
        codebase=[row(n, "", code) for n, code in enumerate(codes)],
    )
    assert ['"""' in code for code in read(folder).candidates] == [stands] * 3


def test_a_hard_negative_reads_as_the_function_it_is(tmp_path):
    codes = [python("f", OWN), python("g", OTHER)]
    rows = [row(1, OWN, codes[0], negatives=[codes[1]]), row(2, "a b c", codes[1], negatives=codes)]
    found = read(train(tmp_path, rows), negatives=1)
    assert found.train[0].negatives == (codes[1],)
    assert found.train[1].negatives == (f"def f(path):\n{BODY}",)


def test_a_set_is_named_by_the_texts_that_are_handed_out(tmp_path):
    folder = train(tmp_path, [row(1, OWN, python("f", f"{OWN}\n{MORE}"))])
    names = {read(folder, "keep").digest, read(folder).digest, read(folder, share=1.0).digest}
    assert len(names) == 3


def many(folder, docstring):
    rows = [row(n, OWN, python(f"f{n}", docstring), docstring=docstring) for n in range(400)]
    return train(folder, rows)


def test_a_share_of_the_functions_gets_its_other_lines_back_and_never_the_query(tmp_path):
    folder = many(tmp_path, f"{OWN}\n\n    {MORE}")
    codes = [pair.code for pair in read(folder, share=0.25).train]
    told = [code for code in codes if '"""' in code]
    assert 70 < len(told) < 130
    assert all("Raises an error" in code and "rows of a table" not in code for code in told)
    assert codes == [pair.code for pair in read(folder, share=0.25).train]
    other = [pair.code for pair in read(folder, share=0.25, seed=1).train]
    assert [code for code in other if '"""' in code] != told
    compile(told[0], "told", "exec")


def test_a_docstring_of_nothing_but_its_query_gives_nothing_back(tmp_path):
    codes = [pair.code for pair in read(many(tmp_path, f"{OWN}\n  {OWN}"), share=1.0).train]
    assert not [code for code in codes if '"""' in code]


@pytest.mark.parametrize("language", ["java", "javascript", "go", "php", "ruby"])
def test_the_other_lines_of_a_column_stand_above_the_code_of_other_languages(tmp_path, language):
    code = DOCUMENTED[language].format("see below").replace("// see below\n", "")
    code = code.replace("/**\n * see below\n */\n", "").replace("/** see below */\n", "")
    docstring = f"{OWN}\n\nIt ends where the */ file ends.\n"
    rows = [row(1, OWN, code, language=language, docstring=docstring)]
    found = read(train(tmp_path, rows), "strip", 1.0).train[0].code
    assert "file ends." in found.splitlines()[1 if found.startswith("/**") else 0]
    assert "rows of a table" not in found


def test_the_held_out_splits_never_get_other_lines(tmp_path):
    codes = [python(f"f{n}", f"{OWN}\n\n    {MORE}") for n in range(3)]
    folder = written(tmp_path, test=[row(n, OWN, code) for n, code in enumerate(codes)])
    assert read(folder, share=1.0).candidates == read(folder).candidates


@pytest.mark.parametrize("mode", ["auto", "strip", "keep"])
def test_an_evaluation_reads_a_codebase_as_a_search_does(tmp_path, mode):
    codes = [python("f", OWN), python("g", OTHER), python("h", "Something else than both.")]
    folder = written(
        tmp_path,
        valid=[row(0, OWN, "")],
        test=[row(1, "file to lines in python", "")],
        codebase=[row(n, "", code, docstring=OWN) for n, code in enumerate(codes)],
    )
    (found,) = read_evaluation_set(folder, SetOptions(docstrings=mode)).codebases
    assert tuple(one.text for one in found.codes.values()) == read(folder, mode).candidates
