"""A notebook in which Ray runs already: softnce uses that session and leaves it as it was."""

# %% Ray, as a notebook may have started it for something else
import json
import tempfile
from pathlib import Path

import ray

import softnce

ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
folder = Path(tempfile.mkdtemp())

# %% A few made pairs
words = ["read", "write", "parse", "merge", "sort", "count", "filter", "load", "send", "close"]
pairs = [
    {
        "query": f"{first} and {then} all {what}s",
        "code": f"def {first}_{then}({what}s):\n    return {then}({first}({what}s))",
    }
    for first in words
    for then in words
    for what in ("file", "table", "graph")
]
(folder / "pairs.jsonl").write_text("\n".join(map(json.dumps, pairs)))

# %% The search: three trials that differ in the loss's temperature
study = softnce.search(
    {
        "data": {"path": folder / "pairs.jsonl"},
        "encoder": {"kind": "static", "dimensions": 32, "vocabulary": 500},
        "loss": {"name": "infonce"},
        "optim": {"epochs": 2, "batch_size": 16, "learning_rate": 0.01},
        "search": {
            "always_try": "infonce",
            "space": {"loss/temperature": {"real": [0.02, 0.5], "log": True}},
        },
    },
    out=folder / "study",
    trials=3,
)

# %% What was found
study.trials_dataframe()[["run_name", "state", "loss/temperature", "mrr", "duration_s"]]

# %% The session is as it was: more work can go to it
assert ray.is_initialized()  # noqa: S101
print(ray.get(ray.remote(lambda: study.verdict).remote()))
