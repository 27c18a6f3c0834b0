"""The best trial of a study as a model folder, written once."""

import shutil

from softnce.checkpoints.checkpoint import load_weights
from softnce.checkpoints.manifest import best_checkpoint
from softnce.config.file import to_yaml
from softnce.errors import RunError
from softnce.export import export, model_card
from softnce.inputs.prepared import Prepared
from softnce.whole_files import torn_beside, write_text
from tune_spaces.study.context import StudyContext
from tune_spaces.study.verdicts.verdict import ResultRow, described


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
    encoder.model.load_state_dict(load_weights(checkpoint))
    card = _facts(context, prepared, best, sentence)
    export(encoder, context.folder.champion, card, {"config.yaml": to_yaml(best.config)})


def _facts(
    context: StudyContext, prepared: Prepared, best: ResultRow, sentence: str
) -> dict[str, str]:
    metric = context.config.search.metric
    return {
        "study": context.folder.name,
        "trial": best.key,
        metric: f"{best.value:.4f} on {prepared.valid} validation queries",
        "loss": described(best.config),
        "verdict": sentence,
    }
