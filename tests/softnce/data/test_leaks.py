"""Nothing leaks on any set of real data: a model that finds answers by copied text finds none."""

import pytest

from softnce.data.judged.judged_set import SetOptions
from softnce.data.judged.read import read_evaluation_set
from softnce.data.source_code.copied_runs import copied_runs, is_copy

LARGE = [pytest.param(name, marks=pytest.mark.long) for name in ("cosqa", "csn-cloze")]
SETS = ["csn-python-mini", "csn-python-original", "csn-ruby", "puzzle-six", *LARGE]


def leaks(path, mode):
    """Name the queries most of whose words stand in a row in their right answer."""
    found = set()
    for one in read_evaluation_set(path, SetOptions(split="all", docstrings=mode)).codebases:
        places = {name: place for place, name in enumerate(one.codes)}
        codes = [code.text for code in one.codes.values()]
        runs = copied_runs([query.text for query in one.queries], codes)
        for row, query in zip(runs, one.queries, strict=True):
            own = row[[places[name] for name in query.grades]]
            if is_copy(own, query.text).any():
                found.add((one.name, query.text))
    return found


@pytest.mark.parametrize("name", SETS)
def test_what_is_still_copied_without_docstrings_stands_in_the_code_itself(real_data, name):
    assert leaks(real_data / name, "auto") <= leaks(real_data / name, "strip")


@pytest.mark.parametrize("name", ["csn-python-original"])
def test_the_detector_finds_the_copies_where_they_stay(real_data, name):
    kept = leaks(real_data / name, "keep")
    assert len(kept) > 100
    assert len(leaks(real_data / name, "auto")) < 0.02 * len(kept)
