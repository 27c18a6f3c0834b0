"""The best trial of a study as a model folder, written once."""

import json
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from softnce.checkpoints.checkpoint import load_weights
from softnce.checkpoints.manifest import best_checkpoint, verified_progress
from softnce.checkpoints.retention import checkpoints
from softnce.config.config import Config
from softnce.config.file import to_yaml
from softnce.encoders.options import SIDE_FILE
from softnce.errors import RunError
from softnce.evaluation.metric_names import RETRIEVAL_METRICS
from softnce.export import export, model_card
from softnce.inputs.prepared import Prepared
from softnce.whole_files import torn_beside, write_text
from tune_spaces.study.context import StudyContext
from tune_spaces.study.verdicts.verdict import ResultRow, described

if TYPE_CHECKING:
    from softnce.encoders.encoder import Encoder


def export_champion(
    context: StudyContext, prepared: Prepared, best: ResultRow, sentence: str
) -> None:
    """Write the champion's best weights as a model folder, unless it lies there already.

    Its card tells the verdict, also of one that was written with a former verdict.

    Args:
        context: the study.
        prepared: its inputs.
        best: its champion.
        sentence: the verdict.

    Raises:
        RunError: the champion's checkpoint is gone.
    """
    folder = context.folder.champion
    if not (folder / "config.yaml").exists() or context.folder.champion_key != best.key:
        _write(context, prepared, best, sentence)
        write_text(context.folder.champion_marker, best.key)
    write_text(folder / "README.md", model_card(_facts(context, prepared, best, sentence)))
    for torn in torn_beside(folder):
        shutil.rmtree(torn, ignore_errors=True)


def _write(context: StudyContext, prepared: Prepared, best: ResultRow, sentence: str) -> None:
    checkpoint = best_checkpoint(context.folder.trial(best.key))
    if checkpoint is None:
        trial = context.folder.trial(best.key)
        raise RunError(f"{trial}: the champion's checkpoint is missing or damaged")
    encoder = prepared.encoder(best.config.encoder, seed=best.config.optim.seed)
    encoder.load_weights(load_weights(checkpoint))
    card = _facts(context, prepared, best, sentence)
    files = {"config.yaml": to_yaml(best.config), **_as_text(encoder, prepared)}
    export(encoder, context.folder.champion, card, files)


def _as_text(encoder: "Encoder", prepared: Prepared) -> dict[str, str]:
    """Measure what the model finds where it reads code as text, as it does without softnce."""
    from softnce.training.scoring import validate, validate_as_text

    if not encoder.reads_languages or not prepared.valid:
        return {}
    ways = {"mrr": validate, "mrr_as_text": validate_as_text}
    measured = {name: round(way(encoder, prepared)["mrr"], 4) for name, way in ways.items()}
    files = encoder.side_files()
    return {name: json.dumps(json.loads(text) | measured) for name, text in files.items()}


def _facts(
    context: StudyContext, prepared: Prepared, best: ResultRow, sentence: str
) -> dict[str, str]:
    config, where = best.config, f"on {prepared.looked_at.queries} validation queries"
    return {
        "study": context.folder.name,
        "trial": best.key,
        **{name: f"{value:.4f} {where}" for name, value in reached_by(context, best).items()},
        "loss": described(config),
        "settings": _settings(config),
        **_encoder(config),
        **_sizes(config),
        **_data_flow(context.folder.champion),
        "data": f"{prepared.train} training pairs, digest {prepared.data}",
        "verdict": sentence,
        "softnce": version("softnce"),
    }


def reached_by(context: StudyContext, best: ResultRow) -> dict[str, float]:
    """Return what the best epoch of a study's champion reached in validation, by metric.

    Args:
        context: the study.
        best: its champion.
    """
    own = {} if best.value is None else {context.config.search.metric: best.value}
    return own | _metrics(context.folder.trial(best.key))


def _metrics(trial: Path) -> dict[str, float]:
    """Return what the best epoch of a trial reached; nothing where its checkpoints are gone."""
    newest = checkpoints(trial)[-1:]
    progress = verified_progress(newest[0]) if newest else None
    if progress is None:
        return {}
    best = progress["history"][progress["best_epoch"] - 1]
    return {name: best[name] for name in RETRIEVAL_METRICS if name in best}


def _settings(config: Config) -> str:
    optim = config.optim
    return (
        f"temperature {config.loss.temperature:g}, learning rate {optim.learning_rate:g}, "
        f"batch size {optim.batch_size}, at most {optim.epochs} epochs, seed {optim.seed}"
    )


def _sizes(config: Config) -> dict[str, str]:
    """Tell the sizes that vectors can be cut to, where the loss was taken of them."""
    sizes = sorted(config.loss.matryoshka, reverse=True)
    if not sizes:
        return {}
    told = ", ".join(map(str, sizes))
    return {
        "shorter vectors": f"the first {told} numbers of a vector were trained to do alone: "
        f"SentenceTransformer(folder, truncate_dim={sizes[0]})"
    }


def _data_flow(champion: Path) -> dict[str, str]:
    """Tell what reading code as text costs, which is all that sentence-transformers does alone."""
    try:
        stored = json.loads((champion / SIDE_FILE).read_text(encoding="utf-8"))
        flow, text = float(stored["mrr"]), float(stored["mrr_as_text"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {
        "data flow": f"softnce reads code with it ({stored['dataflow']} rules); "
        f"SentenceTransformer alone reads code as text: MRR {text:.4f} instead of {flow:.4f}, "
        f"{text - flow:+.4f}, on the same validation queries"
    }


def _encoder(config: Config) -> dict[str, str]:
    section = config.encoder
    length = f"{section.similarity} similarity, up to {section.max_length} tokens"
    if section.kind == "static":
        shape = f"{section.dimensions} dimensions, {section.vocabulary} token vectors"
        return {"encoder": f"static, trained from scratch: {shape}; {length}"}
    told = f"{section.pooling} pooling; {length}"
    lora = {} if section.lora.rank is None else {"adapters": section.lora.told}
    return {"base model": str(section.model), "encoder": told, **lora}
