"""The words of a verdict: one sentence that a statistician would sign, and what it rests on."""

import math
from dataclasses import dataclass
from enum import StrEnum

from softnce.evidence.paired import PairedGain

FEWEST_QUERIES = 50  # below, no sentence about other queries can rest on these
MRR = "MRR"


class Word(StrEnum):
    """What a study can end with."""

    BETTER = "Better"
    WORSE = "Worse"
    NO_DIFFERENCE = "No difference worth having"
    NOT_SHOWN = "Not shown"
    CANNOT_TELL = "Cannot tell"
    UNCONFIRMED = "Unconfirmed"


@dataclass(frozen=True, slots=True)
class Findings:
    """What a confirmation has found about one candidate.

    Attributes:
        candidate: how the sentence names it, such as ``t0007 (soft-infonce, bm25)``.
        opponent: how the sentence names the stronger of its opponents.
        gain: on the test split, simultaneous over all candidates.
        candidate_mean: its mean reciprocal rank on the test split, 0 to 1.
        opponent_mean: that of the opponent.
        pool: number of snippets that each test query was ranked against.
        selected_gain: in validation, with the search's seed, by which it was selected; None where
            unknown.
        fresh_gain: in validation, on the fresh seeds; None where unknown.
        test_reads: how many times the study has read the test split, this one included.
    """

    candidate: str
    opponent: str
    gain: PairedGain
    candidate_mean: float
    opponent_mean: float
    pool: int
    selected_gain: float | None = None
    fresh_gain: float | None = None
    test_reads: int = 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """A verdict in words.

    Attributes:
        word: the short one.
        sentence: the whole one, which begins with the word.
        gains: the gain as selected, on fresh seeds and on test, as a sentence.
    """

    word: Word
    sentence: str
    gains: str

    def __str__(self) -> str:
        """Return sentence and gains, the latter where there are any."""
        return f"{self.sentence} {self.gains}".strip()


def verdict(found: Findings, *, smallest_gain: float = 0.005, level: float = 0.95) -> Verdict:
    """Say what a confirmation has shown.

    Args:
        found: about the candidate that the verdict is about.
        smallest_gain: worth having, in MRR, ``search.smallest_gain``.
        level: that the interval has, for the words.
    """
    lowest = min(found.candidate_mean, found.opponent_mean)
    why = doubt(found.gain.queries, found.pool, lowest, smallest_gain=smallest_gain)
    if why:
        word, sentence = Word.CANNOT_TELL, f"Cannot tell: {why}"
    else:
        word = _word(found.gain, smallest_gain)
        sentence = f"{word}: {_claim(word, found, smallest_gain)} ({_basis(found, level)})"
    again = "" if found.test_reads < 2 else f"; {_read_again(found.test_reads)}"
    return Verdict(word, f"{sentence}{again}.", _gains(found))


def doubt(
    queries: int, pool: int, lowest: float, *, split: str = "test", smallest_gain: float = 0.005
) -> str:
    """Say why a split can show no difference between configurations; empty where it can.

    Args:
        queries: in the split.
        pool: number of snippets that each query is ranked against.
        lowest: mean reciprocal rank of the worst of the configurations that are compared.
        split: its name.
        smallest_gain: worth having, in MRR.
    """
    if queries < FEWEST_QUERIES:
        return (
            f"{queries:,} {split} queries among {pool:,} candidates are fewer than the "
            f"{FEWEST_QUERIES} that a verdict needs; hold out more pairs"
        )
    if lowest > 1 - smallest_gain:
        return (
            f"the {split} split is saturated: {MRR} is {lowest:.4f} or more on {queries:,} queries "
            f"among {pool:,} candidates, which leaves no room for a gain of {smallest_gain:g}; "
            f"add candidates, or harder queries"
        )
    return ""


