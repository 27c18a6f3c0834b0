"""The words, one by one, and the numbers that always stand beside them."""

import math
from dataclasses import replace

import numpy as np
import pytest

from softnce.evidence.paired import PairedGain, paired_gain
from softnce.evidence.verdict import Findings, Word, doubt, unconfirmed, verdict


def found(low, high, **changes):
    """Stand for the findings of a confirmation with this interval."""
    mean = (low + high) / 2
    gain = PairedGain(mean, low, high, (high - low) / 5, 6.0, 0.01, 5, 1979, 0.0123)
    usual = Findings("t0007 (soft-infonce, bm25)", "t0003 (infonce)", gain, 0.61, 0.60, 2000)
    return replace(usual, **changes)


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (0.001, 0.02, Word.BETTER),
        (0.001, 0.002, Word.BETTER),
        (math.nextafter(0, 1), 0.02, Word.BETTER),
        (-0.02, -0.001, Word.WORSE),
        (-0.005, 0.005, Word.NO_DIFFERENCE),
        (0.0, 0.0, Word.NO_DIFFERENCE),
        (-0.006, 0.004, Word.NOT_SHOWN),
        (0.0, 0.02, Word.NOT_SHOWN),
    ],
)
def test_the_interval_chooses_the_word(low, high, word):
    said = verdict(found(low, high))
    assert said.word is word
    assert said.sentence.startswith(f"{word}: ")
    assert said.sentence.endswith(".")


def test_better_says_by_how_much_over_whom_and_on_what():
    assert verdict(found(0.01, 0.02)).sentence == (
        "Better: t0007 (soft-infonce, bm25) beats t0003 (infonce) by 0.0150 MRR on the test split "
        "(95 % interval +0.0100 to +0.0200; 5 fresh seeds, 1,979 queries among 2,000 candidates)."
    )


def test_a_slight_gain_is_called_slight():
    assert "less than the 0.005 worth having" in verdict(found(0.001, 0.003)).sentence
    assert "worth having" not in verdict(found(0.001, 0.003), smallest_gain=0.002).sentence


def test_not_shown_says_what_could_have_been_shown():
    assert "show gains from about 0.0123 on" in verdict(found(-0.01, 0.01)).sentence


def test_no_difference_names_the_smallest_gain():
    assert "less than 0.005 either way" in verdict(found(-0.001, 0.002)).sentence


def test_one_seed_shows_nothing():
    one = replace(found(0.0, 0.0), gain=paired_gain(np.full((1, 300), 0.4)))
    said = verdict(one)
    assert said.word is Word.NOT_SHOWN
    assert "one seed alone can show no gain (no interval; 1 seed, 300 queries" in said.sentence


def test_fewer_than_fifty_queries_cannot_tell():
    few = replace(found(0.1, 0.2), gain=replace(found(0.1, 0.2).gain, queries=49))
    said = verdict(few)
    assert said.word is Word.CANNOT_TELL
    assert said.sentence.startswith("Cannot tell: 49 test queries among 2,000 candidates")
    assert verdict(replace(few, gain=replace(few.gain, queries=50))).word is Word.BETTER


def test_a_saturated_set_cannot_tell():
    said = verdict(found(0.0, 0.0, candidate_mean=1.0, opponent_mean=0.999))
    assert said.word is Word.CANNOT_TELL
    assert "saturated" in said.sentence
    assert verdict(found(-0.2, -0.1, candidate_mean=0.8, opponent_mean=1.0)).word is Word.WORSE


def test_validation_has_the_same_doubts_as_test():
    assert "30 validation queries" in doubt(30, 30, 1.0, split="validation")
    assert doubt(500, 500, 0.7) == ""


def test_the_winners_curse_stands_beside_every_verdict():
    said = verdict(found(0.01, 0.02, selected_gain=0.031, fresh_gain=0.0164))
    assert said.gains == (
        "Gain in validation as selected +0.0310, in validation on fresh seeds +0.0164, "
        "on test +0.0150."
    )
    assert str(said) == f"{said.sentence} {said.gains}"
    assert "as selected not measured" in verdict(found(0.01, 0.02)).gains


@pytest.mark.parametrize(("reads", "word"), [(2, "2nd"), (3, "3rd"), (11, "11th")])
def test_every_further_read_of_the_test_split_is_said(reads, word):
    assert (
        f"test split read for the {word} time"
        in verdict(found(0.0, 1.0, test_reads=reads)).sentence
    )


def test_the_first_read_is_no_news():
    assert "read for" not in verdict(found(0.0, 1.0)).sentence


def test_unconfirmed_gives_the_command_and_its_cost():
    said = unconfirmed("t0007 (soft-infonce)", 0.0312, "softnce confirm quick", "about 3 hours")
    assert said.word is Word.UNCONFIRMED
    assert "+0.0312 MRR in validation" in said.sentence
    assert "`softnce confirm quick` finds out in about 3 hours." in said.sentence
    assert str(said) == said.sentence
