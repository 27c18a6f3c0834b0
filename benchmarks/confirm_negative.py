"""A control that has to fail: the same configurations on both sides must not be called "Better".

Run it without arguments: ``python benchmarks/confirm_negative.py`` (under ten minutes on two
cores). Twenty times, InfoNCE is searched and confirmed against InfoNCE: the same four loss
temperatures on both sides, the best of four by validation on each, five fresh seeds, the test
split. With the same seeds on both sides, as softnce trains them, every difference would be exactly
zero; to make it hard, every run here has a seed of its own, so that each side has noise, and is
selected by it. A side is named by its loss temperature, the second one with the word soft. At most
two of twenty may be called better. The last line is JSON.
"""

import json
import tempfile
import zlib
from collections import Counter
from pathlib import Path

from common import real_pairs
from static_confirm import Contest, contested
from static_training import bench

from softnce.evidence.verdict import Word

STUDIES, SEEDS = 20, 5
TEMPERATURES = (0.07, 0.1, 0.14, 0.2)
SMALL = {"encoder/dimensions": 32, "encoder/vocabulary": 2000, "optim/epochs": 2}


def seed_of_its_own(name: str, number: int) -> int:
    """Give each side a seed of its own in every run."""
    return zlib.crc32(f"{name} {number}".encode()) % 2**31


def main() -> None:
    said: Counter[Word] = Counter()
    settings = {
        f"{value}": {"loss/name": "infonce", "loss/temperature": value} for value in TEMPERATURES
    }
    with tempfile.TemporaryDirectory() as scratch:
        pairs, source = real_pairs(Path(scratch), most=2500)
        small = bench(pairs, source, Path(scratch) / "cache", SMALL)
        contest = Contest(small, settings, settings, candidates=1, seed_of=seed_of_its_own)
        for study in range(STUDIES):
            first = 100 * study
            found = contested(contest, search=first, fresh=range(first + 1, first + 1 + SEEDS))
            said[found.word] += 1
            print(f"{study + 1:3}  {found}", flush=True)
    print()
    print(json.dumps({"studies": STUDIES, "better": said[Word.BETTER], "worse": said[Word.WORSE]}))


if __name__ == "__main__":
    main()
