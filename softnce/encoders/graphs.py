"""Training passes recorded as CUDA graphs and replayed: the processor then starts one thing a pass.

A small batch keeps a GPU busy for a few milliseconds, and a processor needs several times that to
start its thousands of kernels. A graph starts them all at once. It repeats the very same kernels on
the very same memory, so passes are packed to few sizes, and each size is recorded when it is met
for the second time. Dropout draws anew in each replay.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor, nn

log = logging.getLogger(__name__)
_WARM_UPS = 2  # passes before the recording: libraries allocate, layers compile
_MET_BEFORE = 1
_MOST = 64  # sizes; a graph of twelve layers takes some megabytes
_OWN_THREAD = "thread_local"  # errors of: another thread makes the next batch meanwhile
_TENSORS = ("input_ids", "position_ids", "seq_idx", "cu_seq_lens_q")


@dataclass(frozen=True, slots=True)
class _Recorded:
    """One size's passes, on memory of their own."""

    inputs: dict[str, Tensor]
    vectors: Tensor
    gradient: Tensor
    forward: torch.cuda.CUDAGraph
    backward: torch.cuda.CUDAGraph


@final
class Graphs:
    """The recorded passes of one model in training.

    Attributes:
        anchor: a number with gradient, by which autograd finds the backward pass.
    """

    def __init__(
        self, parameters: Iterable[nn.Parameter], passed: Callable[[dict[str, Any]], Tensor]
    ) -> None:
        """Record nothing yet.

        Args:
            parameters: of the model.
            passed: features of a packed pass to (rows, d) vectors, without waiting for the device.
        """
        self._passed = passed
        self._parameters = [one for one in parameters if one.requires_grad]
        self._gradients: list[Tensor] = []  # of those parameters that a pass uses
        self._is_refused = False
        self._is_open = False  # a replay awaits its backward pass: all share one memory
        self._recorded: dict[tuple[int, int, int], _Recorded] = {}
        self._met: Counter[tuple[int, int, int]] = Counter()
        self._pool: Any = None
        self.anchor = torch.zeros((), requires_grad=True)

    def vectors(self, features: dict[str, Any]) -> Tensor | None:
        """Replay a pass, or record it where its size was met before.

        Args:
            features: of a packed pass, on the GPU, with a set number of rows.

        Returns:
            (rows, d) vectors with gradient; None: this size is not recorded (yet), or another pass
            awaits its backward pass.
        """
        ids, ends = features["input_ids"], features["cu_seq_lens_q"]
        size = (ids.shape[1], len(ends), features["max_length_q"])
        if self._is_open:
            return None
        if size not in self._recorded:
            self._met[size] += 1
            if self._met[size] <= _MET_BEFORE or not self._can_record(size, features):
                return None
        recorded = self._recorded[size]
        for name, one in recorded.inputs.items():
            one.copy_(features[name])
        self._is_open = True
        found: Tensor = _Replayed.apply(self.anchor, recorded, self)
        return found

    def replay_backward(self, recorded: _Recorded, gradient: Tensor) -> None:
        """Add the gradient of the recorded vectors to that of the parameters."""
        recorded.gradient.copy_(gradient)
        recorded.backward.replay()
        self._is_open = False
        for one, own in zip(self._parameters, self._gradients, strict=True):
            if one.grad is None:
                one.grad = own
            else:
                one.grad.add_(own)

    def _can_record(self, size: tuple[int, int, int], features: dict[str, Any]) -> bool:
        """Record a size's passes; random numbers stay as they were."""
        if self._is_refused or len(self._recorded) >= _MOST or not _has_room():
            return False
        random = torch.cuda.get_rng_state()
        try:
            self._recorded[size] = self._record(features)
        except RuntimeError as error:
            self._is_refused = True
            log.warning("passes are not recorded as CUDA graphs: %s", error)
        torch.cuda.set_rng_state(random)
        return not self._is_refused

    def _record(self, features: dict[str, Any]) -> _Recorded:
        inputs = {name: features[name].clone() for name in _TENSORS}
        still = {**features, **inputs, "cu_seq_lens_k": inputs["cu_seq_lens_q"]}
        self._warm_up(still)
        forward, backward = torch.cuda.CUDAGraph(), torch.cuda.CUDAGraph()
        with torch.cuda.graph(forward, pool=self._pool, capture_error_mode=_OWN_THREAD):
            vectors = self._pass(still)
        self._pool = forward.pool()
        gradient = torch.zeros_like(vectors)
        with torch.cuda.graph(backward, pool=self._pool, capture_error_mode=_OWN_THREAD):
            found = torch.autograd.grad(vectors, self._parameters, gradient)
            torch._foreach_copy_(self._gradients, found)
        log.debug("recorded passes of %d tokens", still["input_ids"].shape[1])
        return _Recorded(inputs, vectors.detach(), gradient, forward, backward)

    def _warm_up(self, features: dict[str, Any]) -> None:
        """Run passes as they will be recorded; learn from the first which parameters they use."""
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UPS):
                vectors = self._pass(features)
                found = torch.autograd.grad(
                    vectors, self._parameters, torch.ones_like(vectors), allow_unused=True
                )
        torch.cuda.current_stream().wait_stream(stream)
        torch.cuda.synchronize()
        if not self._gradients:
            pairs = zip(self._parameters, found, strict=True)
            self._parameters = [one for one, own in pairs if own is not None]
            self._gradients = [torch.zeros_like(one) for one in self._parameters]

    def _pass(self, features: dict[str, Any]) -> Tensor:
        with torch.autocast(
            "cuda",
            torch.get_autocast_dtype("cuda"),
            enabled=torch.is_autocast_enabled("cuda"),
            cache_enabled=False,  # weights that were cast outside would not change any more
        ):
            return self._passed(dict(features))


def _has_room() -> bool:
    """Tell whether what a pass takes fits twice more: recorded, and of a size not met before."""
    free, _ = torch.cuda.mem_get_info()
    used = torch.cuda.memory_allocated()
    taken = torch.cuda.max_memory_allocated() - used
    return free + torch.cuda.memory_reserved() - used > 2 * taken


class _Replayed(torch.autograd.Function):
    """A recorded pass as autograd sees it."""

    @staticmethod
    def forward(ctx: Any, anchor: Tensor, recorded: _Recorded, graphs: Graphs) -> Tensor:  # noqa: ANN401
        del anchor
        ctx.recorded, ctx.graphs = recorded, graphs
        recorded.forward.replay()
        return recorded.vectors.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, None, None]:  # noqa: ANN401
        ctx.graphs.replay_backward(ctx.recorded, gradient)
        return None, None, None
