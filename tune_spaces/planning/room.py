"""Where the trials of a search would run, and how many at once: this machine or a cluster."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from softnce.config.config import Config
from tune_spaces.ray_session import session
from tune_spaces.ray_session.capacity import concurrency, concurrency_here, worker_needs

HERE = "this machine"
_MOST_PROCESSES = 16  # that measure at the same time


@dataclass(frozen=True, slots=True)
class Room:
    """Where trials run.

    Attributes:
        place: in words.
        at_once: trials that run at the same time.
        needs: what a worker reserves on a cluster, by Ray's names; None on this machine.
        shared: folder that all its nodes see, where one is named.
    """

    place: str
    at_once: int
    needs: Mapping[str, float] | None = None
    shared: str | None = None


@contextmanager
def room_for(config: Config) -> Iterator[Room]:
    """Find where trials would run, and stay connected to it in the block.

    Args:
        config: of the study.

    Raises:
        SetupError: not even one trial fits there, or the cluster is out of reach.
    """
    if not session.joins_a_cluster():
        yield Room(HERE, concurrency_here(config))
        return
    session.require_reachable()
    with session.connected(None) as capacity:
        address = os.environ.get("RAY_ADDRESS")
        place = f"the Ray cluster at {address}" if address else "the Ray session of this process"
        needs, shared = worker_needs(config.resources), config.resources.storage_path
        if shared is not None:
            Path(shared).mkdir(parents=True, exist_ok=True)
        yield Room(place, concurrency(config, capacity), needs, shared)


def processes(config: Config, at_once: int) -> int:
    """Return how many processes measure: as many as share the cores, or one GPU.

    Args:
        config: of the study.
        at_once: trials that run at the same time.
    """
    gpus = config.resources.gpus_per_worker
    most = int(1 / gpus + 1e-9) if gpus else _MOST_PROCESSES
    return max(1, min(at_once, most))
