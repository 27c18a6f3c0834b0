"""Where a study is shown in the MLflow UI, kept in its folder for those who open it."""

import json
from pathlib import Path

from softnce.whole_files import write_json
from tune_spaces.tracking.view import run_path, runs_path

_FILE = "mlflow.json"


def store_links(folder: Path, experiment: str, run: str) -> None:
    """Remember where a study is shown, below the address of its server.

    Args:
        folder: of the study.
        experiment: its id.
        run: id of the study's own run.
    """
    links = {"runs": runs_path(experiment), "study": run_path(experiment, run)}
    write_json(folder / _FILE, links)


def stored_link(folder: Path, of: str = "runs") -> str:
    """Return where a study is shown, below its server's address; the start page if not known.

    Args:
        folder: of the study.
        of: runs (its trials, the best first) or study (its own page).
    """
    try:
        return str(json.loads((folder / _FILE).read_text(encoding="utf-8"))[of])
    except (OSError, ValueError, KeyError, TypeError):
        return "/"
