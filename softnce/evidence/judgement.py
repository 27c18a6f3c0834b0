"""The candidates of a confirmation judged together, each against the stronger of its opponents."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from softnce.evidence.holm import chance_of_none, holm
from softnce.evidence.paired import PairedGain
from softnce.evidence.racing import Scores, gain_over


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a candidate has shown.

    Attributes:
        candidate: its name.
        opponent: the stronger of its opponents, which decides.
        gain: over that opponent, simultaneous over all candidates.
    """

    candidate: str
    opponent: str
    gain: PairedGain


def judge(
    scores: Scores,
    opponents: Mapping[str, Sequence[str]],
    *,
    dropped: Collection[str] = (),
    level: float = 0.95,
) -> list[Judgement]:
    """Judge every candidate that entered, the one that the verdict is about first.

    A candidate is better only if it beats each of its opponents, so the opponent against which the
    evidence is weakest decides, and comparing with two costs no error of that kind; upper limits
    pay for it. Opponents of other candidates count too where they are ahead of it: nothing that is
    called better may stand below one of them in the table. Candidates are adjusted for each other
    by Holm. Those shown better come first, the largest lower limit leading; then those that ran all
    seeds, in the order given, so that without a gain the verdict is about the champion unless it
    was beaten on the way.

    Args:
        scores: (s, q) reciprocal ranks of every configuration, rows and columns the same seeds and
            queries.
        opponents: for each candidate, the champion of the search first, whom it has to beat.
        dropped: those that left the race early.
        level: of all intervals together.

    Raises:
        DataError: a configuration has no scores, or scores of other queries.
    """
    known = dict.fromkeys(rival for rivals in opponents.values() for rival in rivals)
    found = {name: _against_stronger(scores, name, own, known) for name, own in opponents.items()}
    gains = holm(
        {name: gain for name, (_, gain) in found.items()},
        dropped=dropped,
        level=level,
        opponents=max(1, len(known)),
    )
    judged = [Judgement(name, found[name][0], gain) for name, gain in gains.items()]
    return sorted(judged, key=lambda one: (min(0.0, -one.gain.low), one.candidate in dropped))


def _against_stronger(
    scores: Scores, name: str, own: Sequence[str], known: Collection[str]
) -> tuple[str, PairedGain]:
    gains = {other: gain_over(scores, name, other) for other in known}
    rivals = [other for other, gain in gains.items() if other in own or gain.mean <= 0]
    stronger = max(rivals, key=lambda other: (chance_of_none(gains[other]), -gains[other].mean))
    return stronger, gains[stronger]
