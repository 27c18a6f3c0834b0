"""Where a run computes."""

import torch

from softnce.config.config import Config


def device_of(config: Config) -> torch.device:
    """Return the CUDA device when the configuration asks for GPUs, else the CPU."""
    return torch.device("cuda" if config.resources.gpus_per_worker > 0 else "cpu")
