"""What a cluster has and a trial needs: how many trials run at once, and what can never fit."""

import math
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from softnce.config.config import Config
from softnce.config.sections.study import ResourcesSection
from softnce.errors import SetupError

_CONTAINER_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
_STORE_SHARE = 0.3  # of the free memory, which Ray gives its object store, if no more than
_STORE_GB = 2.0 if sys.platform == "darwin" else 10.0


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the cluster has.

    Attributes:
        nodes: the resources of each living node by Ray's names: CPU, GPU.
        memory_gb: memory that tasks may use on all nodes, in GB.
    """

    nodes: Sequence[Mapping[str, float]]
    memory_gb: float

    def total(self, resource: str) -> float:
        """Return how much of a resource all nodes have together."""
        return sum(node.get(resource, 0.0) for node in self.nodes)

    def most(self, resource: str) -> float:
        """Return how much of a resource the best node has."""
        return max((node.get(resource, 0.0) for node in self.nodes), default=0.0)

    def fitting(self, bundle: Mapping[str, float]) -> int:
        """Return how many workers with these needs fit, each on one node."""
        return sum(
            min(math.floor(node.get(name, 0.0) / need + 1e-9) for name, need in bundle.items())
            for node in self.nodes
        )


def worker_needs(resources: ResourcesSection) -> dict[str, float]:
    """Return what one worker of a trial reserves, by Ray's names."""
    needs = {"CPU": float(resources.cpus_per_worker)}
    if resources.gpus_per_worker:
        needs["GPU"] = resources.gpus_per_worker
    return needs


def concurrency(config: Config, capacity: Capacity) -> int:
    """Return how many trials run at once.

    Raises:
        SetupError: not even one trial fits; the missing resource is named.
    """
    need = config.resources
    if need.autoscaling:
        return need.max_concurrent or 1
    bundle = worker_needs(need)
    for resource, amount in bundle.items():
        _require_fit(resource, amount, need.workers, capacity)
    if need.memory_gb_per_trial > capacity.memory_gb + 1e-9:
        raise SetupError(
            f"a trial needs {need.memory_gb_per_trial:g} GB of memory and the cluster has "
            f"{capacity.memory_gb:.3g}",
            "lower resources.memory_gb_per_trial, or add nodes",
        )
    trials = capacity.fitting(bundle) // need.workers
    if trials < 1:
        wanted = " and ".join(f"{amount:g} {resource}" for resource, amount in bundle.items())
        raise SetupError(
            f"a trial needs {need.workers} workers with {wanted} each, and the nodes have room "
            f"for {capacity.fitting(bundle)}",
            "lower resources.workers, or add nodes",
        )
    in_memory = math.floor(capacity.memory_gb / need.memory_gb_per_trial + 1e-9)
    return min(trials, in_memory, need.max_concurrent or trials)


def _require_fit(resource: str, amount: float, workers: int, capacity: Capacity) -> None:
    key = f"resources.{resource.lower()}s_per_worker"
    total, most = capacity.total(resource), capacity.most(resource)
    if workers * amount > total + 1e-9:
        raise SetupError(
            f"a trial needs {workers * amount:g} {resource} and the cluster has {total:g}",
            f"lower {key} or resources.workers, or add nodes",
        )
    if amount > most + 1e-9:
        raise SetupError(
            f"a worker needs {amount:g} {resource} on one node and the largest has {most:g}",
            f"lower {key} and raise resources.workers, or add larger nodes",
        )


def require_possible(config: Config) -> None:
    """Refuse what this machine can never meet; Ray need not run.

    Raises:
        SetupError: the missing resource is named.
    """
    concurrency_here(config)


def concurrency_here(config: Config) -> int:
    """Return how many trials run at once on this machine; Ray need not run.

    Raises:
        SetupError: not even one trial fits; the missing resource is named.
    """
    if config.resources.autoscaling:
        raise SetupError(
            "resources.autoscaling: true, and this machine does not grow",
            "set RAY_ADDRESS to a cluster that does, or leave it out",
        )
    gpus = 0
    if config.resources.gpus_per_worker:
        import torch

        gpus = torch.cuda.device_count()
    here = {"CPU": float(os.cpu_count() or 1), "GPU": float(gpus)}
    return concurrency(config, Capacity([here], _most_memory_gb()))


def _most_memory_gb() -> float:
    """Return the most memory that Ray can leave to tasks here, whose store takes some first."""
    memory = psutil.virtual_memory()
    limits = (path.read_text().strip() for path in _CONTAINER_LIMITS if path.exists())
    bounds = [float(one) for one in limits if one.isdigit()]
    free = min([float(memory.total - memory.used), *bounds]) / 1e9
    return free - min(_STORE_SHARE * free, _STORE_GB)


def uses_train(resources: ResourcesSection) -> bool:
    """Tell whether trials run under Ray Train; auto does where its start-up is worth it."""
    if resources.executor == "auto":
        return resources.workers > 1 or resources.gpus_per_worker > 0
    return resources.executor == "train"
