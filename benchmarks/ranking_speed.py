"""Exact ranks of all queries among all candidates, against what peers do.

Run it without arguments: ``python benchmarks/ranking_speed.py``. Peers: the full score matrix with
a full sort, as the papers' code does it, and ``sentence_transformers.util.semantic_search`` with
its default of ten hits, which finds no rank beyond. Vectors are random. The last line is JSON.
"""

import json
import statistics
import time
from collections.abc import Callable

import torch
from sentence_transformers.util import semantic_search
from torch.nn.functional import normalize

from softnce.evaluation.ranking import ranks

SIZES = ((1000, 5000), (2000, 20_000))  # queries, candidates
DIMENSIONS, REPETITIONS = 384, 3


def sorted_ranks(queries: torch.Tensor, candidates: torch.Tensor) -> torch.Tensor:
    """Rank by sorting every row of the whole matrix."""
    order = (queries @ candidates.T).argsort(dim=1, descending=True)
    own = torch.arange(len(queries)).unsqueeze(1)
    return (order == own).int().argmax(dim=1) + 1


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    torch.set_num_threads(2)
    draw = torch.Generator().manual_seed(0)
    ratios = {}
    print(f"{'queries x candidates':>22}{'softnce s':>11}{'full sort s':>13}{'ST top 10 s':>13}")
    for asked, found in SIZES:
        codes = normalize(torch.randn(found, DIMENSIONS, generator=draw), dim=1)
        noise = torch.randn(asked, DIMENSIONS, generator=draw) / DIMENSIONS**0.5
        queries, answers = normalize(codes[:asked] + 2 * noise, dim=1), torch.arange(asked)
        works = (
            lambda q=queries, c=codes, a=answers: ranks(q, c, a),
            lambda q=queries, c=codes: sorted_ranks(q, c),
            lambda q=queries, c=codes: semantic_search(q, c, top_k=10),
        )
        agree = torch.equal(ranks(queries, codes, answers), sorted_ranks(queries, codes).float())
        times = [[seconds(work) for work in works] for _ in range(REPETITIONS)]
        ours, full, ten = (statistics.median(column) for column in zip(*times, strict=True))
        same = "" if agree else "  (ranks differ by rounding)"
        print(f"{asked:>12} x {found:<7}{ours:11.2f}{full:13.2f}{ten:13.2f}{same}")
        key = f"{asked}x{found}"
        ratios[f"full_sort_{key}"] = round(statistics.median(t[1] / t[0] for t in times), 2)
        ratios[f"semantic_search_{key}"] = round(statistics.median(t[2] / t[0] for t in times), 2)
    print(json.dumps(ratios))


if __name__ == "__main__":
    main()
