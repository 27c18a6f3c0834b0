"""Room on the disk while a study runs: losers' weights go as soon as they have lost."""

import shutil
from collections.abc import Mapping, Sequence
from typing import Any, final

from softnce.config import Config
from softnce.configfile import to_yaml
from softnce.training.checkpoint import keep_weights_only
from tune_spaces.ledger import Ledger, Proposal
from tune_spaces.study import Job
from tune_spaces.verdict import Row, champion, rows
from tune_spaces.watch import Watcher

_ENDED = ("complete", "pruned", "failed")


@final
class Tidier(Watcher):
    """Frees what no trial needs any more, each time that one has ended."""

    def __init__(self, job: Job, ledger: Ledger) -> None:
        """Prepare for a study.

        Args:
            job: the study.
            ledger: tells which of its trials are the best.
        """
        self._job, self._ledger = job, ledger

    def started(self, proposal: Proposal, config: Config) -> None:
        """Store the trial's configuration beside its checkpoints."""
        path = self._job.folder.trial(proposal.key)
        path.mkdir(parents=True, exist_ok=True)
        (path / "config.yaml").write_text(to_yaml(config))

    def reported(self, proposal: Proposal, result: Mapping[str, Any]) -> None:
        """Nothing to do."""

    def ended(self, proposal: Proposal, state: str, value: float | None, reason: str) -> None:
        """Keep the best trials' best weights only."""
        del value, reason
        if state == "complete":
            keep_weights_only(self._job.folder.trial(proposal.key))
        tidy(self._job, rows(self._ledger.trials(), self._job.space))


def tidy(job: Job, table: Sequence[Row]) -> None:
    """Drop the weights of all but the best trials; those that may go on keep theirs.

    All trials are looked at: one that was stopped may have written an epoch after its end.

    Args:
        job: the study; ``search.keep_top`` trials and the champion keep their weights.
        table: one row a trial.
    """
    complete = [row for row in table if row.state == "complete"]
    complete.sort(key=lambda row: row.value or 0.0, reverse=True)
    best = champion(table)
    kept = {row.key for row in complete[: job.config.search.keep_top]}
    kept |= {best.key} if best else set()
    for row in table:
        if row.key not in kept and row.state in _ENDED:
            for path in job.folder.trial(row.key).glob("epoch-*"):
                shutil.rmtree(path, ignore_errors=True)
