import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softnce.data.dedup import Groups, code_tokens, likeness, near_duplicates, shingles
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


def test_no_large_group_fills_a_held_out_split_while_small_ones_are_left():
    groups = [f"large{i}" for i in range(8) for _ in range(90)]
    groups += [f"small{i}" for i in range(56) for _ in range(5)]
    for seed in range(20):
        chosen = splits(groups, seed=seed, largest=0.25)
        held = {group for group, split in zip(groups, chosen, strict=True) if split != "train"}
        assert not [group for group in held if group.startswith("large")]
        assert chosen.count("valid") == chosen.count("test") == 100


def test_three_groups_fill_three_splits():
    assert set(splits(["a"] * 5 + ["b"] * 4 + ["c"] * 3, seed=0)) == {"train", "valid", "test"}


def test_two_groups_are_all_train():
    assert set(splits(["a", "b", "b"], seed=0)) == {"train"}


@given(
    st.lists(st.lists(st.sampled_from("abcd"), min_size=3, max_size=14), max_size=14),
    st.sampled_from([0.3, 0.5, 0.85, 1.0]),
)
def test_groups_are_those_of_comparing_every_pair(codes, threshold):
    sets = [shingles(code) for code in codes]
    groups = Groups(range(len(sets)))
    for right, other in enumerate(sets):
        for left in range(right):
            if likeness(sets[left], other) >= threshold:
                groups.join(left, right)
    assert near_duplicates(sets, threshold=threshold) == groups.roots()


def test_groups_of_real_code_are_those_of_comparing_every_pair():
    codes = [long_code(seed % 60, 40) for seed in range(180)]
    for seed, code in enumerate(codes):
        for place in random.Random(seed).sample(range(40), seed % 4):
            code[place] = f"other{seed}"
    sets = [shingles(code) for code in codes]
    groups = Groups(range(len(sets)))
    for right, other in enumerate(sets):
        for left in range(right):
            if likeness(sets[left], other) >= 0.85:
                groups.join(left, right)
    found = near_duplicates(sets)
    assert found == groups.roots()
    assert 60 < len(set(found)) < 180


@pytest.mark.parametrize(
    "text", ["get the value of item number n{} from the list of rows", "w " * 40 + "end{}"]
)
def test_thousands_of_texts_of_one_pattern_take_no_time(text):
    sets = [shingles(code_tokens(text.format(number))) for number in range(6000)]
    began = time.process_time()
    near_duplicates(sets)
    assert time.process_time() - began < 20  # comparing every pair takes minutes


def test_nothing_has_no_groups():
    assert near_duplicates([]) == []


def test_two_words_in_another_order_are_another_text():
    assert near_duplicates([shingles(t.split()) for t in ("str int", "int str", "str int")]) == [
        0,
        1,
        0,
    ]


def test_how_much_is_compared_is_told():
    told = []
    sets = [shingles([*"abcdefgh", word]) for word in ("one", "two", "three")]
    near_duplicates(sets, tell=lambda done, total: told.append((done, total)))
    assert told[0][0] == 0
    assert told[0][1] > 0
