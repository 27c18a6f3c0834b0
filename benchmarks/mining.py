"""How many files per second of processor time mining reads, language by language.

Run it without arguments: ``python benchmarks/mining.py``. Every language gets the same number of
generated files of ten documented functions each, about as long as real files are (260 lines); one
process reads them, so that the figures are those of one core. Python is also timed on the
installed packages. The last line is JSON: files per second.
"""

import json
import random
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from softnce.data.mining.function_extraction import Source, extract_all
from softnce.data.mining.sources import environment_packages, sources
from softnce.data.source_code.languages.table import NAMES, languages_named

FILES, FUNCTIONS, STATEMENTS = 60, 10, 20
WORDS = ["node", "tree", "value", "index", "count", "table", "column", "query", "vector", "batch"]
BLOCK = "/**\n * {doc}.\n *\n * @param a what to start from\n */\n"
FORMS = {  # the file's head, a function's head with its documentation, its statement, its end
    "go": ("package a\n", "// {name} {doc}.\nfunc {name}(a int) int {{", "{left} := {right}", "}"),
    "java": ("class A {\n", BLOCK + "public int {name}(int a) {{", "int {left} = {right};", "}"),
    "javascript": ("", BLOCK + "export function {name}(a) {{", "const {left} = {right};", "}"),
    "php": ("<?php\n", BLOCK + "function {name}($a) {{", "${left} = {right};", "}"),
    "python": ("", 'def {name}(a):\n    """{doc}."""', "{left} = {right}", ""),
    "ruby": ("", "# {doc}.\n#\n# @param a [Integer]\ndef {name}(a)", "{left} = {right}", "end"),
    "typescript": ("", BLOCK + "function {name}(a: number) {{", "const {left} = {right};", "}"),
}


def written(language: str, draw: random.Random) -> str:
    """Write a file of documented functions."""
    head, opening, statement, end = FORMS[language]
    text = head
    for number in range(FUNCTIONS):
        doc = "computes the " + " ".join(draw.choices(WORDS, k=8))
        text += opening.format(name=f"{draw.choice(WORDS)}{number}", doc=doc) + "\n"
        for place in range(STATEMENTS):
            right = f"a + {draw.randrange(10_000)} * {draw.randrange(100)}"
            left = f"{draw.choice(WORDS)}{place}"
            text += "    " + statement.format(left=left, right=right) + "\n"
        text += f"{end}\n\n"
    return text + ("}\n" if language == "java" else "")


def generated(language: str, folder: Path) -> list[Source]:
    """Write the files of a language, and list them."""
    (row, *_) = languages_named([language])
    draw = random.Random(0)
    for number in range(FILES):
        path = folder / f"{language}{number}{row.suffixes[0]}"
        path.write_text(written(language, draw), encoding="utf-8")
    return sources([folder], [row], seed=0).files


def files_per_second(files: list[Source]) -> tuple[float, int]:
    """Measure the reading of some files, and count the pairs found."""
    extract_all(files[:2])  # the grammar is loaded, the queries are compiled
    began = time.process_time()
    found = extract_all(files)
    return len(files) / (time.process_time() - began), sum(len(one.functions) for one in found)


def main() -> None:
    python = languages_named(["python"])
    works: dict[str, Callable[[Path], list[Source]]] = {
        language: partial(generated, language) for language in NAMES
    }
    works["python_installed"] = lambda _: sources(environment_packages(), python, seed=0).files[
        :600
    ]
    rates = {}
    print(f"{'':18}{'files':>7}{'files/s':>9}{'pairs':>8}")
    for name, listed in works.items():
        with tempfile.TemporaryDirectory() as folder:
            files = listed(Path(folder))
            rate, pairs = files_per_second(files)
        rates[f"{name}_files_per_s"] = round(rate, 1)
        print(f"{name:18}{len(files):7}{rate:9.1f}{pairs:8}")
    print(json.dumps(rates))


if __name__ == "__main__":
    main()
