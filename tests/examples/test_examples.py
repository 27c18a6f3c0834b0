"""The examples, executed as a reader would, and what the front door makes of their studies."""

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sentence_transformers import SentenceTransformer

import softnce

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PAGE = EXAMPLES.with_name("docs") / "python.md"
pytestmark = [pytest.mark.ray, pytest.mark.slow]
KERNEL = """
import json, logging, os, signal, sys

def state():
    import ray
    context = ray.get_runtime_context()
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
    return {
        "running": ray.is_initialized(),
        "session": [context.gcs_address, context.get_job_id()],
        "handlers": [repr(signal.getsignal(one)) for one in signals],
        "environment": {k: v for k, v in os.environ.items() if k.startswith(("RAY_", "TUNE_"))},
        "logging": [repr(logging.getLogger().handlers), logging.getLogger().level],
    }

names, states = {"__name__": "__main__"}, []
for number, cell in enumerate(open(sys.argv[1]).read().split("\\n# %%")):
    exec(compile("# %%" + cell, f"cell {number}", "exec"), names)
    states.append(state() if number else None)
print(json.dumps({"states": states[1:], "exit_code": names["study"].exit_code}))
"""


def executed(*words: str) -> str:
    """Return what a Python process prints."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RAY_AUTH")}
    ended = subprocess.run(
        [sys.executable, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env=environment,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    """The folder and the words of the script."""
    folder = tmp_path_factory.mktemp("script")
    return folder, executed(str(EXAMPLES / "search.py"), str(folder))


@pytest.fixture(scope="module")
def study(script):
    """The script's study, opened again by the same search: nothing is left to train."""
    folder, _ = script
    return softnce.search(folder / "study" / "config.yaml", out=folder / "study", quiet=True)


def test_the_script_tells_its_trials_and_where_the_champion_is(script):
    folder, said = script
    assert [line.split()[1] for line in said.splitlines()[1:3]] == ["t0000", "t0001"]
    assert f'SentenceTransformer("{folder / "study" / "champion"}")' in said


def test_a_study_is_a_data_frame_of_its_trials(study):
    frame = study.trials_dataframe()
    assert frame["key"].is_unique
    assert frame["key"].tolist() == [f"t{number:04d}" for number in frame["number"]]
    assert frame["role"].tolist() == ["infonce", "noise", "search"]
    assert (frame["epochs"] > 0).all()
    assert (frame["duration_s"] > 0).all()
    assert frame["loss/name"].notna().all()
    assert frame["run_name"].str[:5].tolist() == frame["key"].tolist()
    complete = frame[frame["state"] == "complete"]
    assert complete["mrr"].tolist() == pytest.approx(complete["value"].tolist())
    assert study.exit_code == 0


def test_the_champion_is_a_model_with_its_configuration_and_metrics(study):
    champion = study.champion
    rows = study.trials_dataframe().set_index("key")
    assert champion.path == study.folder / "champion"
    assert champion.metrics["mrr"] == rows.loc[champion.key, "value"]
    assert {"mrr", "recall_at_10", "loss"} <= champion.metrics.keys()
    assert all(math.isfinite(value) for value in champion.metrics.values())
    assert champion.config.loss.name == rows.loc[champion.key, "loss/name"]
    assert SentenceTransformer(str(champion.path)).encode(["read files"]).shape == (1, 32)
    assert champion.key in study.verdict


def test_the_snippet_of_the_page_on_python_runs_as_it_stands(script, monkeypatch, capsys):
    folder, _ = script  # it holds the study that the snippet continues; nothing is left to train
    (folder / "search.yaml").write_text((folder / "study" / "config.yaml").read_text())
    snippet = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[0]
    monkeypatch.chdir(folder)
    exec(compile(snippet, str(PAGE), "exec"), {})
    assert str(folder / "study" / "champion") in capsys.readouterr().out.replace("\n", "")


@pytest.mark.long
def test_a_notebooks_ray_session_environment_handlers_and_logging_are_left_as_they_were():
    said = json.loads(executed("-c", KERNEL, str(EXAMPLES / "notebook.py")).splitlines()[-1])
    before, *after = said["states"]
    assert said["exit_code"] == 0
    assert before["running"]
    assert len(after) >= 4
    assert all(state == before for state in after)
