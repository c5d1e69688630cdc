"""Model-predictive path integral control: the exponentially weighted mean of the samples."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from .base import Distribution, at_rest, check_positive, gaussian


@dataclass(frozen=True)
class MPPI:
    """Williams et al., "Information theoretic MPC" (ICRA 2017), equations 26 to 28.

    The temperature is in units of the costs' standard deviation among the samples, so that it means
    the same for a distance, a learned energy, and any multiple of them.

    Attributes:
        deviation: Standard deviation of the noise on the knots.
        temperature: Costs, in deviations of the costs, over which a weight falls to 1/e.
    """

    deviation: float = 0.3
    temperature: float = 0.1

    def __post_init__(self) -> None:
        """Checks the numbers.

        Raises:
            ValueError: One that is not positive.
        """
        check_positive(deviation=self.deviation, temperature=self.temperature)

    def start(self, knots: int, actions: int) -> Distribution:
        """The distribution before anything is known."""
        return at_rest(knots, actions, self.deviation)

    def sample(
        self, distribution: Distribution, count: int, scale: float, generator: torch.Generator
    ) -> Float[Tensor, "samples knots action"]:
        """Draws plans around the mean, (K, P, A)."""
        return gaussian(distribution, count, scale, generator)

    def update(self, distribution: Distribution, samples: Tensor, costs: Tensor) -> Distribution:
        """Takes the weighted mean."""
        finite = torch.isfinite(costs)
        if not bool(finite.any()):
            return distribution
        spread = costs[finite].std(correction=0).clamp(min=1e-12)
        weights = torch.softmax(-costs / (self.temperature * spread), dim=0)
        return replace(distribution, mean=torch.einsum("k,kpa->pa", weights, samples))
