import pytest

from softnce.data.mining.functions import functions_of
from softnce.data.mining.source_text import UnreadableError
from softnce.errors import DataError

FILES = {  # one documented function, in each language's own way
    "python": 'class A:\n\n    def add(self, x):\n        """Add x to it."""\n        return x\n',
    "java": "class A {\n  /** Add x to it. */\n  @Deprecated\n"
    "  int add(int x) {\n    return x;\n  }\n}\n",
    "javascript": "/**\n * Add x to it.\n */\nexport async function add(x) {\n  return x;\n}\n",
    "typescript": "class A {\n  /** Add x to it. */\n  @Log({a: f(1)})\n  add<T>(x: T): T {\n"
    "    return <T>x;\n  }\n}\n",
    "go": "package a\n\n// Add x to it.\n//go:noinline\n"
    "func (a *A) add(x int) int {\n\treturn x\n}\n",
    "php": "<p><?php\n\n/**\n * Add x to it.\n */\n#[Pure]\n"
    "function add($x) {\n  return $x;\n}\n?></p>\n",
    "ruby": "class A\n  # Add x to it.\n  private def add(x)\n    x\n  end\nend\n",
}
LINES = {"python": (3, 5), "java": (3, 6), "javascript": (4, 6), "typescript": (4, 6)}
LINES |= {"go": (5, 7), "php": (6, 9), "ruby": (3, 5)}


@pytest.mark.parametrize("language", FILES)
def test_a_function_is_found_as_it_stands_and_taken_apart(language):
    (found,) = functions_of(FILES[language], language)
    assert (found.name, found.language, found.docstring) == ("add", language, "Add x to it.")
    assert found.lines == LINES[language]
    assert found.is_sound
    assert "Add x to it." in found.text
    assert "Add x to it." not in found.code
    assert found.text in FILES[language] or language in ("java", "python", "ruby", "typescript")
    assert found.code.splitlines()[-1] == found.text.splitlines()[-1]  # both at the left margin


ASSIGNED = {
    "const": "const add = (x) => {\n  return x;\n};",
    "property": "Tree.prototype.add = function (x) {\n  return x;\n};",
    "exported": "module.exports.add = async (x) => {\n  return x;\n};",
    "generator": "function* add(x) {\n  yield x;\n}",
}


@pytest.mark.parametrize("code", ASSIGNED.values(), ids=ASSIGNED)
def test_a_function_of_javascript_goes_by_what_it_is_assigned_to(code):
    (found,) = functions_of(f"/** Add x to it. */\n{code}\n", "javascript")
    assert found.name.split(".")[-1] == "add"
    assert (found.docstring, found.code) == ("Add x to it.", code)


@pytest.mark.parametrize("held", ["object", "class"])
def test_a_method_of_javascript_is_found(held):
    opened = "const a = {" if held == "object" else "class A {"
    (found,) = functions_of(
        f"{opened}\n  /** Add x to it. */\n  add(x) {{ return x; }}\n}}", "javascript"
    )
    assert (found.name, found.text) == ("add", "/** Add x to it. */\nadd(x) { return x; }")


STRANGERS = {
    "blank line": ("go", "package a\n// Package a adds.\n\nfunc add() {\n}\n"),
    "behind code": ("ruby", "class A\n  attr :x # the one\n  def add\n  end\nend\n"),
    "no doc comment": ("java", "class A {\n  // add\n  int add() { return 1; }\n}\n"),
    "about the file": ("javascript", "/** Adds things. */\n\nfunction add(x) {\n}\n"),
    "two blank lines": ("javascript", "y();\n/** Adds. */\n\n\nfunction add(x) {\n}\n"),
    "an ordinary block": ("php", "<?php\n/* add */\nfunction add() { return 1; }\n"),
}


@pytest.mark.parametrize(("language", "text"), STRANGERS.values(), ids=STRANGERS)
def test_a_comment_that_is_not_right_above_or_no_doc_comment_documents_nothing(language, text):
    (found,) = functions_of(text, language)
    assert (found.docstring, found.text) == ("", found.code)


def test_a_blank_line_may_part_a_doc_block_from_its_function():
    code = "res.add = function add(x) {\n  return x;\n};"
    (found,) = functions_of(f"use(res);\n\n/**\n * Add x to it.\n */\n\n{code}\n", "javascript")
    assert (found.docstring, found.code) == ("Add x to it.", code)


def test_an_undocumented_function_and_one_with_errors_are_listed_too(tmp_path):
    (tmp_path / "a.tsx").write_text("const f = () => <p>1</p>;\nfunction g() { return ((; }\n")
    assert [(one.name, one.is_sound) for one in functions_of(tmp_path / "a.tsx")] == [
        ("f", True),
        ("g", False),
    ]


def test_a_file_of_no_known_language_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"no language is known for .*a\.xyz"):
        functions_of(tmp_path / "a.xyz")


def test_a_text_too_deep_to_parse_is_refused():
    with pytest.raises(UnreadableError, match="nested deeper"):
        functions_of("x = " + "[" * 200_000, "ruby")


def test_what_belongs_to_a_function_is_in_its_text_and_not_in_its_code():
    text = '@cached\ndef f(a):\n    """Give a."""\n    return a\n'
    (found,) = functions_of(text, "python")
    assert found.text == text.strip()
    assert found.code == "def f(a):\n    return a"
