"""Who meets whom in a confirmation: the best candidates, and the InfoNCE that they must beat."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from softnce.config.config import Config
from softnce.config.file import with_overrides
from softnce.errors import ConfigError
from softnce.losses.table import BASELINE
from tune_spaces.space.settings_read import trained_with_any_seed
from tune_spaces.study.verdicts.verdict import IN_DISGUISE, ResultRow, described, eligible


@dataclass(frozen=True, slots=True)
class Side:
    """A configuration that is trained anew.

    Attributes:
        name: the key of its trial, or t0007-infonce: that trial's configuration with InfoNCE.
        config: but for the seed.
        value: best validation metric of its trial; None where it was none.
    """

    name: str
    config: Config
    value: float | None

    @property
    def title(self) -> str:
        """Its name with its loss in a few words."""
        return f"{self.name} ({described(self.config)})"


@dataclass(frozen=True, slots=True)
class Contest:
    """Candidates and opponents.

    Attributes:
        sides: all of them by name, candidates first, the best of the search leading.
        opponents: by candidate, the names of those it has to beat.
        plain: name of the best InfoNCE that the search found.
    """

    sides: Mapping[str, Side]
    opponents: Mapping[str, tuple[str, ...]]
    plain: str

    def without(self, out: Collection[str]) -> "Contest":
        """Return the contest of those that are left when some have failed."""
        left = {
            name: tuple(other for other in others if other not in out)
            for name, others in self.opponents.items()
            if name not in out
        }
        return Contest(self.sides, {name: one for name, one in left.items() if one}, self.plain)

    def needed(self, running: Collection[str]) -> list[str]:
        """Name these candidates and all opponents, each once: none leaves before the end.

        The InfoNCE of a candidate that has left may yet be ahead of the others.
        """
        others = [other for opponents in self.opponents.values() for other in opponents]
        return list(dict.fromkeys([*running, *others]))


def contest(table: Sequence[ResultRow], *, candidates: int) -> Contest:
    """Choose who is trained anew.

    Every candidate has to beat the best InfoNCE that the search found, and its own configuration
    with InfoNCE: else a candidate whose other settings are the better ones would be called better
    for them.

    Args:
        table: the study's rows.
        candidates: how many of the best configurations with another loss; those whose weights are
            all near 1, and which are InfoNCE in effect, come last.

    Raises:
        ConfigError: no trial of InfoNCE, or of any other loss, has completed.
    """
    complete = sorted(eligible(table), key=lambda row: row.value or 0.0, reverse=True)
    ranked = _distinct(complete)
    plain = [row for row in ranked if row.config.loss.name == BASELINE]
    weighted = [row for row in ranked if row.config.loss.name != BASELINE]
    others = sorted(weighted, key=lambda row: row.note == IN_DISGUISE)[:candidates]
    for found, name in ((plain, "InfoNCE"), (others, "a loss other than InfoNCE")):
        if not found:
            raise ConfigError(
                f"no trial of {name} has completed, so there is nothing to confirm",
                "raise --trials of softnce search",
            )
    best = _side(plain[0])
    own = _with_infonce(others, plain)
    opponents = {row.key: tuple(dict.fromkeys([best.name, own[row.key].name])) for row in others}
    sides = [*map(_side, others), best, *own.values()]
    return Contest({one.name: one for one in sides}, opponents, best.name)


def _side(row: ResultRow) -> Side:
    return Side(row.key, row.config, row.value)


def _with_infonce(others: Sequence[ResultRow], plain: Sequence[ResultRow]) -> dict[str, Side]:
    """Return each candidate's own configuration with InfoNCE, by the candidate's key.

    That of the best InfoNCE is the best InfoNCE itself, and candidates may share one.
    """
    known = {repr(trained_with_any_seed(row.config)): row.value for row in plain}
    sides = {repr(trained_with_any_seed(plain[0].config)): _side(plain[0])}
    found = {}
    for row in others:
        config = with_overrides(row.config, {"loss/name": BASELINE})
        what = repr(trained_with_any_seed(config))
        sides.setdefault(what, Side(f"{row.key}-infonce", config, known.get(what)))
        found[row.key] = sides[what]
    return found


def _distinct(ranked: Sequence[ResultRow]) -> list[ResultRow]:
    """Return the best row of each configuration: a seed makes no other one."""
    best: dict[str, ResultRow] = {}
    for row in ranked:
        best.setdefault(repr(trained_with_any_seed(row.config)), row)
    return list(best.values())
