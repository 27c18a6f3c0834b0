from itertools import combinations, pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from softnce.encoders.chunks import even_chunks, pooled_chunks

lengths = st.lists(st.integers(0, 12), min_size=1, max_size=9)


def area(rows, groups):
    return sum(len(group) * max(rows[index] for index in group) for group in groups)


def least_area(rows, most):
    """Try every way to cut the sorted rows into at most so many groups."""
    inner, ordered = range(1, len(rows)), sorted(rows)
    return min(
        sum((stop - start) * ordered[stop - 1] for start, stop in pairwise([0, *cuts, len(rows)]))
        for groups in range(most)
        for cuts in combinations(inner, groups)
    )


@given(lengths, st.integers(1, 5))
def test_the_padded_area_is_the_least_possible(rows, most):
    groups = pooled_chunks(np.array(rows), most=most)
    assert area(rows, groups) == least_area(rows, most)


@given(lengths, st.integers(1, 5))
def test_every_row_is_in_one_of_at_most_so_many_groups(rows, most):
    groups = pooled_chunks(np.array(rows), most=most)
    assert sorted(np.concatenate(groups).tolist()) == list(range(len(rows)))
    assert len(groups) <= most
    assert all(len(group) for group in groups)


def test_groups_come_shortest_first_with_equal_rows_in_their_order():
    groups = pooled_chunks(np.array([9, 2, 9, 2, 5]), most=2)
    assert [group.tolist() for group in groups] == [[1, 3], [4, 0, 2]] or area(
        [9, 2, 9, 2, 5], groups
    ) == least_area([9, 2, 9, 2, 5], 2)


def test_no_rows_make_no_groups():
    assert pooled_chunks(np.array([], dtype=np.int64), most=5) == []


def test_many_different_lengths_pad_little():
    rows = np.random.default_rng(0).permutation(np.arange(1, 2001))
    groups = pooled_chunks(rows, most=5)
    assert sorted(np.concatenate(groups).tolist()) == list(range(2000))
    assert area(rows, groups) < 1.21 * rows.sum()  # five equal cuts: 1.2


@given(lengths, st.integers(1, 30))
def test_even_chunks_are_the_sorted_rows_cut_at_about_equal_shares(rows, most):
    groups = even_chunks(np.array(rows), most=most)
    assert np.concatenate(groups).tolist() == sorted(range(len(rows)), key=lambda row: rows[row])
    assert all(len(group) for group in groups)
    assert len(groups) <= max(-(-sum(rows) // most), 1)
    assert max(sum(rows[index] for index in group) for group in groups) <= most + max(rows)


def test_no_rows_make_no_even_chunks():
    assert even_chunks(np.array([], dtype=np.int64), most=5) == []
