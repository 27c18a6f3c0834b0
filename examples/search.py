"""Search the loss for a file of pairs from a script, and use the champion.

python examples/search.py [FOLDER]: the pairs and the study lie there, a new folder without it.
"""

import json
import sys
import tempfile
from itertools import product
from pathlib import Path

import softnce

VERBS = ["read", "write", "parse", "merge", "sort", "count", "filter", "load"]
NOUNS = ["files", "tables", "graphs", "tokens", "images", "packets"]
PLACES = ["disk", "memory", "cache", "network", "archive", "database"]


def write_pairs(path: Path) -> Path:
    """Write 288 made pairs; take your own file of queries and codes instead."""
    rows = [
        {
            "query": f"{verb} all {noun} of the {place}",
            "code": f"def {verb}_{noun}({place}):\n    return [{verb}(x) for x in {place}.{noun}]",
        }
        for verb, noun, place in product(VERBS, NOUNS, PLACES)
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def main() -> None:
    """Search, and tell what was found."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
    config = {
        "data": {"path": write_pairs(folder / "pairs.jsonl")},
        "encoder": {"kind": "static", "dimensions": 32, "vocabulary": 500},
        "optim": {"epochs": 2, "batch_size": 16, "learning_rate": 0.01},
        "search": {
            "name": "made",
            "always_try": "infonce",
            "space": {
                "loss/name": {"choice": ["infonce", "soft-infonce"]},
                "weights/temperature": {
                    "real": [0.05, 5],
                    "log": True,
                    "when": {"loss/name": "soft-infonce"},
                },
            },
        },
    }
    study = softnce.search(config, out=folder / "study", trials=3, quiet=True)
    print(study.trials_dataframe()[["key", "state", "loss/name", "weights/temperature", "mrr"]])
    print(study.verdict)
    if study.champion is not None:
        print(f"champion {study.champion.key}, MRR {study.champion.metrics['mrr']:.3f}")
        print(f'use it: SentenceTransformer("{study.champion.path}")')
    sys.exit(study.exit_code)


if __name__ == "__main__":
    main()
