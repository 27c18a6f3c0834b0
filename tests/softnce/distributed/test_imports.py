"""Owners and controllers of Ray Train runs start without torch; the workers meet all the same."""

import subprocess
import sys

import pytest

from softnce.distributed import run
from tests.servers import free_port

JOIN = """
import sys
import torch
import torch.distributed as dist
from softnce.distributed.controller import join

join(sys.argv[1], int(sys.argv[2]), 2)
total = torch.tensor([float(dist.get_rank() + 1)])
dist.all_reduce(total)
print(dist.get_world_size(), total.item())
"""


@pytest.mark.parametrize(
    "module",
    [
        "softnce.distributed.controller",  # its process
        "softnce.distributed.placement_groups",
        "softnce.distributed.run",  # an owner's process
        "tune_spaces.tune.trial",
    ],
)
def test_torch_is_left_to_those_who_train(module):
    script = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_workers_meet_over_gloo():
    url = f"tcp://127.0.0.1:{free_port()}"
    workers = [
        subprocess.Popen([sys.executable, "-c", JOIN, url, rank], stdout=subprocess.PIPE, text=True)
        for rank in "01"
    ]
    said = [worker.communicate(timeout=600)[0].splitlines() for worker in workers]
    assert [lines[-1] for lines in said] == ["2 3.0"] * 2, said  # some Gloo says that it met


def test_workers_without_gpus_are_joined_without_rays_own_torch():
    assert type(run._backend(0.0)).__name__ == "GlooConfig"
    assert run._backend(0.5).backend == "nccl"
