"""Predictive sampling: the best of the samples is the next plan."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from .base import Distribution, at_rest, check_positive, gaussian


@dataclass(frozen=True)
class PredictiveSampling:
    """Howell et al., "Predictive sampling: real-time behaviour synthesis with MuJoCo" (2022), section 3.

    Attributes:
        deviation: Standard deviation of the noise on the knots.
    """

    deviation: float = 0.3

    def __post_init__(self) -> None:
        """Checks the numbers.

        Raises:
            ValueError: A deviation that is not positive.
        """
        check_positive(deviation=self.deviation)

    def start(self, knots: int, actions: int) -> Distribution:
        """The distribution before anything is known."""
        return at_rest(knots, actions, self.deviation)

    def sample(
        self, distribution: Distribution, count: int, scale: float, generator: torch.Generator
    ) -> Float[Tensor, "samples knots action"]:
        """Draws plans around the mean, (K, P, A)."""
        return gaussian(distribution, count, scale, generator)

    def update(self, distribution: Distribution, samples: Tensor, costs: Tensor) -> Distribution:
        """Takes the cheapest."""
        return replace(distribution, mean=samples[costs.argmin()])
