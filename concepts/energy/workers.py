"""The processes of one training, which torchrun starts: what they share and wait for."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class Workers:
    """The processes that train together; one, where torchrun did not start more."""

    rank: int
    size: int

    def wait(self) -> None:
        """Waits until every process is here."""
        if self.size > 1:
            torch.distributed.barrier()

    def average(self, tensors: list[Tensor]) -> None:
        """Replaces tensors by their means over all processes."""
        if self.size == 1:
            return
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        torch.distributed.all_reduce(flat)
        flat /= self.size
        offset = 0
        for tensor in tensors:
            tensor.copy_(flat[offset : offset + tensor.numel()].view_as(tensor))
            offset += tensor.numel()

    def check_same(self, step: int) -> None:
        """Checks that all processes have as many updates behind them.

        Raises:
            ValueError: They have not: a checkpoint is missing where some of them run.
        """
        steps = torch.tensor([float(step), float(step) ** 2], dtype=torch.float64)
        self.average([steps])
        if float(steps[1] - steps[0] ** 2) > 0.25 / self.size:
            raise ValueError(
                f"this process goes on at step {step}, others do not: give a folder that all machines share"
            )

    def share(self, parameters: list[torch.nn.Parameter]) -> None:
        """Averages gradients; a process that has none of a parameter counts as zero if another has one.

        Processes take different numbers of code steps, so that not all of them use all parameters.
        """
        if self.size == 1:
            return
        used = torch.tensor([float(p.grad is not None) for p in parameters], device=parameters[0].device)
        self.average([used])
        for parameter, share in zip(parameters, used.tolist(), strict=True):
            if share > 0 and parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        self.average([p.grad for p in parameters if p.grad is not None])


def workers() -> Workers:
    """Joins the processes that torchrun started, if it did."""
    distributed = torch.distributed
    if not distributed.is_torchelastic_launched():
        return Workers(0, 1)
    if not distributed.is_initialized():
        distributed.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
    return Workers(distributed.get_rank(), distributed.get_world_size())
