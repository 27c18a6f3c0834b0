"""How a search ends: confirmed, unconfirmed with what that would take, or unable to tell."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from tune_spaces.confirm.phase import (
    Request,
    confirmed,
    expected_seconds,
    race_of,
    seconds_of_the_search,
    table_of,
)
from tune_spaces.preparation.held_study import HeldStudy
from tune_spaces.study.sizes import stored_sizes
from tune_spaces.study.verdicts.stored_verdict import StoredVerdict, stored_verdict
from tune_spaces.study.verdicts.verdict import (
    can_be_confirmed,
    cannot_tell,
    unconfirmed_lead,
)

if TYPE_CHECKING:
    from tune_spaces.tune.searcher import StopSwitch

_MOST_OF_THE_SEARCH = 0.5  # of what it took, for a confirmation that nobody asked for


def settled_verdict(study: HeldStudy) -> StoredVerdict | None:
    """Return the verdict of a study whose trials have ended, where nothing need be run for it."""
    settings, root, table = study.context.config.search, study.context.folder.root, table_of(study)
    why = cannot_tell(table, settings.metric, stored_sizes(root), settings.smallest_gain)
    if why:
        return StoredVerdict(why, is_final=True)
    if settings.confirm != "always" and not can_be_confirmed(table, settings):
        return _unconfirmed(study, None)
    if settings.confirm == "never":
        race = race_of(study, table, Request(settings.confirm_seeds))
        return _unconfirmed(study, expected_seconds(study, race, 1))
    return None


def ended_verdict(study: HeldStudy, switch: "StopSwitch", at_once: int) -> StoredVerdict | None:
    """Confirm the best of a study whose trials have ended, where that is asked for or cheap.

    Args:
        study: in the hands of this process.
        switch: ends it early.
        at_once: runs at the same time.

    Returns:
        The verdict; None where the confirmation was stopped.
    """
    settings, root, table = study.context.config.search, study.context.folder.root, table_of(study)
    settled = settled_verdict(study)
    if settled is not None:
        return settled
    race = race_of(study, table, Request(settings.confirm_seeds))
    cost = expected_seconds(study, race, at_once)
    took = seconds_of_the_search(study, at_once)
    if settings.confirm == "auto" and cost > _MOST_OF_THE_SEARCH * took:
        return _unconfirmed(study, cost)
    sizes = stored_sizes(root)
    assert sizes is not None  # noqa: S101  (prepared_inputs has stored them)
    found = confirmed(study, race, sizes, switch, at_once)
    return (
        None if found is None else StoredVerdict(found.sentence, is_final=True, facts=found.facts)
    )


def so_far(study: HeldStudy) -> str:
    """Return what is said of a study that was stopped: it goes on later."""
    settings, root, table = study.context.config.search, study.context.folder.root, table_of(study)
    why = cannot_tell(table, settings.metric, stored_sizes(root), settings.smallest_gain)
    return why or _unconfirmed(study, None).sentence


def _unconfirmed(study: HeldStudy, cost_s: float | None) -> StoredVerdict:
    """Say so, or repeat what was said of the same trials."""
    root, table = study.context.folder.root, table_of(study)
    known = stored_verdict(root, table)
    if known is not None:
        return known
    settings, command = study.context.config.search, f"softnce confirm {shlex.quote(shown(root))}"
    cost = "some time" if cost_s is None else f"about {_duration(cost_s)}"
    return StoredVerdict(unconfirmed_lead(table, settings, command, cost), is_final=False)


def shown(root: Path) -> str:
    """Return a study's folder as one would type it here."""
    here = Path.cwd()
    return str(root.relative_to(here) if root.is_relative_to(here) else root)


def _duration(seconds: float) -> str:
    """Say how long something takes.

    >>> _duration(40), _duration(600), _duration(9000)
    ('1 minute', '10 minutes', '2.5 hours')
    """
    minutes = max(1, round(seconds / 60))
    if minutes < 90:
        return f"{minutes} minute{'s' if minutes > 1 else ''}"
    return f"{seconds / 3600:.1f} hours"
