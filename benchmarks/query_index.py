"""``softnce query`` on 10,000 functions: to index them, to ask once, to ask on.

Run it without arguments: ``python benchmarks/query_index.py``. The code is that of the installed
packages, the model a static one in the shape of a quick study's champion (its weights are drawn:
they take no part in the time). Goals on two quiet cores: indexed in under 20 s by the command, its
start included; a query in under 100 ms in a process that runs. The last line is JSON.
"""

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from softnce.code_index.functions import file_functions
from softnce.code_index.index import code_index
from softnce.code_index.listing import listed_functions
from softnce.code_index.text_encoder import text_encoder
from softnce.data.mining.sources import environment_packages, sources
from softnce.data.source_code.languages.table import language_named
from softnce.encoders.static import static_encoder, train_tokenizer
from softnce.export import export

FUNCTIONS = 10_000
QUERIES = [
    "read a csv file",
    "open a connection to a host",
    "wrap text to a given width",
    "parse the headers of a request",
    "sort a list of names without regard to case",
    "train a model for one epoch",
    "escape html",
    "walk a folder and yield its files",
]
COMMAND = [sys.executable, "-c", "from softnce.command import main; main()", "query"]


def code_base(folder: Path) -> Path:
    """Copy installed files until they hold so many functions."""
    python = language_named("python")
    found = 0
    for number, source in enumerate(sources(environment_packages(), [python], seed=0).files):
        inside = file_functions(source.path, python).functions
        if not inside:
            continue
        copy = folder / f"part{number % 40}" / f"file{number}.py"
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(source.path.read_bytes())
        found += len(inside)
        if found >= FUNCTIONS:
            break
    return folder


def champion(folder: Path, code: Path) -> Path:
    """Write a static model of the quick preset's shape."""
    texts = [path.read_text(errors="replace") for path in sorted(code.rglob("*.py"))[:400]]
    tokenizer = train_tokenizer(texts, vocabulary=8000, max_length=256)
    generator = torch.Generator().manual_seed(0)
    encoder = static_encoder(tokenizer, dimensions=128, similarity="cosine", generator=generator)
    return export(encoder, folder, {})


def timed(*words: object) -> tuple[dict[str, object], float, float]:
    """Run the command; return its answer, its seconds by the clock and of the processor."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    ended = subprocess.run([*COMMAND, *map(str, words)], capture_output=True, text=True, check=True)
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return json.loads(ended.stdout), seconds, spent


def silent(_phase: str, _done: int, _total: int) -> None:
    """Tell nobody."""


def asked(model: Path, code: Path, cache: Path) -> list[tuple[float, float]]:
    """Return the milliseconds of each query in this process, by the clock and of the processor."""
    listing = listed_functions(code, cache, with_tests=True, progress=silent)
    encoder = text_encoder(str(model), "champion")
    index = code_index(listing, cache, encoder, with_bm25=True, progress=silent)
    found = []
    for text in QUERIES * 3:
        began, spent = time.perf_counter(), time.process_time()
        index.search(text, 5)
        clock, processor = time.perf_counter() - began, time.process_time() - spent
        found.append((1000 * clock, 1000 * processor))
    return found[len(QUERIES) :]


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        code = code_base(scratch / "code")
        model = champion(scratch / "model", code)
        words = (model, code, QUERIES[0], "--tests", "--json", "--cache", scratch / "cache")
        first, index_s, index_cpu_s = timed(*words)
        again = [timed(*words) for _ in range(3)]
        each = asked(model, code, scratch / "cache")
    results = {
        "functions": first["functions"],
        "encoded": first["encoded"],
        "index_s": round(index_s, 2),
        "index_cpu_s": round(index_cpu_s, 2),
        "encoded_again": again[0][0]["encoded"],
        "warm_command_s": round(statistics.median(one[1] for one in again), 2),
        "warm_command_cpu_s": round(statistics.median(one[2] for one in again), 2),
        "query_ms": round(statistics.median(one[0] for one in each), 1),
        "slowest_query_ms": round(max(one[0] for one in each), 1),
        "query_cpu_ms": round(statistics.median(one[1] for one in each), 1),
    }
    for key, value in results.items():
        print(f"{key:>20} {value}")
    print(json.dumps(results))


if __name__ == "__main__":
    main()
