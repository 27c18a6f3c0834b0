"""Memory or a disk that runs out: smaller passes, or errors that say what to change."""

import errno
import logging
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from softnce.config.config import Config
from softnce.errors import RunError, SetupError, SoftnceError

if TYPE_CHECKING:
    from softnce.encoders.encoder import Encoder

log = logging.getLogger(__name__)
Result = TypeVar("Result")
_FEWEST = 64  # tokens of a pass
_NO_MEMORY = re.compile(r"out of memory|can't allocate memory|cannot allocate memory", re.I)
_NO_SPACE = re.compile(r"no space left|database or disk is full|disk quota exceeded", re.I)
_A_PAGE = 4096 * 4
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def memory_ran_out(error: BaseException) -> bool:
    """Tell whether an error says that main memory or the GPU's memory is used up."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":  # torch's own
        return True
    is_candidate = isinstance(error, RuntimeError | OSError)
    return is_candidate and _NO_MEMORY.search(str(error)) is not None


def disk_is_full(error: BaseException) -> bool:
    """Tell whether an error, or what caused it, says that a disk or a quota is used up."""
    one: BaseException | None = error
    while one is not None:
        if isinstance(one, OSError) and one.errno in _DISK_ERRORS:
            return True
        if _NO_SPACE.search(str(one)):
            return True
        one = one.__cause__ or one.__context__
    return False


def nothing_is_free(folder: Path) -> bool:
    """Tell whether the disk of a folder, which may not be there yet, has no room left."""
    while not folder.exists():
        folder = folder.parent
    usage = shutil.disk_usage(folder)  # /proc and its like have no size at all
    return usage.total > 0 and usage.free < _A_PAGE


def disk_advice(folder: Path) -> SetupError:
    """Return the error that says a disk is full and how to go on."""
    return SetupError(
        f"{folder}: the disk is full; nothing that was finished is lost",
        "free space (softnce clean frees what no trial needs any more), then the same "
        "command continues the study",
    )


@contextmanager
def explained(config: Config, folder: Path) -> Iterator[None]:
    """Turn memory and disks that run out into errors a user can act on.

    Args:
        config: of the run; its settings that cost memory are named.
        folder: of the run's checkpoints.

    Raises:
        RunError: memory ran out; other runs may fit.
        SetupError: the disk is full.
    """
    try:
        yield
    except Exception as error:
        if memory_ran_out(error):
            raise RunError("out of memory", memory_advice(config)) from error
        is_torn = not isinstance(error, SoftnceError) and nothing_is_free(folder)
        if disk_is_full(error) or is_torn:  # a file cut short is met as any error, later
            raise disk_advice(folder) from error
        raise


def memory_advice(config: Config) -> str:
    """Say which settings to lower when memory ran out."""
    optim, kept = config.optim, config.encoder.max_length
    half = " or optim.precision: bf16" if optim.precision == "fp32" else ""
    now = "" if optim.max_tokens_per_pass is None else f" ({optim.max_tokens_per_pass})"
    cached = (
        f"{'set' if optim.max_tokens_per_pass is None else 'lower'} optim.max_tokens_per_pass{now}"
    )
    return (
        f"{cached}, which keeps the batch whole, or lower optim.batch_size "
        f"({optim.batch_size}) or encoder.max_length ({kept}), or set "
        f"resources.max_concurrent{half}"
    )


def fitted(
    encoder: "Encoder", attempt: Callable[[], Result], *, tokens: int, longest: int
) -> Result:
    """Make an attempt; where memory runs out, make it again in smaller passes.

    The batch, and so the number of negatives, never changes: gradient caching makes the passes
    smaller. What was halved stays so for the rest of the run.

    Args:
        encoder: whose passes become smaller.
        attempt: starts anew whenever it is called.
        tokens: of the batch.
        longest: tokens of its longest text, which has to fit.

    Raises:
        RuntimeError: memory ran out with passes of single texts.
    """
    while True:
        try:
            return attempt()
        except (RuntimeError, MemoryError) as error:
            now = min(encoder.max_tokens_per_pass or tokens, tokens)
            if not memory_ran_out(error) or now <= max(longest, _FEWEST):
                raise
        encoder.max_tokens_per_pass = max(now // 2, _FEWEST)
        encoder.model.zero_grad(set_to_none=True)
        if encoder.device.type == "cuda":
            import torch  # whoever only reads of errors needs none

            torch.cuda.empty_cache()
        log.warning(
            "out of memory: at most %d tokens in a pass from now on (optim.max_tokens_per_pass); "
            "the batch stays as it is",
            encoder.max_tokens_per_pass,
        )
