"""Batches of one language each, drawn from (seed, epoch) alone."""

import numpy as np
import pytest

from softnce.data.batching import language_batches
from softnce.errors import DataError

LANGUAGES = np.array([0] * 37 + [1] * 12 + [2] * 20)
SIZES = {"batch_size": 8, "seed": 3}


def test_each_batch_is_of_one_language_and_each_language_has_its_share():
    drawn = language_batches(LANGUAGES, **SIZES, epoch=1)
    of_batch = [set(LANGUAGES[batch]) for batch in drawn]
    assert all(len(one) == 1 for one in of_batch)
    assert sorted(next(iter(one)) for one in of_batch) == [0] * 4 + [1] + [2] * 2
    rows = drawn.ravel()
    assert len(set(rows.tolist())) == len(rows)


def test_languages_take_turns_at_random_and_epochs_differ():
    first, second = (language_batches(LANGUAGES, **SIZES, epoch=one) for one in (1, 2))
    orders = [LANGUAGES[drawn[:, 0]].tolist() for drawn in (first, second)]
    assert orders[0] != sorted(orders[0])
    assert orders[0] != orders[1]
    assert not np.array_equal(first, second)
    assert np.array_equal(first, language_batches(LANGUAGES, **SIZES, epoch=1))


def test_a_language_that_fills_no_batch_is_refused():
    with pytest.raises(DataError, match="12 training pairs do not fill one batch of 16"):
        language_batches(LANGUAGES, batch_size=16, seed=0, epoch=1)
