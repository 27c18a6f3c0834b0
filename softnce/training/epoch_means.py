"""What the steps of an epoch leave for its report, looked at now and then while they go on."""

from typing import final

import torch
from torch import Tensor

from softnce.config.config import Config
from softnce.errors import RunError
from softnce.losses.table import BASELINE
from softnce.training.gather import Workers
from softnce.training.numerics import require_finite
from softnce.training.objectives import Outcome
from softnce.training.standing import Report

_STEPS_A_LOOK = 50  # each look waits for the device


@final
class EpochMeans:
    """Collects the numbers of one epoch's steps on their device."""

    def __init__(self, config: Config, workers: Workers, *, epoch: int, steps: int) -> None:
        """Begin an epoch.

        Args:
            config: of the run.
            workers: those of the run.
            epoch: from 1.
            steps: in the epoch.
        """
        self._config, self._workers = config, workers
        self._epoch, self._steps = epoch, steps
        self._losses: list[Tensor] = []
        self._means: dict[str, list[Tensor]] = {"weight_spread": [], "relief": [], "trusted": []}

    def add(self, outcome: Outcome) -> None:
        """Take in a step, after its backward pass.

        Raises:
            RunError: the loss is no longer finite, or no pair has been trusted for many steps.
        """
        self._losses.append(outcome.loss.detach())
        loss = self._config.loss
        is_shifted = loss.name != BASELINE or loss.duplicates != "keep"
        found = {
            "weight_spread": outcome.weight_spread,
            "relief": outcome.relief() if is_shifted else None,
            "trusted": outcome.trusted,
        }
        for name, one in found.items():
            if one is not None:
                self._means[name].append(one)
        if len(self._losses) % _STEPS_A_LOOK == 0 or len(self._losses) == self._steps:
            self._look()

    def report(self) -> Report:
        """Return the means of the epoch by the names that a report has for them."""
        report: Report = {
            "epoch": self._epoch,
            "loss": self._mean(self._losses),
            "steps": self._steps,
        }
        report |= {name: self._mean(values) for name, values in self._means.items() if values}
        if self._config.loss.name == BASELINE:
            report.setdefault("weight_spread", 0.0)
        return {**report, "relief": report.get("relief", 0.0)}

    def _mean(self, values: list[Tensor]) -> float:
        return float(self._workers.mean(torch.stack(values)).mean())

    def _look(self) -> None:
        """Let all workers end together where one of them cannot go on."""
        recent = self._workers.mean(torch.stack(self._losses[-_STEPS_A_LOOK:]))
        step = len(self._losses)
        require_finite(recent, self._config, epoch=self._epoch, step=step)
        trusted = self._means["trusted"][-_STEPS_A_LOOK:]
        if trusted and not self._mean(trusted) > 0:
            loss = self._config.loss
            raise RunError(
                f"loss.trust_rank={loss.trust_rank} and loss.trust_least={loss.trust_least} trust "
                f"none of the pairs of the last {len(trusted)} steps, so that nothing is learned "
                f"(epoch {self._epoch}, step {step})",
                "raise loss.trust_rank, or lower loss.trust_least"
                + (" or loss.trust_softness" if loss.trust_softness else "")
                + ": see what the estimator's scores are with softnce weights",
            )
