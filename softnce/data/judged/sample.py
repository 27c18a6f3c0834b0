"""A seeded sample of a set: fewer codes to search, with all right answers of its queries."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from softnce.data.judged.judged_set import Codebase
from softnce.errors import ConfigError


def sampled(codebases: Sequence[Codebase], most: int | None, *, seed: int) -> list[Codebase]:
    """Keep at most so many codes of each codebase.

    Queries are taken in a drawn order, each whose right answers still fit into half of the codes;
    the rest are other codes, drawn likewise. What is kept stays in its order.

    Args:
        codebases: of a set.
        most: number of codes in each; None keeps all.
        seed: of the draw.

    Raises:
        ConfigError: the answers of one query alone are more than that.
    """
    if most is None:
        return list(codebases)
    return [one if len(one.codes) <= most else _sample(one, most, seed) for one in codebases]


def _sample(codebase: Codebase, most: int, seed: int) -> Codebase:
    draw = np.random.default_rng(seed)
    room = max(1, most // 2)
    kept: list[int] = []
    right: set[str] = set()
    for row in draw.permutation(len(codebase.queries)).tolist():
        more = right | codebase.queries[row].grades.keys()
        if len(more) > room:
            continue
        right = more
        kept.append(row)
    if not kept and codebase.queries:
        raise ConfigError(
            f"--max-candidates {most}: the right answers of every query are more than half of that",
            "allow more candidates",
        )
    names = list(codebase.codes)
    others = [names[one] for one in draw.permutation(len(names)) if names[one] not in right]
    chosen = right | set(others[: most - len(right)])
    return replace(
        codebase,
        queries=tuple(codebase.queries[row] for row in sorted(kept)),
        codes={name: code for name, code in codebase.codes.items() if name in chosen},
    )
