"""From a table of the paper to the configuration of a study whose trials are its lines."""

import json
from collections.abc import Mapping, Sequence
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
_TIMED = (  # the first epoch warms up; what a step takes does not depend on what is learned
    *("optim.epochs=3", "optim.max_steps=100"),
    *("weights.teacher.epochs=1", "weights.simcse.epochs=1", "weights.simcse.max_steps=100"),
)
_OF_THE_SEARCH = (
    *("search/space", "search/points", "search/trials", "search/score_test", "search/asha"),
    *("search/confirm", "search/metric"),
    *("search/max_validation_queries", "search/max_validation_candidates"),
)
_BY_OPTION = {"data/path": "--data", "data/language": "--language", "optim/seed": "--seeds"}


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

    @property
    def title(self) -> str:
        """What is shown: at small scale with the encoder that is trained in the model's place."""
        scale = "" if self.scale == "full" else f", small scale: {self.encoder_name}"
        return f"{self.protocol.title} ({self.model}, {self.language}{scale})"

    @property
    def encoder_name(self) -> str:
        """The small encoder by its id, or by the end of its path: a folder may be called model."""
        if self.encoder == STATIC:
            return "static encoder"
        return f"encoder {'/'.join(Path(self.encoder).parts[-2:])}"


def point(config: Config, row: PaperRow, seed: int) -> dict[str, Any]:
    """Return what a line is trained with, by path.

    The paper's t = 5 is made for the dot products of a teacher whose vectors are long; over
    cosines all weights would be near 1.

    Args:
        config: of the study, or of any of its trials.
        row: the line.
        seed: that it is trained with.
    """
    is_taught = row.settings.get("weights/estimator") == "teacher"
    is_cosine = is_taught and config.encoder.similarity == "cosine"
    return {
        **row.settings,
        **({"weights/temperature": COSINE_T} if is_cosine else {}),
        "optim/seed": seed,
    }


def study_config(request: ReproductionRequest) -> Config:
    """Return the configuration of the study that trains a table's lines.

    Raises:
        ConfigError: the paper has no such table of the model, or a setting is wrong or decided by
            the table.
        DataError: the pairs are not there.
    """
    _require_printed(request)
    _require_free(request)
    place = f"data.path={json.dumps(str(_data(request)))}"
    timed = _TIMED if request.protocol.unit == "seconds" else ()
    settings = [place, f"data.language={request.language}", *timed, *request.settings]
    if request.scale == "full":
        texts = f"data.columns={json.dumps(_TEXTS[request.model])}"
        config = load_config(config_path(f"{request.model}-paper"), [texts, *settings])
    else:
        with as_file(files("tune_spaces.reproduction") / "small.yaml") as path:
            config = load_config(path, [*_encoder(request.encoder), *settings])
    if request.protocol.unit == "weight":
        config = with_overrides(config, _untrained(config))
    return with_overrides(config, _search(request, config))


def _untrained(config: Config) -> dict[str, Any]:
    """Train the frozen models alone to their end: no line's learning changes its weights."""
    own = config.weights.teacher.epochs or config.optim.epochs
    return {"weights/teacher/epochs": own, "optim/epochs": 1}


def _search(request: ReproductionRequest, config: Config) -> dict[str, Any]:
    """Return the settings of a search that tries the lines of a table and nothing else."""
    rows, is_scored = request.protocol.rows, request.protocol.unit == "mrr"
    lines = [point(config, row, seed) for seed in request.trained_seeds for row in rows]
    changes: dict[str, Any] = {
        "search/space": {},
        "search/points": lines,
        "search/trials": len(lines),
        "search/score_test": is_scored,
        "search/asha/enabled": False,
        "search/confirm": "never",
        "search/metric": "mrr",
        "search/max_validation_queries": _ALL if is_scored else None,
        "search/max_validation_candidates": _ALL if is_scored else None,
        "weights/teacher/score": "dot",
    }
    if request.protocol.unit == "seconds":
        changes["resources/max_concurrent"] = 1  # or the trials would slow each other down
    return changes


def _require_free(request: ReproductionRequest) -> None:
    """Refuse settings that the table decides: they would be passed over in silence."""
    decided = _decided(request.protocol)
    for setting in request.settings:
        path = setting.partition("=")[0].strip().replace(".", "/")
        nested = [one for one in decided if f"{one}/".startswith(f"{path}/")]
        if nested or any(path.startswith(f"{one}/") for one in decided):
            option = next((_BY_OPTION[one] for one in nested if one in _BY_OPTION), None)
            raise ConfigError(
                f"--set {setting}: {request.table} decides it",
                f"give {option} instead" if option else "leave it out",
            )


def _decided(protocol: Protocol) -> Mapping[str, None]:
    """List the paths of the settings that a table and its lines decide."""
    found = [*_BY_OPTION, *_OF_THE_SEARCH, "weights/teacher/score"]
    found += [path for row in protocol.rows for path in row.settings]
    if protocol.unit == "seconds":
        found.append("resources/max_concurrent")
    return dict.fromkeys(found)


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
    if request.data is not None and not request.data.exists():
        raise DataError(f"--data {request.data}: there is no such folder or file", "check the path")
    found = request.data or Path(f"codesearchnet-{request.language}-graphcodebert")
    if not found.exists():
        prepare = f"softnce data prepare codesearchnet --language {request.language}"
        raise DataError(
            f"{found}: there are no pairs of {request.language}",
            f"prepare them with {prepare}, or name a folder with --data",
        )
    return found.resolve()
