"""What users and readers meet is plain English in the field's words."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path
    for folder in ("softnce", "tune_spaces", "cluster")
    for path in (ROOT / folder).rglob("*.py")
)
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
UNITS = "trial|study|step|query|worker|epoch|phase|process|node|finding|fault|line"
COUNTED = "one|once|twice|row|line|file|files|workers|negatives"
BANNED = {
    "a riddle": r"is no value for it|; \S+ do\b|\basking people\b|\bfor ever\b|\blest\b",
    "a sermon": r"\bhonest\w*|\btell\w* the truth|\btruly\b|\btold truly\b|\bits true (state|code)",
    "a private word": r"\b(mailbox|logbook|baggage|the ledger|_?pulse|NamedGroups|desk)\b",
    "a for per": rf"\b({COUNTED}) an? ({UNITS})\b(?! \w+s)",
}


@pytest.mark.parametrize("path", [*SOURCES, *PAGES], ids=str)
def test_a_text_holds_no_riddle_sermon_or_private_word(path):
    text = path.read_text(encoding="utf-8")
    for name, pattern in BANNED.items():
        found = [
            f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 1}: {match[0]}"
            for match in re.finditer(pattern, text, re.IGNORECASE)
        ]
        assert not found, f"{name}: {found}"


OTHERS = ("' from '", r'"\n"')  # how pathlib names a loop of links; another library's first line


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_no_message_is_cut_to_find_its_cure(path):
    cuts = r"str\((error|failure)\)\.(r?partition|split|replace|removeprefix|removesuffix)\([^)]*\)"
    text = path.read_text(encoding="utf-8")
    found = [match[0] for match in re.finditer(cuts, text)]
    assert not [one for one in found if not any(known in one for known in OTHERS)]


def test_no_two_classes_of_the_house_share_a_name():
    homes = {}
    for path in SOURCES:
        for name in re.findall(r"^class ([A-Z]\w+)\b", path.read_text(encoding="utf-8"), re.M):
            homes.setdefault(name, []).append(str(path.relative_to(ROOT)))
    shared = {name: paths for name, paths in homes.items() if len(paths) > 1}
    assert not shared
