"""What the controller of a Ray Train run knows of us: no torch, whose import it would wait for."""

import asyncio
from typing import Any, final

import ray
from ray.train._internal.utils import get_address_and_port
from ray.train.backend import Backend, BackendConfig
from ray.train.v2._internal.callbacks.placement_group_callback import PlacementGroupCleanerCallback
from ray.train.v2._internal.execution.controller import TrainController
from ray.train.v2.api.callback import UserCallback
from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer


@final
class Trainer(DataParallelTrainer):
    """Runs training with fewer processes, each of which would have to import Ray Train first.

    The controller runs in the process of its owner, where that is an actor: it dies with the owner
    either way. And no actor removes the placement groups of a dead controller: the groups have
    names here, by which the owner removes them.
    """

    def _initialize_and_run_controller(self, **settings: Any) -> Any:  # noqa: ANN401
        if ray.get_runtime_context().get_actor_id() is None:  # workers need an actor as controller
            return super()._initialize_and_run_controller(**settings)
        controller = TrainController(**settings)
        asyncio.run(controller.run())
        return controller.get_result()

    def _create_default_callbacks(self) -> list[Any]:
        callbacks = super()._create_default_callbacks()
        return [one for one in callbacks if not isinstance(one, PlacementGroupCleanerCallback)]


@final
class GlooConfig(BackendConfig):
    """Joins the workers over gloo; Ray's own configuration would import torch everywhere."""

    @property
    def backend_cls(self) -> type[Backend]:
        """Where it is done."""
        return Gloo


@final
class Gloo(Backend):
    """Joins workers into a process group; one alone needs none."""

    def on_start(self, worker_group: Any, backend_config: BackendConfig) -> None:  # noqa: ANN401, ARG002
        """Let all workers meet at the first."""
        world = len(worker_group)
        if world == 1:
            return
        address, port = worker_group.execute_single(0, get_address_and_port)
        host = f"[{address}]" if ":" in address else address
        ray.get(
            [
                worker_group.execute_single_async(rank, join, f"tcp://{host}:{port}", rank, world)
                for rank in range(world)
            ]
        )


def join(url: str, rank: int, world: int) -> None:
    """Join the process group of a run, in a worker."""
    import torch.distributed as dist

    dist.init_process_group("gloo", init_method=url, rank=rank, world_size=world)


@final
class ReportRelay(UserCallback):
    """Hands worker 0's reports to the run's channel, from the controller's process."""

    def __init__(self, run_channel: Any) -> None:  # noqa: ANN401
        self._run_channel = run_channel

    def after_report(
        self,
        run_context: Any,  # noqa: ANN401, ARG002
        metrics: list[dict[str, Any]],
        checkpoint: Any,  # noqa: ANN401, ARG002
    ) -> None:
        """Deliver the report of an epoch."""
        ray.get(self._run_channel.put.remote(metrics[0]))
