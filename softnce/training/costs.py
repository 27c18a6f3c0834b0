"""What an encoder costs those who use it: its size, and its time for a query."""

import time
from statistics import median

import numpy as np

from softnce.config.sections.study import SearchSection
from softnce.encoders.encoder import Encoder
from softnce.inputs.prepared import Prepared

_QUERIES = 32  # timed one by one, after one that is not


def costs(
    encoder: Encoder, prepared: Prepared, search: SearchSection, *, is_last: bool
) -> dict[str, float]:
    """Return what an encoder costs, by the names of ``COST_METRICS``.

    ``parameters`` is the number of the encoder's parameters; ``encode_ms`` the median time of
    encoding one validation query alone, in milliseconds, on this machine as it is now.

    Args:
        encoder: on any device.
        prepared: inputs with validation queries.
        search: tells which limits there are; what has none is measured in the last epoch only.
        is_last: whether this is the run's last epoch.
    """
    found: dict[str, float] = {}
    if is_last or search.max_parameters is not None:
        found["parameters"] = float(sum(one.numel() for one in encoder.model.parameters()))
    if is_last or search.max_encode_ms is not None:
        found["encode_ms"] = _encode_ms(encoder, prepared)
    return found


def _encode_ms(encoder: Encoder, prepared: Prepared) -> float:
    queries = prepared.table("valid")
    seconds = []
    for number in [0, *range(min(len(queries), _QUERIES))]:
        one = queries.take(np.array([number]))
        began = time.perf_counter()
        encoder.encode_all(one)
        seconds.append(time.perf_counter() - began)
    return median(seconds[1:]) * 1000
