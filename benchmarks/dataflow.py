"""How many functions a second have their data flow followed, by language, on one core.

Run it without arguments: ``python benchmarks/dataflow.py``. Functions are real ones where those
sets are at hand, else a written one of some dozen lines with other names each time. Seconds are of
the processor, so that a loaded machine tells the same; parsing is measured by itself beside it. The
last line is JSON.
"""

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from softnce.data.pairs import read_pairs
from softnce.data.source_code.parsing import parser
from softnce.dataflow.extraction import extract
from softnce.dataflow.languages.table import LANGUAGES, Mode

SETS = Path(__file__).resolve().parents[2] / "shared" / "data"
AT_LEAST, SECONDS = 300, 3.0
MODES: tuple[Mode, ...] = ("official", "fixed")
WRITTEN = {
    "go": "func f(a int) int { x := a; for i := 0; i < x; i++ { if a > i { x += i } else { x-- } };"
    " return g(x, a) }",
    "java": "int f(int a) { int x = a; for (int i = 0; i < x; i++) { if (a > i) { x += i; } else "
    "{ x--; } } return g(x, a); }",
    "javascript": "function f(a) { let x = a; for (let i = 0; i < x; i++) { if (a > i) { x += i; } "
    "else { x--; } } return g(x, a); }",
    "php": "function f($a) { $x = $a; foreach ($a as $i) { if ($a > $i) { $x += $i; } else "
    "{ $x--; } } return g($x, $a); }",
    "python": "def f(a):\n    x = a\n    for i in range(x):\n        if a > i:\n"
    "            x += i\n        else:\n            x -= 1\n    return g(x, a)",
    "ruby": "def f(a)\n  x = a\n  for i in a\n    if a > i\n      x += i\n    else\n      x -= 1\n"
    "    end\n  end\n  g(x, a)\nend",
}


def functions(language: str) -> tuple[str, list[str]]:
    """Return a set's name and its functions."""
    for folder in (SETS / "csn-cloze" / language, SETS / f"csn-{language}"):
        if folder.is_dir():
            return folder.relative_to(SETS).as_posix(), list(read_pairs(folder).candidates)
    names = (f"g{place}(" for place in range(AT_LEAST))
    return "written", [WRITTEN[language].replace("g(", name) for name in names]


def rate(work: Callable[[str], object], codes: list[str]) -> float:
    """Return functions a second of processor time."""
    done, began = 0, time.process_time()
    while done < AT_LEAST or time.process_time() - began < SECONDS / 3:
        work(codes[done % len(codes)])
        done += 1
        if time.process_time() - began > SECONDS:
            break
    return done / (time.process_time() - began)


def parsed(language: str, code: str) -> None:
    prepared = LANGUAGES[language]["fixed"].prepared(code)
    parser(language).parse(prepared.encode())


def main() -> None:
    print(
        f"{'language':12}{'functions of':22}{'tokens':>8}"
        f"{'parsing':>10}{'official':>10}{'fixed':>10}"
    )
    rates = {}
    for language in LANGUAGES:
        name, codes = functions(language)
        tokens = sum(len(extract(code, language).tokens) for code in codes) / len(codes)
        found = {"parsing": rate(partial(parsed, language), codes)}
        for mode in MODES:
            found[mode] = rate(partial(extract, language=language, mode=mode), codes)
        shown = "".join(f"{one:10,.0f}" for one in found.values())
        print(f"{language:12}{name:22}{tokens:8.0f}{shown}", flush=True)
        rates[language] = {key: round(one) for key, one in found.items()}
    print(json.dumps({"functions_per_second": rates}))


if __name__ == "__main__":
    main()
