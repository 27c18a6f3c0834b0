"""A model as a folder to give away: sentence-transformers' own layout, with a model card."""

import json
import re
import shutil
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from softnce.encoders.options import SIDE_FILE
from softnce.errors import ConfigError
from softnce.export import CARD, UNKNOWN_LICENCE, card_facts, model_card
from softnce.whole_files import beside, replace_folder
from tune_spaces.search.onnx_weights import FILE, OUTPUTS, add_onnx, require_onnx
from tune_spaces.sources.model import BM25, ModelSource

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

MARKER = "softnce-export.json"
_CONFIG, _METRICS = "config.yaml", "metrics.json"
_LICENCE = re.compile(r"^license:\s*['\"]?([\w.-]+)", re.MULTILINE)


def export_model(
    source: ModelSource,
    out: Path,
    *,
    licence: str | None = None,
    with_onnx: bool = False,
    allow_bin: bool = False,
) -> Path:
    """Write a model, with its card, so that ``SentenceTransformer(out)`` loads it.

    Args:
        source: the model.
        out: a new or empty folder, or a former export; it appears whole or stays as it was.
        licence: as the hub names it; None takes that of the model's own card, if it says one.
        with_onnx: whether to add ONNX weights, for sentence-transformers' own ONNX backend.
        allow_bin: whether weights may come from a ``.bin`` file, of which only tensors are read.

    Returns:
        The folder.

    Raises:
        ConfigError: there is nothing to export, or the folder holds something else.
        SetupError: the model cannot be loaded, or a package is missing.
        OSError: the disk is full or refuses; a former export stands.
    """
    if source.place == BM25:
        raise ConfigError("export bm25: it has no weights", "name a model or a study")
    out = out.expanduser().resolve()
    _require_free(out, Path(source.place).expanduser())
    from softnce.retrieval.open_model import quietly_loaded  # seconds to import

    model = quietly_loaded(source.place, allow_bin=allow_bin)
    if with_onnx:
        require_onnx(source.name, model)
    facts, own_licence = _facts(source, model)
    facts.pop("onnx", None)  # of the model's own card
    if with_onnx:
        facts["onnx"] = f"{FILE}: {' and '.join(OUTPUTS)}, for onnxruntime"
    out.parent.mkdir(parents=True, exist_ok=True)
    building = beside(out)
    try:
        model.save(str(building), create_model_card=False, safe_serialization=True)
        if with_onnx:
            add_onnx(source.name, model, building)
        _add_texts(source, building, model_card(facts, licence=licence or own_licence))
        building.chmod(0o755)
        replace_folder(out, building)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return out


def _require_free(out: Path, place: Path) -> None:
    """Check that a folder is new, empty, or holds a former export and nothing else."""
    if place.is_dir() and out.is_relative_to(place.resolve()):
        raise ConfigError(f"{out}: is or lies in the model's own folder", "name another folder")
    if out.exists() and not out.is_dir():
        raise ConfigError(f"{out}: a file", "name a folder")
    there = {str(one.relative_to(out)) for one in out.rglob("*") if not one.is_dir()}
    try:
        ours = set(json.loads((out / MARKER).read_text(encoding="utf-8"))["files"])
    except (OSError, ValueError, KeyError, TypeError):
        ours = set()
    foreign = sorted(there - ours)
    if foreign:
        raise ConfigError(
            f"{out}: holds {foreign[0]}, which no softnce export wrote",
            "name a new or empty folder",
        )


def _facts(source: ModelSource, model: "SentenceTransformer") -> tuple[dict[str, str], str]:
    """Return what the card tells, and the licence that the model's own card names."""
    folder = Path(source.place).expanduser()
    card = folder / CARD
    text = card.read_text(encoding="utf-8", errors="replace") if card.is_file() else ""
    made_of = {"exported from": source.name} if folder.is_dir() else {"base model": source.place}
    facts = card_facts(text) or made_of
    facts |= _test_metrics(folder.parent / _METRICS)
    facts["size"] = (
        f"{sum(one.numel() for one in model.parameters()):,} parameters, vectors of "
        f"{model.get_embedding_dimension()} dimensions"
    )
    named = _LICENCE.search(text.partition("\n---")[0])
    return facts, named[1] if named else UNKNOWN_LICENCE


def _test_metrics(path: Path) -> dict[str, str]:
    """Return what a run of ``softnce train --test`` reached on the test split."""
    try:
        found: Mapping[str, float] = json.loads(path.read_text(encoding="utf-8"))["test"]
        return {f"{name} (test)": f"{float(value):.4f}" for name, value in found.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _add_texts(source: ModelSource, building: Path, card: str) -> None:
    (building / CARD).write_text(card, encoding="utf-8")
    config = Path(source.place).expanduser() / _CONFIG
    if source.is_ours and config.is_file():
        shutil.copyfile(config, building / _CONFIG)
    from softnce.encoders.hub import file_beside  # seconds to import

    flow = file_beside(source.place, SIDE_FILE)
    if flow is not None:
        shutil.copyfile(flow, building / SIDE_FILE)
    files = [str(one.relative_to(building)) for one in building.rglob("*") if one.is_file()]
    content = {"softnce": version("softnce"), "files": sorted([*files, MARKER])}
    (building / MARKER).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
