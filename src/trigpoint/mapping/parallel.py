"""Several processes that train one network together: ``torchrun --nproc-per-node N -m trigpoint map ...``.

Every process fills the buffer from its fraction of the images, draws its own batches, and the gradients are averaged, so a
step sees N times the configured batch. Alone, nothing here does anything.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
from torch import Tensor, nn

from trigpoint.core.interrupt import Interrupted

T = TypeVar("T")

# The others wait while the first process describes and matches the images of a large scene.
_PATIENCE = timedelta(hours=24)


@dataclass(frozen=True)
class Workers:
    """This process among all.

    Attributes:
        rank: number of this process, from 0.
        count: number of processes.
    """

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files and speaks."""
        return self.rank == 0

    def average_gradients(self, network: nn.Module) -> None:
        """Replace the gradients by their mean over all processes, in one message."""
        if self.count == 1:
            return
        gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
        mean = self.mean(torch.cat([gradient.flatten() for gradient in gradients]))
        for gradient, values in zip(gradients, mean.split([gradient.numel() for gradient in gradients]), strict=True):
            gradient.copy_(values.view_as(gradient))

    def mean(self, values: Tensor) -> Tensor:
        """The mean of an (N,) tensor, of any unit, over all processes; in place."""
        if self.count > 1:
            torch.distributed.all_reduce(values)
            values /= self.count
        return values

    def from_first(self, values: Tensor) -> Tensor:
        """The (N, C) tensor of the first process, of any unit and the same shape everywhere; in place."""
        if self.count > 1:
            torch.distributed.broadcast(values, src=0)
        return values

    def any(self, flag: bool) -> bool:
        """Whether any process says so; the same answer for all."""
        if self.count == 1:
            return flag
        total = torch.tensor([float(flag)])
        torch.distributed.all_reduce(total)
        return bool(total.item() > 0)

    def total(self, count: int) -> int:
        """The sum of a number over all processes."""
        values = torch.tensor([count], dtype=torch.int64)
        if self.count > 1:
            torch.distributed.all_reduce(values)
        return int(values.item())

    def first_then_all(self, make: Callable[[], T]) -> T:
        """What ``make`` gives, called by the first process alone and then by all: the others read the files it has left.

        Raises:
            Interrupted: the first process was asked to stop, and all do.
        """
        if self.count == 1:
            return make()
        stopped = False
        if self.first:
            try:
                make()
            except Interrupted:
                stopped = True
        if self.any(stopped):
            raise Interrupted
        return make()

    def wait(self) -> None:
        """Until all processes are here."""
        if self.count > 1:
            torch.distributed.barrier()


ALONE = Workers()


def join_workers() -> Workers:
    """This process among those that ``torchrun`` started; alone if it did not."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1 or not torch.distributed.is_available():
        return ALONE
    if not torch.distributed.is_initialized():
        # gloo for messages between CPUs; with GPUs each kind of tensor takes its own way.
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        torch.distributed.init_process_group(backend, timeout=_PATIENCE)
        # Left in good order even after an error: threads of gloo that still run when the process ends abort it.
        atexit.register(_leave)
    return Workers(torch.distributed.get_rank(), torch.distributed.get_world_size())


def _leave() -> None:
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
