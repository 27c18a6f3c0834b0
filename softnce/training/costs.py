"""What an encoder costs those who use it, and what its training takes of the machine."""

import time
from statistics import median

import numpy as np
import psutil
import torch

from softnce.config.sections.study import SearchSection
from softnce.encoders.adapters import at_rest, has_adapters
from softnce.encoders.encoder import Encoder
from softnce.inputs.prepared import Prepared

_MB = 1e6
_QUERIES = 32  # timed one by one, after one that is not


def costs(
    encoder: Encoder, prepared: Prepared, search: SearchSection, *, is_last: bool
) -> dict[str, float]:
    """Return what an encoder costs, by the names of ``COST_METRICS``.

    ``parameters`` is the number of the encoder's parameters; ``encode_ms`` the median time of
    encoding one validation query alone, in milliseconds, on this machine as it is now. Adapters
    cost nothing, for an exported model has them in its weights.

    Args:
        encoder: on any device.
        prepared: inputs with validation queries.
        search: tells which limits there are; what has none is measured in the last epoch only.
        is_last: whether this is the run's last epoch.
    """
    found: dict[str, float] = {}
    if is_last or search.max_parameters is not None:
        found["parameters"] = float(encoder.size)
    if is_last or search.max_encode_ms is not None:
        with at_rest(encoder.model):
            found["encode_ms"] = _encode_ms(encoder, prepared)
    return found


def trained_parameters(encoder: Encoder) -> dict[str, float]:
    """Return ``trained_parameters``, the number of those in adapters; nothing where all train."""
    if not has_adapters(encoder.model):
        return {}
    return {"trained_parameters": float(sum(one.numel() for one in encoder.trained))}


def _encode_ms(encoder: Encoder, prepared: Prepared) -> float:
    queries = prepared.table("valid")
    seconds = []
    for number in [0, *range(min(len(queries), _QUERIES))]:
        one = queries.take(np.array([number]))
        began = time.perf_counter()
        encoder.encode_all(one)
        seconds.append(time.perf_counter() - began)
    return median(seconds[1:]) * 1000


class Usage:
    """Looks at what is used of the machine from now on, by the names that MLflow has for it."""

    def __init__(self, device: torch.device) -> None:
        """Begin to count.

        Args:
            device: that trains.
        """
        self._device, self._process = device, psutil.Process()
        self._busy = self._busy_seconds()
        psutil.cpu_percent()
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        self._began = time.perf_counter()

    def told(self, steps: int) -> dict[str, float]:
        """Return steps a second, and what was used since the beginning.

        Processor and memory are those of the machine, or of this process where the name says so; of
        a GPU it is the most memory that this process has held.

        Args:
            steps: done since then.
        """
        seconds = time.perf_counter() - self._began
        found = {
            "steps_per_second": steps / seconds,
            "system/cpu_utilization_percentage": psutil.cpu_percent(),
            "system/system_memory_usage_percentage": psutil.virtual_memory().percent,
            "system/process_cpu_utilization_percentage": (
                100 * (self._busy_seconds() - self._busy) / seconds
            ),
            "system/process_memory_usage_megabytes": self._process.memory_info().rss / _MB,
        }
        if self._device.type == "cuda":
            peak = torch.cuda.max_memory_allocated(self._device) / _MB
            found["system/gpu_memory_usage_megabytes"] = peak
        return found

    def _busy_seconds(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)
