import random

from hypothesis import given
from hypothesis import strategies as st

from softnce.data.dedup import code_tokens, likeness, near_duplicates, shingles
from softnce.data.splitting import splits


def long_code(seed, words=120):
    draw = random.Random(seed)
    return [f"w{draw.randrange(5000)}" for _ in range(words)]


def test_layout_is_no_difference():
    left, right = (
        shingles(code_tokens(c)) for c in ("def f(a):\n  return a", "def f( a ): return a")
    )
    assert likeness(left, right) == 1


def test_one_changed_word_is_a_near_duplicate():
    codes = [long_code(seed) for seed in range(50)]
    changed = [*codes[7][:60], "other", *codes[7][61:]]
    assert near_duplicates([shingles(c) for c in [*codes, changed]]) == [*range(50), 7]


def test_unlike_codes_stay_alone():
    assert near_duplicates([shingles(long_code(seed)) for seed in range(40)]) == list(range(40))


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=4), max_size=12))
def test_equal_codes_share_a_group(codes):
    groups = near_duplicates([shingles(code) for code in codes])
    for left, own in zip(codes, groups, strict=True):
        assert own == groups[codes.index(left)]


@given(st.lists(st.sampled_from("abcdefghijklm"), max_size=60), st.integers(0, 99))
def test_a_group_never_straddles_splits(groups, seed):
    chosen = splits(groups, seed=seed)
    assert len(set(zip(groups, chosen, strict=True))) == len(set(groups))


@given(st.lists(st.sampled_from("abcdefghijklm"), max_size=60), st.randoms())
def test_the_order_of_items_changes_no_split(groups, draw):
    shuffled = list(groups)
    draw.shuffle(shuffled)
    before = dict(zip(groups, splits(groups, seed=0), strict=True))
    assert before == dict(zip(shuffled, splits(shuffled, seed=0), strict=True))


def test_many_groups_divide_by_ten():
    chosen = splits([str(i) for i in range(1000)], seed=3)
    assert [chosen.count(s) for s in ("train", "valid", "test")] == [800, 100, 100]


def test_three_groups_fill_three_splits():
    assert set(splits(["a"] * 5 + ["b"] * 4 + ["c"] * 3, seed=0)) == {"train", "valid", "test"}


def test_two_groups_are_all_train():
    assert set(splits(["a", "b", "b"], seed=0)) == {"train"}