def unconfirmed(candidate: str, selected_gain: float | None, command: str, cost: str) -> Verdict:
    """Say that a study ended before its champion met fresh seeds and the test split.

    Args:
        candidate: how the sentence names the champion.
        selected_gain: in validation, by which it was selected; None where unknown.
        command: that would confirm it; empty where none is worth the test split.
        cost: what that takes, such as ``about 3 hours``.
    """
    finds_out = f"; `{command}` finds out in {cost}" if command else ""
    gain = "" if selected_gain is None else f", {_signed(selected_gain)} {MRR} in validation,"
    sentence = (
        f"{Word.UNCONFIRMED}: the lead of {candidate}{gain} was selected from many trials of one "
        f"seed and has met neither fresh seeds nor the test split{finds_out}."
    )
    return Verdict(Word.UNCONFIRMED, sentence, "")


def spent(candidate: str, selected_gain: float | None) -> Verdict:
    """Say that a champion was selected among trials that were all scored on the test split.

    Args:
        candidate: how the sentence names the champion.
        selected_gain: in validation, by which it was selected; None where unknown.
    """
    gain = "" if selected_gain is None else f", {_signed(selected_gain)} {MRR} in validation,"
    sentence = (
        f"{Word.UNCONFIRMED}: the lead of {candidate}{gain} is that of the best of many trials, "
        "and all of them were scored on the test split, so that none of it is left to confirm one."
    )
    return Verdict(Word.UNCONFIRMED, sentence, "")


def _word(gain: PairedGain, smallest_gain: float) -> Word:
    if gain.low > 0:
        return Word.BETTER
    if gain.high < 0:
        return Word.WORSE
    if -smallest_gain <= gain.low and gain.high <= smallest_gain:
        return Word.NO_DIFFERENCE
    return Word.NOT_SHOWN


def _claim(word: Word, found: Findings, smallest_gain: float) -> str:
    ours, theirs, gain = found.candidate, found.opponent, found.gain
    if word in (Word.BETTER, Word.WORSE):
        slight = max(abs(gain.low), abs(gain.high)) <= smallest_gain
        remark = f", which is less than the {smallest_gain:g} worth having" if slight else ""
        verb = "beats" if word is Word.BETTER else "loses to"
        return f"{ours} {verb} {theirs} by {abs(gain.mean):.4f} {MRR} on the test split{remark}"
    claim = f"{ours} has {_signed(gain.mean)} {MRR} against {theirs} on the test split"
    if word is Word.NO_DIFFERENCE:
        return f"{claim}, and less than {smallest_gain:g} either way"
    if math.isinf(gain.smallest_shown):
        return f"{claim}, and one seed alone can show no gain"
    return f"{claim}, where these seeds and queries show gains from about {_least(gain)} on"


def _least(gain: PairedGain) -> str:
    return f"{gain.smallest_shown:.4f}"


def _basis(found: Findings, level: float) -> str:
    gain = found.gain
    ends = f"{100 * level:g} % interval {_signed(gain.low)} to {_signed(gain.high)}"
    if math.isinf(gain.standard_error):
        ends = "no interval"
    seeds = "1 seed" if gain.seeds == 1 else f"{gain.seeds} fresh seeds"
    return f"{ends}; {seeds}, {gain.queries:,} queries among {found.pool:,} candidates"


def _read_again(reads: int) -> str:
    """Warn that a split which is looked at again and again is a validation split."""
    return f"test split read for the {ordinal(reads)} time, so part of this may be selection"


def ordinal(number: int) -> str:
    """Return 1st, 2nd, 3rd, 4th and so on.

    >>> [ordinal(number) for number in (1, 2, 3, 4, 11, 22, 113)]
    ['1st', '2nd', '3rd', '4th', '11th', '22nd', '113th']
    """
    teens = number % 100 in (11, 12, 13)
    return f"{number}{'th' if teens else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def _gains(found: Findings) -> str:
    """Print the winner's curse: the same gain as selected, on fresh seeds, and on test."""
    selected, fresh = (
        "not measured" if gain is None else _signed(gain)
        for gain in (found.selected_gain, found.fresh_gain)
    )
    return (
        f"Gain in validation as selected {selected}, in validation on fresh seeds {fresh}, "
        f"on test {_signed(found.gain.mean)}."
    )


def _signed(gain: float) -> str:
    return f"{gain:+.4f}"
