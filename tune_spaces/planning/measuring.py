"""The rates of a machine: a few real steps and one evaluation, in processes as trials have them.

As many processes measure at the same time as trials would run, so that they share what trials
share: memory bandwidth, a GPU, and whatever else keeps the machine busy.
"""

import math
import multiprocessing
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from softnce.config.config import Config
from softnce.config.file import with_overrides
from softnce.errors import RunError, SoftnceError

if TYPE_CHECKING:
    from softnce.inputs.prepared import Prepared

_WARM_STEPS, _MEASURED_S = 4, 3.0
_NEVER = 9_999  # epochs: a measured epoch ends without an evaluation
Measured = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Probe:
    """What one process measures.

    Attributes:
        configs: of the losses, one after the other, with the share of the trials of each.
        prepared: shared inputs.
        folder: for its checkpoints.
        began: when the process was asked for, in seconds of ``time.time``.
    """

    configs: Sequence[tuple[Config, float]]
    prepared: "Prepared"
    folder: Path
    began: float


def measured(
    configs: Sequence[tuple[Config, float]],
    prepared: "Prepared",
    folder: Path,
    *,
    processes: int,
    needs: Mapping[str, float] | None = None,
) -> Measured:
    """Return the mean over processes of what each measures at the same time.

    Args:
        configs: of the losses that trials train, with the share of the trials of each.
        prepared: shared inputs.
        folder: for what the processes write.
        processes: that measure at the same time.
        needs: what a process reserves on the Ray cluster that this one is connected to, by Ray's
            names; None: they run on this machine, without Ray.

    Raises:
        RunError: a step failed, or a process was killed.
    """
    began = time.time()
    probes = [Probe(configs, prepared, folder / str(one), began) for one in range(processes)]
    found = _here(probes) if needs is None else _on_the_cluster(probes, needs)
    for one in found:
        if isinstance(one, str):
            raise RunError(f"measuring failed: {one}")
    each = [one for one in found if not isinstance(one, str)]
    return {name: statistics.fmean(one[name] for one in each) for name in each[0]}


def _here(probes: Sequence[Probe]) -> list[dict[str, float] | str]:
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(len(probes), mp_context=context) as pool:
            return list(pool.map(_measure, probes))
    except BrokenProcessPool as error:
        raise _killed() from error


def _on_the_cluster(
    probes: Sequence[Probe], needs: Mapping[str, float]
) -> list[dict[str, float] | str]:
    import ray

    reserved = {"num_cpus": needs["CPU"], "num_gpus": needs.get("GPU", 0), "max_retries": 0}
    measure = ray.remote(**reserved)(_measure)
    try:
        found: list[dict[str, float] | str] = ray.get([measure.remote(one) for one in probes])
    except ray.exceptions.RayTaskError:
        raise
    except ray.exceptions.RayError as error:
        raise _killed() from error
    return found


def _killed() -> RunError:
    return RunError(
        "a process that measured was killed, perhaps for want of memory",
        "lower optim.batch_size, encoder.max_length or resources.max_concurrent",
    )


def _measure(probe: Probe) -> dict[str, float] | str:
    """Measure in a process of its own; a known failure is told as a sentence."""
    from softnce.distributed.worker import use_threads

    started = time.time() - probe.began
    use_threads(probe.configs[0][0])
    try:
        each = [
            _training(config, probe.prepared, probe.folder / str(number))
            for number, (config, _) in enumerate(probe.configs)
        ]
        evaluation = _evaluation(probe.configs[0][0], probe.prepared)
    except SoftnceError as error:
        return str(error)
    shares = [share for _, share in probe.configs]
    means = {name: statistics.fmean([one[name] for one in each], shares) for name in each[0]}
    return {**means, "evaluation": evaluation, "start": started, "memory_gb": _peak_gb()}


def _training(config: Config, prepared: "Prepared", folder: Path) -> dict[str, float]:
    """Time steps after a warm-up, a checkpoint, and what comes before the first step."""
    from softnce.inputs.device import device_of
    from softnce.training.loop import epochs

    def timed(name: str, steps: int) -> Callable[[], tuple[float, float, int]]:
        changes = {"epochs": _NEVER, "evaluate_every": _NEVER, "max_steps": steps}
        short = with_overrides(config, {f"optim/{key}": value for key, value in changes.items()})
        reports = epochs(short, prepared, folder / name, device=device_of(config))

        def next_epoch() -> tuple[float, float, int]:
            began = time.perf_counter()
            report = next(reports)
            return time.perf_counter() - began, report["seconds"], report["steps"]

        return next_epoch

    warm = timed("warm", _WARM_STEPS)
    warm()
    whole, seconds, steps = warm()
    checkpoint = whole - seconds
    own = config.optim.max_steps or math.inf
    wanted = max(_WARM_STEPS, min(own, _MEASURED_S * steps / max(seconds, 1e-6)))
    whole, seconds, steps = timed("measured", int(wanted))()
    return {
        "step": seconds / steps,
        "checkpoint": checkpoint,
        "setup": max(0.0, whole - seconds - checkpoint),
        "checkpoint_bytes": max(folder_bytes(one) for one in (folder / "measured").glob("*-*")),
    }


def _evaluation(config: Config, prepared: "Prepared") -> float:
    from softnce.inputs.device import device_of
    from softnce.training.scoring import validate

    if not prepared.valid:
        return 0.0
    encoder = prepared.encoder(config.encoder, seed=config.optim.seed)
    encoder.model.to(device_of(config))
    began = time.perf_counter()
    validate(encoder, prepared)
    return time.perf_counter() - began


def _peak_gb() -> float:
    import resource
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e9 if sys.platform == "darwin" else 1e6)


def folder_bytes(folder: Path) -> int:
    """Return the bytes of all files in a folder."""
    return sum(one.stat().st_size for one in folder.rglob("*") if one.is_file())
