import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softnce.data.source_code.docstrings import occurs
from softnce.data.source_code.stripping import without_query

QUERY = "Give the sum back"
PYTHON = {
    "plain": 'def f(a):\n    """Give the sum back."""\n    return a\n',
    "odd indent": 'def f(a):\n            """\n Give the sum back.\n"""\n            return 1',
    "indented head": '    def f(self):\n        """Give the sum back."""\n        return 1\n',
    "python 2": 'def f(a):\n    """Give the sum back."""\n    print a, `a`\n    raise E, "x"\n',
    "one line": 'def f(a): "Give the sum back"; return a',
    "raw": 'def f(a):\n    r"""Give the \\sum back. Give the sum back."""\n    return a\n',
    "unicode": 'def f(a):\n    u"""Give the sum back. é"""\n    return a\n',
    "joined": 'def f(a):\n    "Give the " "sum back"\n    return a\n',
    "in parentheses": 'def f(a):\n    ("Give the sum back")\n    return a\n',
    "decorated": '@d(1)\ndef f(a):\n    """Give the sum back."""\n    return a\n',
    "async": 'async def f(a):\n    """Give the sum back."""\n    return a\n',
    "class": 'class A:\n    """Give the sum back."""\n    def f(a):\n        return a\n',
    "nested": 'def f(a):\n    def g():\n        """Give the sum back."""\n        return a\n',
    "after a comment": 'def f(a):\n    # note\n    """Give the sum back."""\n    return a\n',
    "in a comment": "def f(a):\n    # Give the\n    # sum back\n    return a\n",
    "twice": 'def f(a):\n    """Give the sum back."""\n    return a  # give the SUM, back\n',
    "unfinished": 'def f(a):\n    """Give the sum back.\n    return a\n',
    "crlf": 'def f(a):\r\n    """Give the sum back."""\r\n    return a\r\n',
}
OTHERS = {
    "java": "/** Give the sum back. */\npublic int f() {\n  return 1;\n}",
    "go": "// Give the\n// sum back.\nfunc f() int {\n  return 1\n}",
    "ruby": "# Give the sum back.\ndef f\n  1\nend",
    "php": "function f() {\n  # Give the sum back\n  return 1;\n}",
    "javascript": "function f() {\n  /* Give the\n   * sum back */\n  return 1;\n}",
}


@pytest.mark.parametrize("code", PYTHON.values(), ids=PYTHON)
@pytest.mark.parametrize("language", ["python", ""])
def test_no_python_keeps_its_query(code, language):
    stripped = without_query(code, [QUERY], language)
    assert not occurs(QUERY, stripped)
    assert "f(" in stripped


@pytest.mark.parametrize("language", OTHERS)
def test_no_comment_keeps_the_query(language):
    stripped = without_query(OTHERS[language], [QUERY], language)
    assert not occurs(QUERY, stripped)
    assert "1" in stripped


def test_a_body_of_only_a_docstring_becomes_pass():
    assert without_query('def f():\n    """Give it."""\n', [], "python") == "def f():\n    pass\n"


def test_the_docstring_takes_its_lines_along():
    assert without_query(PYTHON["plain"], [], "python") == "def f(a):\n    return a\n"


def test_a_nested_docstring_without_the_query_stays():
    assert '"""Give' in without_query(PYTHON["nested"], ["another query here"], "python")


def test_a_string_in_use_stays():
    code = 'def f(a):\n    return g(help="Give the sum back")\n'
    assert without_query(code, [QUERY], "python") == code


@pytest.mark.parametrize("text", ['f"""Give {a}."""', 'b"""Give it."""'])
def test_what_is_no_docstring_stays(text):
    code = f"def f(a):\n    {text}\n    return a\n"
    assert without_query(code, [], "python") == code


def test_a_comment_on_the_only_line_does_not_take_the_code_along():
    code = "int f ( ) { // Give the sum back return 1 ; }"
    assert "return 1" in without_query(code, [QUERY], "java")


def test_a_marker_inside_a_string_opens_no_comment():
    code = 'String f() {\n  return "http://x" + g();\n}'
    assert without_query(code, ["x g more"], "java") == code


def test_long_runs_of_spaces_and_comments_take_no_time():
    code = "def f(a): " + "# " * 20_000 + " \\ " * 5_000
    assert without_query(code, [QUERY], "python") == code


@given(
    doc=st.text(st.characters(codec="utf-8", exclude_characters='"\\\r\0')), deep=st.integers(1, 12)
)
def test_stripping_is_sound_and_done_once(doc, deep):
    pad = " " * deep
    code = f'def f(a):\n{pad}"""{doc} """\n{pad}return "é", a\n'
    once = without_query(code, [doc], "python")
    assert ast.get_docstring(ast.parse(once).body[0]) is None
    assert without_query(once, [doc], "python") == once


@pytest.mark.parametrize("name", ["python", "Python", " python ", "pyhton", "py", "python3", ""])
def test_a_docstring_goes_however_the_language_is_spelt(name):
    code = 'def f(a):\n    """Read a file."""\n    return a'
    assert without_query(code, ["Read a file."], name) == "def f(a):\n    return a"


def test_a_known_language_is_never_taken_for_python():
    code = "def f(a)\n  # Read a file.\n  a\nend"
    assert without_query(code, ["Read the file."], "Ruby") == code
