"""The layout of the house: files that can be read at a sitting, rooms that can be looked over."""

from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("softnce", "tune_spaces", "cluster")
FILES = sorted(
    path
    for folder in (*PACKAGES, "tests", "benchmarks", "examples")
    for path in (ROOT / folder).rglob("*.py")
)
MOST_LINES, MOST_MODULES = 300, 13


def test_no_file_is_longer_than_three_hundred_lines():
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert not {str(path): count for path, count in lines.items() if count > MOST_LINES}


def test_no_room_holds_many_more_than_ten_modules():
    rooms = Counter(
        str(path.parent.relative_to(ROOT))
        for path in FILES
        if path.relative_to(ROOT).parts[0] in PACKAGES and path.name != "__init__.py"
    )
    assert not {room: count for room, count in rooms.items() if count > MOST_MODULES}
