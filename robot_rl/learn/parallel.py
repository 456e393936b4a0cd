"""Several processes that train one policy together, as torchrun starts them: the sums on which they agree.

    torchrun --nproc-per-node 2 -m robot_rl.cli train --recipe flow_lift --dataset lift

Every process holds the whole policy and takes its share of each batch; gradients are added up, so that all take the
same step. The first alone writes files.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, distributed

PATIENCE = timedelta(hours=4)
"""How long a process waits for the others: the first may be evaluating a checkpoint meanwhile."""


@dataclass(frozen=True)
class World:
    """This process's number among those that train together; alone by default, when every sum is its own."""

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """This process writes the files."""
        return self.rank == 0

    def sum(self, values: Tensor) -> Tensor:
        """The sum over all processes, written into `values`."""
        if self.size > 1:
            distributed.all_reduce(values)
        return values

    def sum_all(self, tensors: Sequence[Tensor]) -> None:
        """As `sum` for each tensor, in one message."""
        if self.size > 1:
            flat = torch.cat([t.reshape(-1) for t in tensors])
            _spread(self.sum(flat), tensors)

    def copy_first(self, tensors: Sequence[Tensor]) -> None:
        """Overwrite the tensors, of one dtype, with those of the first process."""
        if self.size > 1 and tensors:
            flat = torch.cat([t.detach().reshape(-1) for t in tensors])
            distributed.broadcast(flat, 0)
            _spread(flat, tensors)

    def any(self, here: bool, device: torch.device) -> bool:
        """Whether it is so in any process."""
        return here if self.size == 1 else bool(self.sum(torch.tensor(float(here), device=device)).item())

    def first_text(self, text: str) -> str:
        """The text of the first process."""
        if self.size == 1:
            return text
        texts = [text]
        distributed.broadcast_object_list(texts, 0)
        return texts[0]


@torch.no_grad()
def _spread(flat: Tensor, tensors: Sequence[Tensor]) -> None:
    for tensor, part in zip(tensors, flat.split([t.numel() for t in tensors])):
        tensor.copy_(part.view_as(tensor))


def local_device(device: torch.device) -> torch.device:
    """The device of this process: with several on a machine, each takes the CUDA device of its number."""
    if device.type == "cuda" and device.index is None and "LOCAL_RANK" in os.environ:
        return torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    return device


@contextmanager
def joined(device: torch.device) -> Iterator[World]:
    """The world that torchrun's environment describes (WORLD_SIZE, RANK, MASTER_ADDR); alone without one."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield World()
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield World(distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()
