"""From a table of the paper to the configuration of a study whose trials are its lines."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Literal

from softnce.config.config import Config
from softnce.config.file import load_config, with_overrides
from softnce.errors import ConfigError, DataError
from tune_spaces.reproduction.paper import LanguageName, ModelName, TableName
from tune_spaces.reproduction.protocol import PROTOCOLS, PaperRow, Protocol, seeds_of
from tune_spaces.sources.config import config_path

STATIC = "static"
COSINE_T = 0.1  # of a teacher whose vectors have length 1
Scale = Literal["full", "small"]
_TOKENS = {"query": "docstring_tokens", "code": "code_tokens"}
_TEXTS: dict[ModelName, dict[str, str]] = {  # what each of the paper's encoders reads
    "codebert": _TOKENS,
    "graphcodebert": _TOKENS | {"code": "original_string"},
    "unixcoder": _TOKENS,
}
_ALL = 1_000_000_000  # validation queries and candidates: no sample of them


@dataclass(frozen=True, slots=True)
class ReproductionRequest:
    """What is to be reproduced.

    Attributes:
        table: of the paper.
        language: of the functions.
        model: whose numbers stand beside ours; at full scale, what is trained.
        scale: full: the paper's model and epochs; small: another encoder, for minutes on a CPU.
        data: folder of the pairs; None: where ``softnce data prepare`` writes them.
        encoder: at small scale, static or a model's folder or hub id.
        seeds: how many; None: as many as the paper.
        settings: ``section.field=value`` that differ from the protocol.
    """

    table: TableName
    language: LanguageName
    model: ModelName
    scale: Scale = "full"
    data: Path | None = None
    encoder: str = STATIC
    seeds: int | None = None
    settings: Sequence[str] = ()

    @property
    def protocol(self) -> Protocol:
        """What the table compares."""
        return PROTOCOLS[self.table]

    @property
    def trained_seeds(self) -> tuple[int, ...]:
        """The seeds that each line is trained with."""
        return seeds_of(self.protocol.seeds if self.seeds is None else self.seeds)

    @property
    def name(self) -> str:
        """Name of the study."""
        scale = "" if self.scale == "full" else "-small"
        return f"{self.table}-{self.model}-{self.language}{scale}"


def point(request: ReproductionRequest, row: PaperRow, seed: int) -> dict[str, Any]:
    """Return what a line is trained with, by path.

    The paper's t = 5 is made for the dot products of a teacher whose vectors are long; over its
    cosines, which small scale has, all weights would be near 1.
    """
    is_taught = row.settings.get("weights/estimator") == "teacher"
    own = {"weights/temperature": COSINE_T} if request.scale == "small" and is_taught else {}
    return {**row.settings, **own, "optim/seed": seed}


def study_config(request: ReproductionRequest) -> Config:
    """Return the configuration of the study that trains a table's lines.

    Raises:
        ConfigError: the paper has no such table of the model, or a setting is wrong.
        DataError: the pairs are not there.
    """
    _require_printed(request)
    data = _data(request)
    place = f"data.path={json.dumps(str(data))}"
    settings = [place, f"data.language={request.language}", *request.settings]
    if request.scale == "full":
        texts = f"data.columns={json.dumps(_TEXTS[request.model])}"
        config = load_config(config_path(f"{request.model}-paper"), [texts, *settings])
    else:
        with as_file(files("tune_spaces.reproduction") / "small.yaml") as path:
            config = load_config(path, [*_encoder(request.encoder), *settings])
    return with_overrides(config, _search(request))


def _search(request: ReproductionRequest) -> dict[str, Any]:
    """Return the settings of a search that tries the lines of a table and nothing else."""
    lines = [
        point(request, row, seed) for seed in request.trained_seeds for row in request.protocol.rows
    ]
    changes: dict[str, Any] = {
        "search/space": {},
        "search/points": lines,
        "search/trials": len(lines),
        "search/score_test": True,
        "search/asha/enabled": False,
        "search/confirm": "never",
        "search/metric": "mrr",
        "search/max_validation_queries": _ALL,
        "search/max_validation_candidates": _ALL,
        "weights/teacher/score": "dot",
    }
    if request.protocol.unit == "seconds":
        changes["resources/max_concurrent"] = 1  # or the trials would slow each other down
    return changes


def _encoder(named: str) -> list[str]:
    if named == STATIC:
        return []
    return [
        "encoder.kind=transformer",
        f"encoder.model={json.dumps(named)}",
        "encoder.max_length=128",
        "optim.epochs=2",
        "optim.learning_rate=2.0e-5",
    ]


def _require_printed(request: ReproductionRequest) -> None:
    models = request.protocol.models
    if request.model not in models:
        raise ConfigError(
            f"{request.table}: the paper has it for {' and '.join(models)} alone, not for "
            f"{request.model}",
            f"give --model {models[0]}",
        )


def _data(request: ReproductionRequest) -> Path:
    found = request.data or Path(f"codesearchnet-{request.language}-graphcodebert")
    if not found.exists():
        prepare = f"softnce data prepare codesearchnet --language {request.language}"
        raise DataError(
            f"{found}: there are no pairs of {request.language}",
            f"prepare them with {prepare}, or name a folder with --data",
        )
    return found.resolve()
