import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from softnce.data.batching import epoch_batches
from softnce.errors import DataError


@given(st.integers(2, 60), st.integers(1, 9), st.integers(0, 2**40), st.integers(1, 9_999))
def test_every_batch_is_full_and_no_row_comes_twice(batch_size, times, seed, epoch):
    pairs = batch_size * times + batch_size - 1
    batches = epoch_batches(pairs, batch_size=batch_size, seed=seed, epoch=epoch)
    assert batches.shape == (times, batch_size)
    assert len(np.unique(batches)) == batches.size
    assert batches.min() >= 0
    assert batches.max() < pairs


def test_the_same_epoch_is_drawn_again():
    first, second = (epoch_batches(50, batch_size=8, seed=3, epoch=2) for _ in range(2))
    assert np.array_equal(first, second)


@pytest.mark.parametrize(("seed", "epoch"), [(3, 3), (4, 2), (2, 3)])
def test_another_seed_or_epoch_is_drawn_otherwise(seed, epoch):
    first = epoch_batches(50, batch_size=8, seed=3, epoch=2)
    assert not np.array_equal(first, epoch_batches(50, batch_size=8, seed=seed, epoch=epoch))


def test_all_rows_take_part_over_the_epochs():
    seen = {
        int(i) for e in range(9) for i in epoch_batches(19, batch_size=10, seed=0, epoch=e).flat
    }
    assert seen == set(range(19))


def test_too_few_pairs_are_refused_with_a_way_out():
    with pytest.raises(DataError, match="7 training pairs do not fill one batch of 8; lower"):
        epoch_batches(7, batch_size=8, seed=0, epoch=1)
