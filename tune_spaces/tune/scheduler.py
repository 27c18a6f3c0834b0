"""Early stopping of weak trials: ASHA, fair to the first points and true to interrupted studies."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, final

from optuna.trial import FrozenTrial
from ray.tune.schedulers import ASHAScheduler

from softnce.config.config import Config


@final
class FairASHA(ASHAScheduler):
    """ASHA that measures the first points like all others, and lets them finish.

    The baselines and the paper's own settings are what all others are compared with. It knows a
    trial by its key, which stays when the trial goes on in another search.
    """

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:  # noqa: ANN401
        """Take a trial in."""
        super().on_trial_add(tune_controller, _known_by_key(trial))

    def on_trial_result(
        self,
        tune_controller: Any,  # noqa: ANN401
        trial: Any,  # noqa: ANN401
        result: dict[str, Any],
    ) -> str:
        """Return whether a trial goes on; epochs that were not reported are judged first."""
        one, decision = _known_by_key(trial), self.CONTINUE
        is_spared = getattr(trial, "config", {}).get("is_spared", False)
        for epoch in [*result.get("before", ()), result]:
            if (is_spared or decision == self.CONTINUE) and "epoch" in epoch:
                decision = super().on_trial_result(tune_controller, one, epoch)
        return str(self.CONTINUE if is_spared else decision)

    def on_trial_complete(
        self,
        tune_controller: Any,  # noqa: ANN401
        trial: Any,  # noqa: ANN401
        result: dict[str, Any],
    ) -> None:
        """Note a trial's last result, unless it has none."""
        if "epoch" in result:
            super().on_trial_complete(tune_controller, _known_by_key(trial), result)

    def on_trial_remove(self, tune_controller: Any, trial: Any) -> None:  # noqa: ANN401
        """Forget a trial."""
        super().on_trial_remove(tune_controller, _known_by_key(trial))


def _known_by_key(trial: Any) -> SimpleNamespace:  # noqa: ANN401  (a Trial of Tune, or a stand-in)
    assignment = getattr(trial, "config", {}).get("assignment")
    key = trial.trial_id if assignment is None else assignment.folder.name
    return SimpleNamespace(trial_id=key)


def asha(config: Config, past: Sequence[FrozenTrial]) -> FairASHA:
    """Build ASHA on ``epoch`` with its rungs as the past trials left them.

    Args:
        config: of the study.
        past: trials with their intermediate values, in order.
    """
    rules = config.search.asha
    scheduler = FairASHA(
        time_attr="epoch",
        metric="objective",
        mode="max",
        max_t=config.optim.epochs,
        grace_period=min(rules.grace_epochs, config.optim.epochs),
        reduction_factor=rules.reduction,
    )
    for one in past:
        stand_in = SimpleNamespace(trial_id=one.user_attrs["key"])
        scheduler.on_trial_add(None, stand_in)
        for epoch, value in sorted(one.intermediate_values.items()):
            scheduler.on_trial_result(None, stand_in, {"epoch": epoch, "objective": value})
    return scheduler
