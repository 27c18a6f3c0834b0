"""Divides items into train, valid and test by group, so that no group is on two sides."""

import hashlib
from collections import Counter
from collections.abc import Sequence

HELD_OUT = ("test", "valid")
SHARE = 0.1  # of the items, for each held-out split


def hashed(key: str, seed: int) -> bytes:
    """Hash a key for a seeded order that is the same on any machine."""
    return hashlib.sha256(f"{seed}\0{key}".encode(errors="surrogateescape")).digest()


def splits(groups: Sequence[str], *, seed: int, largest: float = 1.0) -> list[str]:
    """Choose each item's split, about 80/10/10, whole groups at a time.

    Groups come in the order of their seeded hash and fill test, then valid, as long as they fit;
    the rest is train. With three groups or more no split is left empty; with fewer all is train.

    Args:
        groups: each item's group, by a name that does not depend on the machine.
        seed: another seed, another division.
        largest: share of a held-out split that one group may fill while smaller ones are left; a
            split that is one large group would judge by that group alone.

    Returns:
        "train", "valid" or "test" for each item.
    """
    sizes = Counter(groups)
    order = sorted(sizes, key=lambda group: hashed(group, seed))
    quota = max(1, round(SHARE * len(groups)))
    chosen: dict[str, str] = {}
    order.sort(key=lambda group: sizes[group] > largest * quota)  # the large ones last
    for split in HELD_OUT if len(sizes) > len(HELD_OUT) else ():
        chosen |= dict.fromkeys(
            _filling([g for g in order if g not in chosen], sizes, quota), split
        )
    return [chosen.get(group, "train") for group in groups]


def _filling(order: list[str], sizes: Counter[str], quota: int) -> list[str]:
    taken: list[str] = []
    room = quota
    for group in order:
        if sizes[group] <= room:
            taken.append(group)
            room -= sizes[group]
        if room == 0:
            break
    if not taken:
        taken = [min(order, key=lambda group: sizes[group])]
    return taken
