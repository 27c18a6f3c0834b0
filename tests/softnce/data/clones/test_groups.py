"""Which functions are the same: kinds that are found, and look-alikes that are none."""

import ast
import itertools
import random
import re
import textwrap
from contextlib import suppress

import pytest

from softnce.data.clones.groups import KINDS, clones
from softnce.data.clones.tokens import language_of, tokens
from softnce.data.tables import rows as rows_of

PYTHON = '''def merge_rows(rows, other, limit=10):
    """Merge rows of two tables."""
    found = {}
    for row in rows + other:  # in order
        if row.key not in found and len(found) < limit:
            found[row.key] = row.value or "none"
    return sorted(found.items())
'''
RUBY = """def merge_rows(rows, limit)
  found = {}
  rows.each do |row|
    # the first one counts
    found[row.key] ||= "#{row.value} of #{limit}"
  end
  found.first(limit)
end
"""
JAVA = """public List<String> mergeRows(List<Row> rows, int limit) {
    List<String> found = new ArrayList<>();
    for (Row row : rows) { // in order
        if (found.size() < limit) { found.add(row.getKey() + "none"); }
    }
    return found;
}
"""
CODES = {"python": PYTHON, "ruby": RUBY, "java": JAVA}
NAMES = {"rows": "lines", "row": "line", "found": "kept", "limit": "most", "other": "more"}


def renamed(code, names):
    return re.sub(r"(?<![.\w])[a-z]+\b", lambda name: names.get(name[0], name[0]), code)


def kind(left, right, language=""):
    found = clones([left, right], [language, language])
    return found.kind(0, 1) if found.groups == [0, 0] else None


def test_names_in_ranges_and_in_the_holes_of_strings_may_change_too():
    code = """def show_grid(grid)
  1.upto(grid.size) do |x|
    (0..grid.width).each { |y| log "grid #{x} of #{grid.title}, y #{y} in #{zone}" }
  end
end
"""
    words = ["show_grid", "grid", "upto", "size", "x", "width", "each", "y", "log", "title", "zone"]
    names = {word: f"v{number}" for number, word in enumerate(words)}
    code, said = code.split("log ")[0] + "log ", code.split("log ")[1]
    text = said.replace("#{x}", "#{v4}").replace("#{grid.title}", "#{v1.v9}")
    text = text.replace("#{y}", "#{v7}").replace("#{zone}", "#{v10}")
    changed = re.sub(r"[a-z_]+", lambda word: names.get(word[0], word[0]), code) + text
    assert kind(code + said, changed, "ruby") == "renamed"


@pytest.mark.parametrize("language", CODES)
def test_layout_and_comments_are_no_difference(language):
    code = CODES[language]
    spread = "\n\n".join(f"    {line}   " for line in code.splitlines())
    mark = "//" if language == "java" else "#"
    commented = code.replace("\n", f"\n  {mark} we do it so because of a rule\n", 2)
    assert kind(code, code, language) == "exact"
    assert kind(code, spread, language) == "layout"
    assert kind(code, commented, language) == "layout"


def test_a_docstring_and_quotes_are_no_difference():
    other = PYTHON.replace("Merge rows of two tables.", "Something else.").replace(
        '"none"', "'none'"
    )
    assert kind(PYTHON, other, "python") == "layout"


@pytest.mark.parametrize("language", CODES)
def test_other_names_for_what_a_function_binds_are_no_difference(language):
    other = renamed(CODES[language], NAMES)
    assert other != CODES[language]
    assert kind(CODES[language], other, language) == "renamed"
    assert kind(CODES[language], other) == "renamed"


def test_every_name_changed_by_one_rule_is_no_difference():
    code = "def merge(rows, limit):\n    found = rows.first(limit)\n    return sift(found)\n"
    kept = {"def", "return", "none"}
    other = re.sub(r"[a-z]+", lambda name: name[0] if name[0] in kept else f"{name[0]}_b", code)
    assert kind(code, other, "python") == "renamed"


