"""What the workers of one run exchange; everything is the identity when a worker is alone.

Each worker holds ``1 / world`` of every batch. Candidates are gathered with gradient, each worker's
loss is the mean over its own queries, and gradients are averaged: together this is exactly the
gradient of the single-process loss over the whole batch.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
import torch.distributed as dist
import torch.distributed.nn.functional as differentiable
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Workers:
    """This worker's place among those of its run.

    Attributes:
        rank: 0 to world - 1; rank 0 evaluates and writes.
        world: number of workers.
    """

    rank: int = 0
    world: int = 1

    def share(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return this worker's part of a batch's rows, whose number the workers divide."""
        own: NDArray[np.int64] = rows.reshape(self.world, -1)[self.rank]
        return own

    def gather(self, vectors: Tensor) -> Tensor:
        """Return the (c, d) vectors of all workers in rank order, with gradient."""
        if self.world == 1:
            return vectors
        return torch.cat(differentiable.all_gather(vectors))  # type: ignore[no-untyped-call]

    def average_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Replace each gradient by its mean over the workers."""
        if self.world == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        flat /= self.world
        parts = torch.split(flat, [gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def mean(self, values: Tensor) -> Tensor:
        """Return the mean over the workers; what is not finite on one is so on all."""
        if self.world == 1:
            return values
        total = values.clone()
        dist.all_reduce(total)
        return total / self.world

    def agree(self, values: list[float]) -> list[float]:
        """Return rank 0's values on every worker; a step boundary for all."""
        if self.world == 1:
            return values
        device = "cuda" if dist.get_backend() == "nccl" else "cpu"  # nccl cannot send from the CPU
        shared = torch.tensor(values, dtype=torch.float64, device=device)
        dist.broadcast(shared, src=0)
        return [float(value) for value in shared]
