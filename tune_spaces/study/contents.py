"""The file that says what each file of a study is, for those who open its folder."""

from pathlib import Path

from softnce.whole_files import write_text

FILE = "README.md"
_PARTS = {
    "report.html, figures/": "the page of the study, which opens without a network; its pictures",
    "config.yaml": "the resolved configuration; it can be searched as it is",
    "champion/": "the best model, as a sentence-transformers folder with its card",
    "champion.txt": "the trial that the champion is",
    "verdict.json": "the verdict, and all the figures that it rests on",
    "trials/": "a folder for each trial: its configuration, its log, what is kept of its weights",
    "confirm/": "the runs on fresh seeds, with the reciprocal rank of every query; `ledger.json` "
    "counts how often the test split was read",
    "optuna.db": "the trials as Optuna stores them: the memory of the study",
    "mlflow.db, mlartifacts/": "the MLflow store of the study, where no server is used",
    "mlflow.json": "where the MLflow UI shows the study; `softnce ui` opens it",
    "environment.json, requirements.txt": "command, commit, machine and packages of the search",
    "per_query.json, per_query_test.json": "how well the candidate and InfoNCE answer each "
    "query of the validation and of the test split",
    "tracking.jsonl, tracking.cursor": "what MLflow is told, and how much of it has arrived",
    "baselines.json, sizes.json": "what the trials are compared with; how many queries there are",
    "study.json, pairs.json": "the data and settings that make it this study: never change them",
    "softnce.log": "what the search did and what libraries said; `softnce logs` prints it",
    "data/": "the pairs, where the study mined them itself",
    "cache/": "tokens and vectors; `softnce clean` frees what nothing needs any more",
    "teacher/, simcse/": "the models that the study trained once, for all trials",
    "ray/": "what Ray Tune keeps while it runs",
}


def write_contents(root: Path, name: str) -> None:
    """Write what each file of a study is, unless that stands there.

    Args:
        root: the study's folder.
        name: of the study.
    """
    path = root / FILE
    if path.exists():
        return
    lines = [f"| `{what}` | {meaning} |" for what, meaning in _PARTS.items()]
    text = (
        f"# Study {name}\n\n"
        "Written by `softnce search`. The same command continues it, `softnce report` shows it, "
        "`softnce ui` opens its trials in MLflow.\n\n"
        "| | |\n|---|---|\n" + "\n".join(lines) + "\n"
    )
    write_text(path, text)