def test_every_name_changed_at_will_is_no_difference():
    code = "def merge(rows, limit):\n    found = rows.first(limit)\n"
    code += "    return sift(len(found), 'none')\n"
    names = {"merge": "a", "rows": "heap", "limit": "q", "found": "it", "first": "pop", "sift": "z"}
    other = re.sub(r"[a-z]+", lambda name: names.get(name[0], name[0]), code)
    assert kind(code, other, "python") == "renamed"
    assert kind(code, other.replace("pop", "first"), "python") == "renamed"
    assert kind(code, other.replace("heap", "rows"), "python") is None
    assert kind(code, other.replace("none", "other"), "python") is None


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("def get_users(self, page): return self.get('/users', page=page)",
         "def get_pages(self, page): return self.get('/pages', page=page)"),
        ("def largest(self, rows): return self.table.max(rows, axis=self.axis)",
         "def smallest(self, rows): return self.table.min(rows, axis=self.axis)"),
        ("def name(self): return self._name", "def size(self): return self._size"),
        ("def is_dir(path): return os.path.exists(path) and os.path.isdir(path)",
         "def is_file(path): return os.path.exists(path) and os.path.isfile(path)"),
        ("def add(a, b): return a + b if a else b", "def sub(a, b): return a - b if a else b"),
        ("def set_hook(hook):\n    global _hook\n    _hook = hook if hook else None",
         "def set_path(path):\n    global _path\n    _path = path if path else None"),
        ("def Lock(self):\n    from .synchronize import Lock\n    return Lock(self.context)",
         "def RLock(self):\n    from .synchronize import RLock\n    return RLock(self.context)"),
        ("def rate(self, place):\n    raise NotImplementedError('of a subclass')",
         "def text(self, code):\n    raise NotImplementedError('of a subclass')"),
        ("def set_width(self, width): self.width = width; self.changed = True",
         "def set_color(self, color): self.color = color; self.changed = True"),
    ],
)  # fmt: skip
def test_functions_written_alike_that_do_other_things_are_not_the_same(left, right):
    assert kind(left, right, "python") is None


def test_groups_widen_from_kind_to_kind_and_are_blind_to_order():
    codes = [PYTHON, PYTHON, PYTHON.replace("  # in order", ""), renamed(PYTHON, NAMES), RUBY]
    found = clones(codes)
    sizes = [len(set(getattr(found, name))) for name in KINDS]
    assert sizes == [4, 3, 3, 2]
    back = clones(codes[::-1]).groups
    for left in range(5):
        for right in range(5):
            assert (found.groups[left] == found.groups[right]) == (
                back[4 - left] == back[4 - right]
            )


def test_nothing_and_broken_code_have_groups():
    assert clones([]).groups == []
    found = clones(["", "def f(", "''' open", "((((", "def", ")"])
    assert len(set(found.groups)) == 6


@pytest.mark.parametrize("language", CODES)
def test_a_language_is_known_by_its_look(language):
    looks = language_of(CODES[language])
    assert looks == ("" if language == "java" else language)


def test_a_line_rebuilt_from_tokens_loses_nothing_to_a_comment_mark():
    assert len(tokens("def f ( x ) : # note return x", "python")) == 10


def local_names(code):
    """Rename the parameters and variables of a function by its syntax tree."""
    tree = ast.parse(textwrap.dedent(code))
    nodes = list(ast.walk(tree))
    bound = {one.arg for one in nodes if isinstance(one, ast.arg)} - {"self", "cls"}
    stored = (one for one in nodes if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store))
    bound |= {one.id for one in stored}
    shared = (one for one in nodes if isinstance(one, ast.Global | ast.Nonlocal))
    bound -= {name for one in shared for name in one.names}
    new = {
        name: f"{random.Random(name).choice(WORDS)}_{place}"
        for place, name in enumerate(sorted(bound))
    }
    for one in nodes:
        if isinstance(one, ast.arg):
            one.arg = new.get(one.arg, one.arg)
        if isinstance(one, ast.Name):
            one.id = new.get(one.id, one.id)
    return ast.unparse(tree)


WORDS = ["river", "stone", "cloud", "maple", "ember", "falcon", "cedar", "pearl"]


def spread_out(code):
    return "\n".join(f"    {line}  \n" for line in code.splitlines())


def commented(code):
    return "\n".join(f"{line}\n        # a remark that was not there" for line in code.splitlines())


@pytest.mark.parametrize("change", [str, spread_out, commented, local_names])
def test_planted_clones_of_real_functions_are_counted_within_a_point(real_data, change):
    rows = itertools.islice(rows_of(real_data / "csn-python-mini" / "test.jsonl.gz"), 300)
    codes = [row.values["code"] for row in rows]
    planted = []
    for code in codes[::8]:
        with suppress(SyntaxError):
            planted.append(change(code))
    before, after = (len(some) - len(set(clones(some).groups)) for some in (codes, codes + planted))
    total = len(codes) + len(planted)
    assert len(planted) > 0.1 * total
    assert abs((after - before) - len(planted)) / total < 0.01


def test_hardly_any_real_function_is_taken_for_a_clone(real_data):
    found = [row.values["code"] for row in rows_of(real_data / "csn-ruby" / "test.jsonl.gz")]
    assert len(found) - len(set(clones(found, ["ruby"] * len(found)).groups)) <= 1
