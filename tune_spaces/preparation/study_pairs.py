"""The pairs of a study: read from its data, or mined once into its folder."""

from softnce.cli import phase_progress
from softnce.data.mining.mine import mine
from softnce.data.mining.sources import named_paths
from softnce.data.pairs import PairSet, read_pairs
from softnce.inputs.pairs import pairs_of, require_enough
from tune_spaces.study.context import StudyContext


def read(context: StudyContext) -> PairSet | None:
    """Read the pairs that ``data.path`` names; None where they are mined, which takes a while.

    Raises:
        DataError: they cannot be read, or are too few to train on and to compare by; or what they
            are to be mined from is not there.
    """
    if context.config.data.path is None:
        if not _is_mined(context):
            named_paths(context.config.data.mine)
        return None
    context.console.print(f"reading {context.config.data.path}", soft_wrap=True)
    pairs = pairs_of(context.config.data)
    require_enough(context.config, pairs)
    return pairs


def mined(context: StudyContext) -> PairSet:
    """Mine the study's own pairs, once: later they are read, whatever was installed since."""
    data = context.config.data
    if not _is_mined(context):
        with phase_progress(context.console) as progress:
            report = mine(
                named_paths(data.mine),
                context.folder.mined,
                language=data.language or "python",
                max_pairs=data.max_pairs,
                seed=data.seed,
                progress=progress,
            )
        context.console.print(
            f"mined {sum(report.pairs.values()):,} pairs from {report.files:,} files "
            f"in {report.seconds:.0f} s"
        )
    return read_pairs(context.folder.mined)


def _is_mined(context: StudyContext) -> bool:
    return (context.folder.mined / "mining.json").exists()
