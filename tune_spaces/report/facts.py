"""All that a study's folder tells of its trials: what tables, figures and pages are made from."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from optuna.trial import FrozenTrial

from softnce.config.config import Config
from softnce.evaluation.metric_names import COST_METRICS
from tune_spaces.preparation.baselines import Metrics, stored_baselines
from tune_spaces.report.importance import Importance, importance
from tune_spaces.study.context import StudyContext
from tune_spaces.study.sizes import Sizes, stored_sizes
from tune_spaces.study.trial_store import TrialStore
from tune_spaces.study.verdicts.stored_verdict import StoredVerdict, stored_verdict
from tune_spaces.study.verdicts.verdict import (
    ResultRow,
    cannot_tell,
    champion,
    rows,
    unconfirmed_lead,
)


@dataclass(frozen=True, slots=True)
class StudyFacts:
    """A study as it is now.

    Attributes:
        name: of the study.
        root: its folder.
        config: its configuration.
        table: its rows, one per trial, in order.
        curves: best metric so far by epoch, of each trial by its key.
        seconds: that each trial took that has ended, by its key.
        costs: parameters and encode_ms of each trial where they were measured, by its key.
        baselines: metrics of what the trials are compared with, by name.
        sizes: of its data; None where they are not known.
        importance: of the settings.
        verdict: with which it ended; None before that, and where trials have ended since.
        sentence: the verdict, or what is known so far.
    """

    name: str
    root: Path
    config: Config
    table: Sequence[ResultRow]
    curves: Mapping[str, Mapping[int, float]]
    seconds: Mapping[str, float]
    costs: Mapping[str, Mapping[str, float]]
    baselines: Mapping[str, Metrics]
    sizes: Sizes | None
    importance: Importance
    verdict: StoredVerdict | None
    sentence: str

    @property
    def metric(self) -> str:
        """What the study maximises."""
        return self.config.search.metric

    @property
    def best(self) -> ResultRow | None:
        """The champion; None where no trial has completed."""
        return champion(self.table)


def study_facts(context: StudyContext) -> StudyFacts:
    """Read a study's folder; neither its data nor its models.

    Args:
        context: the study.

    Raises:
        ConfigError: the folder's files are damaged.
    """
    trials = TrialStore(context.folder.stored_study(), context.space).trials()
    table, root = rows(trials, context.space), context.folder.root
    verdict = stored_verdict(root, table)
    is_searched = bool(context.config.search.space)
    return StudyFacts(
        name=context.folder.name,
        root=root,
        config=context.config,
        table=table,
        curves={one.user_attrs["key"]: dict(one.intermediate_values) for one in trials},
        seconds={
            one.user_attrs["key"]: one.duration.total_seconds()
            for one in trials
            if one.duration is not None
        },
        costs={one.user_attrs["key"]: _costs(one) for one in trials},
        baselines=stored_baselines(root),
        sizes=stored_sizes(root),
        importance=importance(trials) if is_searched else Importance({}, 0, 0),
        verdict=verdict,
        sentence=_sentence(context, table, verdict),
    )


def _costs(one: FrozenTrial) -> dict[str, float]:
    return {name: one.user_attrs[name] for name in COST_METRICS if name in one.user_attrs}


def _sentence(
    context: StudyContext, table: Sequence[ResultRow], verdict: StoredVerdict | None
) -> str:
    """Return the verdict that the study ended with, else what is known so far."""
    settings, root = context.config.search, context.folder.root
    if verdict is not None:
        is_whole = sum(row.state.has_ended for row in table) >= settings.trials
        return verdict.sentence if is_whole else f"So far: {verdict.sentence}"
    why = cannot_tell(table, settings.metric, stored_sizes(root), settings.smallest_gain)
    command = f"softnce confirm {shlex.quote(root.name)}"
    return f"So far: {why or unconfirmed_lead(table, settings, command, 'some time')}"
