"""What keeps ours and the paper's numbers from being compared like for like."""

from collections.abc import Sequence
from pathlib import Path

from softnce.config.config import Config
from softnce.config.file import value_at
from softnce.data.public.known_sets import FILTERED
from tune_spaces.reproduction.protocol import PAPER_SEEDS
from tune_spaces.reproduction.setup import COSINE_T, ReproductionRequest
from tune_spaces.study.sizes import Sizes

_TRAINED = ("data", "encoder", "loss", "optim", "weights")  # sections that tell what is learned
_HARMLESS = {
    *("optim/max_tokens_per_pass", "optim/gradient_checkpointing", "optim/compile"),
    *("optim/cuda_graphs", "encoder/packing", "encoder/allow_bin"),
}
_OF_FOLDERS = {"encoder/model": "the encoder", "weights/simcse/model": "SimCSE's first model"}


def reservations(
    request: ReproductionRequest, config: Config, sizes: Sizes | None
) -> Sequence[str]:
    """Say why the numbers of a table cannot be compared with the paper's; nothing where they can.

    Args:
        request: what was asked for.
        config: of the study.
        sizes: of its data, where they are known.
    """
    protocol, found = request.protocol, []
    if request.scale == "small":
        found.append(f"a small {request.encoder_name} stands for {request.model}")
        found += _of_cosines(request, config)
    if sizes is not None:
        found += _of_data(request, sizes)
    if protocol.unit == "seconds":
        found.append(
            "the paper timed an RTX A6000 that computed a frozen model's vectors in each step; "
            "here they are cached"
        )
    if protocol.language and request.language != protocol.language:
        found.append(f"the paper has it for {protocol.language}, this is {request.language}")
    is_short = request.trained_seeds[: protocol.seeds] != PAPER_SEEDS[: protocol.seeds]
    if is_short and protocol.unit == "mrr":
        found.append(f"{len(request.trained_seeds)} of the paper's {protocol.seeds} seeds")
    places = _model_folders(request, config)
    own = [
        setting
        for setting in request.settings
        if _matters(setting, protocol.unit) and _path(setting) not in places
    ]
    if own:
        found.append(f"settings of one's own: {', '.join(own)}")
    return found


def differences(request: ReproductionRequest, config: Config) -> Sequence[str]:
    """Say what lines of a table do otherwise than the paper, whatever the scale.

    Args:
        request: what was asked for.
        config: of the study.
    """
    found = [
        f"{_OF_FOLDERS[path]} is read from {folder}; comparable only if it is the paper's model"
        for path, folder in _model_folders(request, config).items()
    ]
    if "simcse" not in _estimators(request) or request.protocol.unit == "seconds":
        return found
    return [
        *found,
        f"SimCSE learns from the queries of {request.language} alone, the paper's from those of "
        "all six languages",
    ]


def _model_folders(request: ReproductionRequest, config: Config) -> dict[str, str]:
    """Return the folders that stand for models of the hub, by path of the setting."""
    named = [path for path in _OF_FOLDERS if path in map(_path, request.settings)]
    if request.scale == "small":  # where the encoder is another one anyway
        named = [path for path in named if path != "encoder/model"]
    folders = {path: str(value_at(config, path)) for path in named}
    return {path: folder for path, folder in folders.items() if Path(folder).is_dir()}


def _of_cosines(request: ReproductionRequest, config: Config) -> list[str]:
    if config.encoder.similarity != "cosine":
        return []
    found = [f"cosines over {config.loss.temperature:g} stand for dot products"]
    if "teacher" in _estimators(request):
        found.append(f"the trained model's t is {COSINE_T:g}")
    return found


def _of_data(request: ReproductionRequest, sizes: Sizes) -> list[str]:
    counts, found = FILTERED[request.language], []
    if sizes.train and sizes.train != counts["train"]:
        found.append(f"{sizes.train:,} training pairs, not {counts['train']:,}")
    if (sizes.test, sizes.candidates) != (counts["test"], counts["codebase"]):
        found.append(
            f"{sizes.test:,} test queries among {sizes.candidates:,} functions, not "
            f"{counts['test']:,} among {counts['codebase']:,}"
        )
    return found


def _estimators(request: ReproductionRequest) -> set[object]:
    return {row.settings.get("weights/estimator") for row in request.protocol.rows}


def _matters(setting: str, unit: str) -> bool:
    """Tell whether a setting changes what is learned; what a step takes follows from all."""
    path = _path(setting)
    section = path.partition("/")[0]
    if unit == "seconds":
        return section not in ("tracking", "search")
    return section in _TRAINED and path not in _HARMLESS


def _path(setting: str) -> str:
    return setting.partition("=")[0].strip().replace(".", "/")
