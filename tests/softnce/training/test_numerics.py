"""One seed's numbers, strictly where the kernels can, and a word in the log where they cannot."""

import logging

import pytest
import torch

from softnce.training.numerics import attempted, settle


@pytest.fixture(autouse=True)
def _as_before():
    before = torch.are_deterministic_algorithms_enabled()
    yield
    torch.use_deterministic_algorithms(before, warn_only=True)


def test_only_a_gpu_is_held_strictly(monkeypatch):
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    for device, deterministic, strict in (("cpu", True, False), ("cuda", True, True)):
        settle(torch.device(device), deterministic=deterministic)
        assert torch.are_deterministic_algorithms_enabled() == deterministic
        assert torch.is_deterministic_algorithms_warn_only_enabled() != strict
    settle(torch.device("cuda"), deterministic=False)
    assert not torch.are_deterministic_algorithms_enabled()


def test_an_operation_without_a_deterministic_form_runs_without_and_is_logged(caplog):
    """The operation is real: torch refuses it on the CPU, too."""
    settle(torch.device("cuda"), deterministic=True)
    table = torch.zeros(3)

    def step():
        places = torch.tensor([0, 0, 1])
        return table.put_(places, torch.ones(3), accumulate=False).sum()

    with caplog.at_level(logging.WARNING):
        assert attempted(step) == 2
    assert "two runs of one seed may differ: put_" in caplog.text
    assert torch.is_deterministic_algorithms_warn_only_enabled()


def test_any_other_error_of_a_step_is_raised():
    settle(torch.device("cuda"), deterministic=True)
    with pytest.raises(RuntimeError, match="must match"):
        attempted(lambda: torch.ones(2) + torch.ones(3))
