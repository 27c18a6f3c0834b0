"""What the fixed rules find where the official ones have a hole; each test names one."""

import pytest

from softnce.dataflow.extraction import extract
from softnce.dataflow.languages.table import LANGUAGES


def sources(code, language, name, *, nth=-1, mode="fixed"):
    """Return the texts and places of what one occurrence of a name comes from, as 'x@0 y@4'."""
    found = extract(code, language, mode)
    flows = [flow for flow in found.flows if flow.name == name]
    if not flows:
        return None
    flow = flows[nth]
    pairs = zip(flow.source_names, flow.sources, strict=True)
    return " ".join(f"{text}@{place}" for text, place in pairs)


# language, code, name of the occurrence looked at, what it comes from
HOLES = {
    "python: x += y comes from the old x": ("python", "x = 1\nx += y", "x", "x@0 y@5"),
    "python: the body of for ... else": (
        "python", "for a in b:\n    c = a\nelse:\n    d = 1\ne = c", "c", "c@5",
    ),
    "python: a typed default": ("python", "def f(x: int = y): return x", "x", "x@3"),
    "python: the value of a typed default": ("python", "def f(x: int = y): z", "x", "y@7"),
    "python: walrus": ("python", "if (n := g(m)): h(n)", "n", "n@2"),
    "python: the value of a walrus": ("python", "(n := m)", "n", "m@3"),
    "python: with": ("python", "with open(p) as f: f.read()", "f", "f@6"),
    "python: the value of a with": ("python", "with p as f: f", "f", "f@3"),
    "python: only lists are paired": ("python", "self.x = a + b", "self", "a@4 b@6"),
    "python: lists in lists": ("python", "a, (b, c) = d, (e, g)", "c", "g@13"),
    "python: an elif sees what its if set": (
        "python", "if (n := m): 1\nelif n: 2", "n", "n@2",
    ),
    "python: a loop may run no time": ("python", "x = a\nwhile b: x = c\nd = x", "x", "x@0 x@6"),
    "java: compound": ("java", "void f() { int x = 1; x -= y; }", "x", "x@6 y@12"),
    "java: do ... while": (
        "java", "void f() { int x = y; do { g(x); x = z; } while (w); }", "x", "z@19",
    ),
    "java: an else forgets what held before": (
        "java", "void f() { x = a; if (b) { x = c; } else { x = d; } g(x); }", "x", "x@14 x@21",
    ),
    "java: a string is one token": ("java", 'void f() { String s = "a b"; g(s); }', "s", "s@6"),
    "javascript: plain assignment": ("javascript", "x = y; z = x", "x", "x@0"),
    "javascript: the value of a plain assignment": ("javascript", "x = y", "x", "y@2"),
    "javascript: for ... of": ("javascript", "for (const x of xs) { f(x) }", "x", "x@3"),
    "javascript: for ... in": ("javascript", "for (k in o) { f(k) }", "k", "k@2"),
    "javascript: for with let runs again": (
        "javascript", "for (let i = 0; i < n; i++) { f(i) }", "i", "i@3 i@11",
    ),
    "javascript: parts of an object": ("javascript", "const {a} = o; f(a)", "a", "a@2"),
    "go: short declaration": ("go", "func f() { x := y; g(x) }", "x", "x@5"),
    "go: the value of a short declaration": ("go", "func f() { x := y }", "x", "y@7"),
    "go: decrement": ("go", "func f() { x := 1; x--; g(x) }", "x", "x@9"),
    "go: the second name of a declaration": (
        "go", "func f() { var a, b = c, d }", "b", "d@12",
    ),
    "go: range": ("go", "func f() { for k, v := range m { g(v) } }", "v", "v@8"),
    "go: the key of a range": ("go", "func f() { for k, v := range m { g(k) } }", "k", "k@6"),
    "php: foreach over pairs": (
        "php", "function f($m) { foreach ($m as $k => $v) { g($v); } }", "v", "v@17",
    ),
    "php: foreach over a property": (
        "php", "function f() { foreach ($this->m as $v) { g($v); } }", "v", "v@14",
    ),
    "php: a first use stands for a value": (
        "php", "function f() { global $a; g($a); h($a); }", "a", "a@8",
    ),
    "php: a function is no variable": (
        "php", "function f($g) { $h = 1; return h($g); }", "h", "1@11",
    ),
    "ruby: x += y comes from the old x": ("ruby", "x = 1\nx += y", "x", "x@0 y@5"),
    "ruby: while": ("ruby", "x = a\nwhile b\n  f(x)\n  x = c\nend\nf(x)", "x", "x@0 x@9"),
    "ruby: branches do not see each other": (
        "ruby", "x = a\nif b\n  x = c\nelse\n  f(x)\nend", "x", "x@0",
    ),
    "ruby: cases": ("ruby", "case q\nwhen 1\n  r = a\nelse\n  r = b\nend\nf(r)", "r", "r@4 r@8"),
    "ruby: a default": ("ruby", "def f(a = b) a end", "a", "a@3"),
}  # fmt: skip


