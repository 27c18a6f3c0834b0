"""A control that has to succeed: where clones are planted, masking them must be called "Better".

Run it without arguments: ``python benchmarks/confirm_positive.py`` (under ten minutes on two
cores). 260 real functions are each planted ten times in the training set, with half of their names
replaced by names of other functions, and with a third of the words of their docstrings dropped or
replaced and all of them shuffled; so a batch of 128 holds a clone for more than a third of its
queries, which is counted. One more clone of each stands in validation or test, where four wordings
ask for it, and is the only right answer. InfoNCE pushes a query away from the clones of its own
function; a threshold on the BM25 of docstrings (``dynamic-threshold``) takes them out of the batch.
Four loss temperatures are tried for each loss, the two best of the masked are confirmed with five
seeds. A side is named by its loss temperature, a masked one with the word soft. The last line is
JSON.
"""

import builtins
import json
import keyword
import random
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from common import real_pairs
from static_confirm import Contest, contested
from static_training import bench

from softnce.data.pairs import Pair, read_pairs
from softnce.evidence.verdict import Word

FUNCTIONS, CLONES, WORDINGS, BATCH = 260, 10, 4, 128
NAMES_REPLACED, WORDS_REPLACED = 0.5, 0.3
TEMPERATURES = (0.03, 0.05, 0.08, 0.12)
WORD = re.compile(r"[A-Za-z_]\w*")
KEPT = {*keyword.kwlist, *dir(builtins), "self", "cls"}


class Planter:
    """Renames and re-words functions with the names and words of others."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self._draw = random.Random(0)
        self._names = sorted({name for pair in pairs for name in WORD.findall(pair.code)} - KEPT)
        self._words = sorted({word for pair in pairs for word in pair.query.split()})

    def renamed(self, code: str) -> str:
        """Give about half of the names in a code others, each everywhere the same."""
        found = {
            name: self._draw.choice(self._names)
            for name in sorted({*WORD.findall(code)} - KEPT)
            if self._draw.random() < NAMES_REPLACED
        }
        return WORD.sub(lambda match: found.get(match.group(), match.group()), code)

    def reworded(self, query: str) -> str:
        """Drop or replace some of the words, and shuffle them."""
        words = []
        for word in query.split():
            chance = self._draw.random()
            if chance >= WORDS_REPLACED / 2:
                words.append(self._draw.choice(self._words) if chance < WORDS_REPLACED else word)
        self._draw.shuffle(words)
        return " ".join(words) or query

    def clone(self, pair: Pair, number: int, wordings: int = 1) -> list[Mapping[str, str]]:
        """Return one renamed code, asked for in several wordings."""
        code = self.renamed(pair.code)
        return [
            {"url": f"{pair.id}#{number}", "docstring": self.reworded(pair.query), "code": code}
            for _ in range(wordings)
        ]


def planted(pairs: Sequence[Pair], folder: Path) -> None:
    """Write the corpus as a folder of train, valid and test."""
    planter = Planter(pairs)
    parts: dict[str, list[Mapping[str, str]]] = {"train": [], "valid": [], "test": []}
    for place, pair in enumerate(pairs):
        for number in range(CLONES):
            parts["train"] += planter.clone(pair, number)
        parts["test" if place % 4 else "valid"] += planter.clone(pair, CLONES, WORDINGS)
    folder.mkdir()
    for part, rows in parts.items():
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{part}.jsonl").write_text(lines, encoding="utf-8")


def share_with_clone(pairs: Sequence[Pair]) -> float:
    """Count how many queries of a random batch meet a clone of their own function."""
    draw, met, batches = random.Random(1), 0, 200
    for _ in range(batches):
        batch = [pair.id.rsplit("#", 1)[0] for pair in draw.sample(list(pairs), BATCH)]
        met += sum(batch.count(name) > 1 for name in batch)
    return met / (batches * BATCH)


def contest(folder: Path, scratch: Path) -> Contest:
    """Prepare both losses at four temperatures each."""
    found = read_pairs(folder)
    print(
        f"{len(found.train)} training pairs, {len(found.test.texts)} test queries among "
        f"{len(found.candidates)} candidates; a batch of {BATCH} holds a clone for "
        f"{100 * share_with_clone(found.train):.0f} % of its queries"
    )
    masked = {"loss/name": "dynamic-threshold", "loss/ratio": 0.2, "weights/estimator": "bm25"}
    plain = {
        f"{value}": {"loss/name": "infonce", "loss/temperature": value} for value in TEMPERATURES
    }
    return Contest(
        bench=bench(found, folder, scratch / "cache", {"optim/epochs": 10}),
        plain=plain,
        other={name: {**settings, **masked} for name, settings in plain.items()},
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        pairs, _ = real_pairs(Path(scratch), most=3000)
        long = [pair for pair in pairs.train if 5 <= len(pair.query.split()) <= 40]
        chosen = random.Random(0).sample(
            [pair for pair in long if 15 <= len(pair.code.split()) <= 150], FUNCTIONS
        )
        planted(chosen, Path(scratch) / "planted")
        said = contested(
            contest(Path(scratch) / "planted", Path(scratch)), search=1, fresh=range(101, 106)
        )
    print(f"\n{said}\n")
    print(json.dumps({"verdict": said.word, "better": int(said.word is Word.BETTER)}))


if __name__ == "__main__":
    main()
