"""What another study found out, told to the sampler of this one before its first trial."""

from dataclasses import dataclass

from optuna.trial import FixedTrial, FrozenTrial, create_trial

from softnce.config.config import Config
from softnce.config.file import value_at
from softnce.errors import ConfigError
from softnce.terminal.console import terminal
from tune_spaces.space.settings_read import in_effect
from tune_spaces.space.space import SearchSpace
from tune_spaces.study.context import StudyContext, stored_study_context
from tune_spaces.study.fingerprint import stored_fingerprint
from tune_spaces.study.limits import excess
from tune_spaces.study.trial_store import TrialStore
from tune_spaces.trial_state import TrialState


@dataclass(frozen=True, slots=True)
class KnownTrials:
    """Complete trials of another study.

    Attributes:
        name: of the study.
        data: digest of its pairs.
        trials: as its storage holds them.
        space: its search space.
    """

    name: str
    data: str
    trials: tuple[FrozenTrial, ...]
    space: SearchSpace


def known_trials(study: str, context: StudyContext) -> KnownTrials:
    """Open the study that ``--warm-from`` names.

    Args:
        study: its folder, or its name.
        context: of the study that shall learn from it.

    Raises:
        ConfigError: there is no such study, it is damaged, it maximises another metric, or it is
            the one that shall learn.
    """
    known = stored_study_context(study, terminal(quiet=True))
    if known.folder.root == context.folder.root:
        raise ConfigError(f"--warm-from {study}: the study itself", "name another study")
    theirs, ours = known.config.search.metric, context.config.search.metric
    if theirs != ours:
        raise ConfigError(
            f"--warm-from {study}: maximises {theirs}, and this study {ours}",
            f"set search.metric to {theirs}, or leave --warm-from out",
        )
    trials = TrialStore(known.folder.stored_study(), known.space).trials()
    complete = tuple(t for t in trials if TrialState.stored(t.state) == TrialState.COMPLETE)
    data = str(stored_fingerprint(known.folder.root).get("data", ""))
    return KnownTrials(known.folder.name, data, complete, known.space)


def learn_from(known: KnownTrials, trial_store: TrialStore, space: SearchSpace, data: str) -> str:
    """Tell the sampler of a study that has not begun what another study found out.

    Trials with settings outside the space are left out. Those that are told guide the sampler and
    nothing else: they are no trials of this study.

    Args:
        known: the other study.
        trial_store: of this study.
        space: of this study.
        data: digest of its pairs.

    Returns:
        What was done, in a sentence.
    """
    if trial_store.has_begun():
        return f"note: the study has begun already, so --warm-from {known.name} adds nothing"
    told = [found for one in known.trials if (found := _in_space(one, known, space))]
    trial_store.learn(told)
    sentence = (
        f"{len(told)} of {len(known.trials)} complete trials of {known.name} guide the sampler"
    )
    left_out = len(known.trials) - len(told)
    if left_out:
        sentence += f"; {left_out} left out, with settings outside this study's space"
    if data != known.data:
        sentence += "; they were measured on other data"
    return f"{sentence}; none of them is a trial of this study"


def _in_space(one: FrozenTrial, known: KnownTrials, space: SearchSpace) -> FrozenTrial | None:
    """Return a trial of another study as if drawn from this space; None where it cannot be."""
    theirs = known.space.config(one.user_attrs["values"])
    held = {
        path: value_at(theirs, path)
        for path, dimension in space.dimensions.items()
        if dimension.holds(value_at(theirs, path))
    }
    drawn = FixedTrial(held)
    try:
        ours = space.config(space.suggest(drawn))
    except ValueError:  # a value that is asked for is not held
        return None
    except ConfigError:
        return None
    if not drawn.params or not _is_alike(one, theirs, ours):
        return None
    return create_trial(
        value=one.value,
        params=drawn.params,
        distributions=drawn.distributions,
        constraints=excess(ours.search, one.user_attrs),
        user_attrs={"warm_from": f"{known.name} {one.user_attrs['key']}"},
    )


def _is_alike(one: FrozenTrial, theirs: Config, ours: Config) -> bool:
    """Tell whether both have the same loss, and the same values of all that the other searched."""
    methods = [
        {name: in_effect(c).get(name) for name in ("loss", "weights")} for c in (theirs, ours)
    ]
    searched = one.user_attrs["values"]
    return methods[0] == methods[1] and all(
        value_at(theirs, path) == value_at(ours, path) for path in searched
    )