@pytest.mark.parametrize("hole", HOLES)
def test_the_hole_is_mended(hole):
    language, code, name, wanted = HOLES[hole]
    assert sources(code, language, name) == wanted


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("python", "s = 'żółć'; x = s"),
        ("java", 'void f() { String s = "żółć"; x = s; }'),
        ("javascript", "s = 'żółć'; x = s"),
        ("go", 'func f() { s := "żółć"; x = s }'),
        ("php", "function f() { $s = 'żółć'; $x = $s; }"),
        ("ruby", "s = 'żółć'; x = s"),
    ],
)
@pytest.mark.parametrize("mode", ["official", "fixed"])
def test_what_stands_behind_a_letter_of_many_bytes_is_cut_right(language, code, mode):
    tokens = extract(code, language, mode).tokens
    assert any("żółć" in one for one in tokens)
    assert {"s", "x"} <= set(tokens)
    assert "".join(tokens).replace("<?php", "").replace("?>", "") == code.replace(" ", "")


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("python", 'def f():\n    """Say what."""\n    # Say what.\n    return (a'),
        ("java", "/** Say what. */ int f() { /* Say what. */ return a; // Say what.\n }"),
        ("javascript", "// Say what.\nfunction f() { return a /* Say what. */ }"),
        ("go", "// Say what.\nfunc f() int { return a /* Say what. */ }"),
        ("php", "/** Say what. */ function f() { return $a; # Say what.\n }"),
        ("ruby", "# Say what.\ndef f\n  a # Say what.\nend\n=begin\nSay what.\n=end\n"),
    ],
)
def test_no_comment_and_no_docstring_is_a_token_even_of_code_that_is_broken(language, code):
    tokens = extract(code, language).tokens
    assert "f" in tokens
    assert "a" in tokens
    assert not any("Say" in one for one in tokens)


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_occurrence_has_one_flow_with_all_its_sources(language):
    code = {
        "python": "x = a + b", "java": "void f() { x = a + b; }", "javascript": "x = a + b",
        "go": "func f() { x = a + b }", "php": "function f() { $x = $a + $b; }",
        "ruby": "x = a + b",
    }[language]  # fmt: skip
    flows = extract(code, language).flows
    assert len({flow.token for flow in flows}) == len(flows)
    assert next(flow for flow in flows if flow.name == "x").source_names == ("a", "b")


def test_the_second_round_of_a_loop_sees_what_the_first_has_set():
    code = "void f() { int x = y; do { g(x); x = w; } while (v); }"
    assert sources(code, "java", "x", nth=1) == "x@6 x@17"


def test_the_second_round_of_a_loop_is_no_second_flow():
    code = "function f($a) { while ($b) { $c = $a; } }"
    flows = extract(code, "php").flows
    assert len({flow.token for flow in flows}) == len(flows)
