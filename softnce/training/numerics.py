"""Whether a run's numbers repeat, and whether they still are numbers.

The same seed gives the same numbers, strictly on a GPU too where the model's kernels can:
PyTorch's attention is deterministic there only where any other kernel would be an error, so that a
warning alone would leave training unrepeatable.
"""

import logging
import os
from collections.abc import Callable
from typing import TypeVar

import torch

from softnce.config.config import Config
from softnce.errors import RunError

log = logging.getLogger(__name__)
Result = TypeVar("Result")
_REFUSALS = ("does not have a deterministic implementation", "CUBLAS_WORKSPACE_CONFIG")


def settle(device: torch.device, *, deterministic: bool) -> None:
    """Let torch compute deterministically, or as fast as it can.

    Args:
        device: where the run trains.
        deterministic: setting ``optim.deterministic``.
    """
    is_strict = deterministic and device.type == "cuda"
    if is_strict:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # or cuBLAS is refused
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.use_deterministic_algorithms(deterministic, warn_only=not is_strict)


def attempted(step: Callable[[], Result]) -> Result:
    """Run a training step; where a kernel of it has no deterministic form, run it without.

    The log then says that two runs of one seed may differ, and by which operation.
    """
    try:
        return step()
    except RuntimeError as error:
        is_strict = not torch.is_deterministic_algorithms_warn_only_enabled()
        if not (is_strict and any(words in str(error) for words in _REFUSALS)):
            raise
        log.warning("two runs of one seed may differ: %s", error)
        torch.use_deterministic_algorithms(True, warn_only=True)  # noqa: FBT003
        return step()


def require_finite(recent: torch.Tensor, config: Config, *, epoch: int, step: int) -> None:
    """Refuse to go on once the loss is no number.

    Args:
        recent: (n,) losses of the last steps, in order.
        config: of the run.
        epoch: from 1.
        step: number in the epoch of the last of them, from 1.

    Raises:
        RunError: a loss is NaN or infinite; says which, and what to change.
    """
    if bool(torch.isfinite(recent).all()):
        return
    first = step - len(recent) + int((~torch.isfinite(recent)).nonzero()[0]) + 1
    has_weights = config.weights.floor is None and config.loss.spec.has_weights
    floor = "give weights.floor a value above 0, " if has_weights else ""
    raise RunError(
        f"the loss is not finite at step {first} of epoch {epoch}",
        f"{floor}lower optim.learning_rate ({config.optim.learning_rate:g}) "
        f"or raise loss.temperature ({config.loss.temperature:g})",
    )
