"""Whatever a loss does to a batch, it never waits for the device to learn a number from it."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from softnce.config.sections.method import LossSection, WeightsSection
from softnce.losses.table import LOSSES
from softnce.training.gather import Workers
from softnce.training.step import Batch, Objective

SIZE = 8
WAITS = ("_local_scalar_dense", "nonzero", "equal.default", "item", "masked_select", "unique")


class NoWait(TorchDispatchMode):
    """Refuses what needs a value on the host before the next operation can be named."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = str(function).removeprefix("aten.")
        assert not name.startswith(WAITS), name
        if name.startswith(("index.Tensor", "index_put")):
            assert all(one is None or one.dtype != torch.bool for one in args[1]), name
        return function(*args, **(kwargs or {}))


CASES = [
    *({"name": name} for name in LOSSES),
    {"name": "margin-mask", "mask": "relative"},
    {"name": "shifted", "mask": "none"},
    {"name": "infonce", "duplicates": "mask"},
    {"name": "soft-infonce", "duplicates": "mask"},
    {"name": "infonce", "duplicates": "promote"},
    {"name": "tilted", "trust_rank": 2, "trust_least": 0.1},
    {"name": "tilted", "trust_rank": 2, "trust_least": 0.1, "trust_softness": 0.1},
    {"name": "infonce", "directions": "qc+qq+cq+cc"},
    {"name": "tilted", "directions": "qc+cq+cc", "partition": "per_direction"},
]


@pytest.mark.parametrize("hard", [0, 1])
@pytest.mark.parametrize("estimator", ["teacher", "self", "duplicates"])
@pytest.mark.parametrize("changes", CASES, ids=str)
def test_a_step_s_loss_gradient_and_relief_wait_for_nothing(changes, estimator, hard):
    loss = LossSection(**changes)
    draw = torch.Generator().manual_seed(0)
    columns = SIZE * (1 + hard)
    queries, codes = torch.randn(SIZE, 4, generator=draw), torch.randn(columns, 4, generator=draw)
    relevance = torch.rand(SIZE, columns, generator=draw)
    given = relevance if loss.spec.has_estimator and estimator != "self" else None
    marked = relevance < 0.1 if loss.duplicates != "keep" else None
    rows = torch.arange(SIZE)
    objective = Objective("cosine", loss, WeightsSection(estimator=estimator), Workers())
    batch = Batch(rows.numpy(), given, marked=marked)
    with NoWait():
        found = objective.taken(queries.requires_grad_(), codes, rows, batch)
        found.loss.backward()
        found.relief()
