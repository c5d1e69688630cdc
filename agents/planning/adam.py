"""Adam's steps as a small state that is handed on: torch's own optimisers change parameters in place."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_DECAY = (0.9, 0.99)


@dataclass(frozen=True, eq=False)
class Adam:
    """Running moments of slopes; Kingma and Ba, ICLR 2015, algorithm 1.

    Attributes:
        first: Mean of the slopes.
        second: Mean of their squares.
        count: Slopes seen.
    """

    first: Tensor
    second: Tensor
    count: int = 0

    @staticmethod
    def at_rest(like: Tensor) -> Adam:
        """Before any slope, of the shape of what is optimised."""
        return Adam(torch.zeros_like(like), torch.zeros_like(like))

    def moved(self, slope: Tensor) -> tuple[Adam, Tensor]:
        """The moments after one more slope, and the way uphill, of about length one in each number."""
        count = self.count + 1
        first = _DECAY[0] * self.first + (1 - _DECAY[0]) * slope
        second = _DECAY[1] * self.second + (1 - _DECAY[1]) * slope**2
        ahead = first / (1 - _DECAY[0] ** count)
        spread = torch.sqrt(second / (1 - _DECAY[1] ** count)) + 1e-8
        return Adam(first, second, count), ahead / spread
