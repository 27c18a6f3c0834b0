import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from softnce.ragged import joined, open_array, ragged, save_arrays

tables = st.lists(st.lists(st.integers(0, 2**31 - 1), max_size=6), max_size=8)


def plain(table):
    return [table.row(index).tolist() for index in range(len(table))]


@given(tables)
def test_rows_come_back_as_they_were_laid_down(rows):
    assert plain(ragged(rows)) == rows


@given(tables.filter(bool), st.data())
def test_rows_can_be_taken_in_any_order_and_more_than_once(rows, data):
    wanted = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=12))
    taken = ragged(rows).take(np.array(wanted, dtype=np.int64))
    assert plain(taken) == [rows[index] for index in wanted]
    assert taken.offsets[0] == 0


@given(tables, tables)
def test_joining_appends_the_second_table(first, second):
    assert plain(joined(ragged(first), ragged(second))) == first + second


@pytest.mark.parametrize("values", [[], [1, 2, 3]])
def test_saved_arrays_are_mapped_back(tmp_path, values):
    save_arrays(tmp_path / "new" / "set", {"ids": np.array(values, dtype=np.int32)})
    back = open_array(tmp_path / "new" / "set", "ids")
    assert back.tolist() == values
    assert back.dtype == np.int32


def test_the_process_that_finishes_second_leaves_the_first_ones_arrays(tmp_path):
    save_arrays(tmp_path / "set", {"ids": np.array([1])})
    save_arrays(tmp_path / "set", {"ids": np.array([2])})
    assert open_array(tmp_path / "set", "ids").tolist() == [1]
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_a_failed_write_leaves_nothing_behind(tmp_path):
    with pytest.raises(OSError, match="no-such-folder"):
        save_arrays(tmp_path / "set", {"no-such-folder/ids": np.array([1])})
    assert list(tmp_path.iterdir()) == []


def test_objects_are_never_pickled(tmp_path):
    with pytest.raises(ValueError, match="allow_pickle"):
        save_arrays(tmp_path / "set", {"ids": np.array([{}], dtype=object)})
