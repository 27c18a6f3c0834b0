"""The placement groups of Ray Train runs, named so that none outlives its run.

Ray removes a group when the job that made it ends. A trial ends sooner; when its process is killed,
the group would keep its cores until the whole search is over, and the trial that goes on would
never get them. With a name that says whose it is, the next owner can remove it.
"""

import hashlib
import secrets
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, final

import ray
from ray._raylet import PlacementGroupID
from ray.train.v2._internal.execution.callback import WorkerGroupCallback
from ray.train.v2._internal.execution.worker_group import worker_group
from ray.util.placement_group import (
    PlacementGroup,
    placement_group,
    placement_group_table,
    remove_placement_group,
)


@final
class NamedPlacementGroups(WorkerGroupCallback):
    """Names the placement groups of one run, and makes no more once the run is to stop."""

    def __init__(self, folder: Path, run_channel: Any) -> None:  # noqa: ANN401  (an actor handle)
        self._prefix, self._run_channel = group_prefix(folder), run_channel

    def before_worker_group_start(self, worker_group_context: object) -> None:
        """Name the group that is about to be made."""
        del worker_group_context
        if ray.get(self._run_channel.is_stopped.remote()):
            raise RuntimeError("the run was stopped while it waited for its workers")
        name = f"{self._prefix}{secrets.token_hex(4)}"
        worker_group.placement_group = partial(placement_group, name=name)


def group_prefix(folder: Path) -> str:
    """Return how the names of a run's placement groups begin; its folder identifies a run."""
    digest = hashlib.sha256(str(folder).encode()).hexdigest()[:12]
    return f"softnce-{folder.name}-{digest}-"


def has_its_workers(folder: Path) -> bool:
    """Tell whether a run has a placement group whose resources are all reserved."""
    return "CREATED" in _placement_groups(folder).values()


def waits_for_its_workers(folder: Path) -> bool:
    """Tell whether a run has requested workers and has none; one that starts requested none yet."""
    states = _placement_groups(folder).values()
    return bool(states) and "CREATED" not in states


def unplaced(bundle: Mapping[str, float]) -> int:
    """Return how many nameless groups of one bundle, as Tune makes one per trial, have no place."""
    return sum(
        about["state"] == "PENDING" and not about["name"] and about["bundles"] == {0: bundle}
        for about in placement_group_table().values()
    )


def remove_placement_groups(folder: Path) -> int:
    """Remove the placement groups of a run whose owner died or gives up, with what runs in them.

    Returns:
        How many were removed.
    """
    stale = _placement_groups(folder)
    for group in stale:
        remove_placement_group(PlacementGroup(PlacementGroupID.from_hex(group)))
    return len(stale)


def _placement_groups(folder: Path) -> dict[str, str]:
    """Return the state of each placement group of a run that Ray still knows, by its id."""
    prefix = group_prefix(folder)
    return {
        group: about["state"]
        for group, about in placement_group_table().items()
        if about["name"].startswith(prefix) and about["state"] != "REMOVED"
    }
