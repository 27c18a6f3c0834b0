"""What makes a model's folder one that MLflow loads: its flavours, signature and input example.

Written by hand, for MLflow's own ``save_model`` would load the model, write its weights once more
and infer its packages in a process of its own. Nothing here is a pickle.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

from mlflow.models import Model
from mlflow.models.signature import ModelSignature
from mlflow.types.schema import ColSpec, Schema, TensorSpec
from numpy import dtype

DATA = "model.sentence_transformer"  # where MLflow's sentence_transformers flavour looks for it
_EXAMPLE = ["read a csv file", "def read(path):\n    return open(path).read()"]
_PACKAGES = ("mlflow", "sentence-transformers", "transformers", "torch")


def write_model_files(folder: Path, run: str, model_id: str) -> None:
    """Write all files of an MLflow model but the model itself, which belongs below ``DATA``.

    Args:
        folder: an empty one.
        run: id of the run that trained the model.
        model_id: of the logged model.
    """
    packages = [f"{name}=={version(name)}" for name in _PACKAGES]
    (folder / "requirements.txt").write_text("\n".join(packages) + "\n", encoding="utf-8")
    python = ".".join(map(str, sys.version_info[:3]))
    (folder / "python_env.yaml").write_text(
        f"python: {python}\ndependencies:\n- -r requirements.txt\n", encoding="utf-8"
    )
    (folder / "input_example.json").write_text(json.dumps(_EXAMPLE), encoding="utf-8")
    signature = ModelSignature(
        inputs=Schema([ColSpec("string")]),
        outputs=Schema([TensorSpec(dtype("float32"), (-1, -1))]),
    )
    example = {"artifact_path": "input_example.json", "type": "json_object"}
    model = Model(
        run_id=run, model_id=model_id, signature=signature, saved_input_example_info=example
    )
    model.add_flavor(
        "python_function",
        loader_module="mlflow.sentence_transformers",
        python_version=python,
        data=DATA,
        env={"virtualenv": "python_env.yaml"},
    )
    model.add_flavor(
        "sentence_transformers",
        sentence_transformers_version=version("sentence-transformers"),
        pipeline_model_type="SentenceTransformer",
    )
    model.save(str(folder / "MLmodel"))
