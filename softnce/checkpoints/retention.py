"""Which files of one run's checkpoints are needed, by what the run still has before it.

A run that may go on needs the newest epoch, the one before it should the newest be torn, and the
best. One that is complete needs the best epoch's weights; one that has lost needs nothing.
"""

import shutil
from collections.abc import Iterable
from pathlib import Path

OPTIMIZER = "optimizer.safetensors"
_EPOCHS = "epoch-*"


def epoch_name(epoch: int) -> str:
    """Name the checkpoint of an epoch.

    >>> epoch_name(3)
    'epoch-0003'
    """
    return f"epoch-{epoch:04d}"


def checkpoints(folder: Path) -> list[Path]:
    """List a run's checkpoints, whole or not, the oldest first."""
    return sorted(folder.glob(_EPOCHS))


def epochs_done(folder: Path) -> int:
    """Count the epochs that a run's checkpoints tell of, by their names."""
    return max((int(path.name.split("-")[1]) for path in checkpoints(folder)), default=0)


def needless_to_go_on(folder: Path, *, epoch: int, best: int) -> list[Path]:
    """List what a run does not need any more to go on after an epoch.

    Args:
        folder: of its checkpoints.
        epoch: the newest.
        best: the best so far; its optimizer state goes once it is older than the one before.
    """
    kept = {epoch_name(epoch), epoch_name(epoch - 1), epoch_name(best)}
    needless = [path for path in checkpoints(folder) if path.name not in kept]
    if best < epoch - 1:
        needless.append(folder / epoch_name(best) / OPTIMIZER)
    return needless + list(folder.glob(".building-*"))


def needless_to_use(best: Path) -> list[Path]:
    """List what a complete run does not need: all but the weights of its best checkpoint.

    Args:
        best: folder of the best checkpoint, which is whole.
    """
    return [*(path for path in checkpoints(best.parent) if path != best), best / OPTIMIZER]


def needless_to_encode(best: Path) -> list[Path]:
    """List what a complete frozen model does not need: its vectors may have to be made anew.

    Its newest checkpoint stays beside the best one, for it shows that all epochs are done.

    Args:
        best: folder of the best checkpoint, which is whole.
    """
    *others, newest = checkpoints(best.parent)
    states = [path / OPTIMIZER for path in sorted({best, newest})]
    return [path for path in others if path != best] + [path for path in states if path.exists()]


def remove(paths: Iterable[Path]) -> None:
    """Remove files and folders, those that are gone already left out."""
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
