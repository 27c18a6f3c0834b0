"""The nodes of a cluster: what all of them must see before a trial may run on any of them."""

import secrets
import sys
from pathlib import Path
from typing import Any

from softnce.errors import SetupError

_WORKER_START_S = 900.0  # under `uv run` a node installs its environment first


def require_shared(folder: Path) -> None:
    """Check that every node sees a study's folder; after ray.init.

    A trial writes its checkpoints there, wherever it runs, and the search reads them.

    Raises:
        SetupError: a node does not see it, or cannot import softnce.
    """
    import ray

    nodes = [node for node in ray.nodes() if node["Alive"]]
    if len(nodes) < 2:
        return
    marker = folder / f".seen-{secrets.token_hex(4)}"
    marker.touch()
    try:
        sees = _ask(ray, [node["NodeID"] for node in nodes], marker)
    finally:
        marker.unlink()
    blind = [node["NodeManagerAddress"] for node, seen in zip(nodes, sees, strict=True) if not seen]
    if blind:
        raise SetupError(
            f"node {blind[0]} does not see {folder}, where the trials' checkpoints lie",
            "set resources.storage_path (or --out) to a folder that all nodes share",
        )


def require_kept(folder: Path) -> None:
    """Check that a study does not lie in the copy of the code that a job runs in.

    Raises:
        SetupError: it does, and would go when the job has ended.
    """
    copy = Path.cwd()
    if "runtime_resources" in copy.parts and folder.is_relative_to(copy):
        raise SetupError(
            f"{folder} is in the job's own copy of the code and would go with it",
            "set resources.storage_path (or --out) to a folder that all nodes share",
        )


def own_node() -> str:
    """Return the id of the node of a cluster that this process runs on; empty without one."""
    ray = _connected_ray()
    return "" if ray is None else str(ray.get_runtime_context().get_node_id())


def is_declared_dead(node: str) -> bool:
    """Tell whether the cluster that this process is connected to has declared a node dead.

    Args:
        node: its id; one that the cluster does not know is another cluster's, perhaps alive.
    """
    ray = _connected_ray()
    known = [] if ray is None else ray.nodes()
    return any(one["NodeID"] == node and not one["Alive"] for one in known)


def _connected_ray() -> Any:  # noqa: ANN401  (the module)
    ray = sys.modules.get("ray")
    return ray if ray is not None and ray.is_initialized() else None


def _ask(ray: Any, nodes: list[str], marker: Path) -> list[bool]:  # noqa: ANN401  (the module)
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    look = ray.remote(num_cpus=0)(_sees)
    answers_to_come = [
        look.options(
            scheduling_strategy=NodeAffinitySchedulingStrategy(node_id=node, soft=False)
        ).remote(str(marker))
        for node in nodes
    ]
    try:
        answers: list[bool] = ray.get(answers_to_come, timeout=_WORKER_START_S)
    except (ray.exceptions.RayError, ModuleNotFoundError) as error:
        last = (str(error).strip() or type(error).__name__).splitlines()[-1][:300]
        raise SetupError(
            f"a node of the cluster cannot run softnce: {last}",
            "softnce doctor --address ADDRESS shows which",
        ) from error
    return answers


def _sees(path: str) -> bool:
    return Path(path).exists()
