"""What samplers of plans have in common: a distribution over knots, sampled and updated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Distribution:
    """What a sampler believes about good plans.

    Attributes:
        mean: Knots of the plan that would be carried out, (P, A).
        deviation: Standard deviations of the samples, (P, A).
        kept: Good plans that are tried again, (E, P, A).
    """

    mean: Float[Tensor, "knots action"]
    deviation: Float[Tensor, "knots action"]
    kept: Float[Tensor, "elites knots action"]


@runtime_checkable
class Sampler(Protocol):
    """Proposes plans, and learns from what they cost; plans are knots in [-1, 1]."""

    def start(self, knots: int, actions: int) -> Distribution:
        """The distribution before anything is known."""
        ...

    def sample(
        self, distribution: Distribution, count: int, scale: float, generator: torch.Generator
    ) -> Float[Tensor, "samples knots action"]:
        """Draws ``count`` plans, (K, P, A); the first is the mean itself.

        Args:
            distribution: What is believed.
            count: K, one at least.
            scale: Factor of all deviations.
            generator: Source of the randomness.
        """
        ...

    def update(
        self, distribution: Distribution, samples: Float[Tensor, "samples knots action"], costs: Tensor
    ) -> Distribution:
        """The distribution after the costs of the samples, (K,), are known; infinite ones do not count."""
        ...


def at_rest(knots: int, actions: int, deviation: float) -> Distribution:
    """Plans around doing nothing."""
    mean = torch.zeros(knots, actions)
    return Distribution(mean, torch.full_like(mean, deviation), mean[None][:0])


def gaussian(
    distribution: Distribution, count: int, scale: float, generator: torch.Generator
) -> Float[Tensor, "samples knots action"]:
    """Independent normal noise around the mean, clamped; the first sample has none."""
    mean = distribution.mean
    noise = torch.randn(count, *mean.shape, generator=generator, dtype=mean.dtype, device=mean.device)
    noise[0] = 0.0
    return (mean + scale * distribution.deviation * noise).clamp_(-1, 1)


def check_positive(**values: float) -> None:
    """Checks numbers that have to be positive and finite.

    Raises:
        ValueError: One is not.
    """
    for name, value in values.items():
        if not 0 < value < float("inf"):
            raise ValueError(f"{name} is {value}, expected a positive number")
