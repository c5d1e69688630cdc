"""The cross-entropy method, plain and improved: the samples' elite says where to look next."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from .base import Distribution, at_rest, check_positive, gaussian


def elite_update(
    distribution: Distribution, samples: Tensor, costs: Tensor, share: float, momentum: float, least: float
) -> tuple[Distribution, Float[Tensor, "elites knots action"]]:
    """Moves mean and deviation towards those of the cheapest samples; returns the elite, too."""
    count = max(2, round(share * len(costs)))
    order = costs.argsort()[:count]
    elite = samples[order[torch.isfinite(costs[order])]]
    if len(elite) == 0:
        return distribution, elite
    mean = momentum * distribution.mean + (1 - momentum) * elite.mean(0)
    spread = momentum * distribution.deviation + (1 - momentum) * elite.std(0, correction=0)
    return replace(distribution, mean=mean, deviation=spread.clamp(min=least)), elite


@dataclass(frozen=True)
class CEM:
    """Rubinstein, "Optimization of computer simulation models with rare events" (1997).

    Attributes:
        deviation: Standard deviation of the noise on the knots, when a plan is begun.
        elite: Share of the samples that say where to look next.
        momentum: Weight of the old mean and deviation.
        least: Smallest deviation.
    """

    deviation: float = 0.4
    elite: float = 0.1
    momentum: float = 0.1
    least: float = 0.02

    def __post_init__(self) -> None:
        """Checks the numbers.

        Raises:
            ValueError: One that is not positive, or a momentum or share above one.
        """
        check_positive(deviation=self.deviation, elite=self.elite, least=self.least)
        if not 0 <= self.momentum < 1 or self.elite > 1:
            raise ValueError(f"{self}: momentum is in [0, 1), elite in (0, 1]")

    def start(self, knots: int, actions: int) -> Distribution:
        """The distribution before anything is known."""
        return at_rest(knots, actions, self.deviation)

    def sample(
        self, distribution: Distribution, count: int, scale: float, generator: torch.Generator
    ) -> Float[Tensor, "samples knots action"]:
        """Draws plans around the mean, (K, P, A)."""
        return gaussian(distribution, count, scale, generator)

    def update(self, distribution: Distribution, samples: Tensor, costs: Tensor) -> Distribution:
        """Moves towards the elite."""
        return elite_update(distribution, samples, costs, self.elite, self.momentum, self.least)[0]


@dataclass(frozen=True)
class ICEM:
    """Pinneri et al., "Sample-efficient cross-entropy method" (CoRL 2020): coloured noise, kept elites.

    The plan that is carried out, and around which the next samples are drawn, is the best one, where the
    paper draws them around the elite's mean.

    Attributes:
        deviation: Standard deviation of the noise on the knots, when a plan is begun.
        elite: Share of the samples that say where to look next.
        momentum: Weight of the old deviation.
        least: Smallest deviation.
        colour: Exponent b of the noise's power spectrum 1/f^b along the knots; 0 is white.
        keep: Share of the elite that is tried again.
    """

    deviation: float = 0.4
    elite: float = 0.1
    momentum: float = 0.1
    least: float = 0.02
    colour: float = 1.0
    keep: float = 0.3

    def __post_init__(self) -> None:
        """Checks the numbers.

        Raises:
            ValueError: One out of its range.
        """
        check_positive(deviation=self.deviation, elite=self.elite, least=self.least)
        if not 0 <= self.momentum < 1 or self.elite > 1 or self.colour < 0 or not 0 <= self.keep <= 1:
            raise ValueError(f"{self}: momentum is in [0, 1), elite and keep in [0, 1], colour >= 0")

    def start(self, knots: int, actions: int) -> Distribution:
        """The distribution before anything is known."""
        return at_rest(knots, actions, self.deviation)

    def sample(
        self, distribution: Distribution, count: int, scale: float, generator: torch.Generator
    ) -> Float[Tensor, "samples knots action"]:
        """Draws plans around the mean with coloured noise; kept plans take the place of some."""
        mean = distribution.mean
        noise = coloured(count, *mean.shape, colour=self.colour, generator=generator).to(mean)
        noise[0] = 0.0
        samples = (mean + scale * distribution.deviation * noise).clamp_(-1, 1)
        kept = distribution.kept[: count - 1]
        samples[1 : 1 + len(kept)] = kept
        return samples

    def update(self, distribution: Distribution, samples: Tensor, costs: Tensor) -> Distribution:
        """Moves towards the elite, keeps some of it, and carries out the best."""
        moved, elite = elite_update(distribution, samples, costs, self.elite, self.momentum, self.least)
        if len(elite) == 0:
            return distribution
        return replace(moved, mean=elite[0], kept=elite[: math.ceil(self.keep * len(elite))])


def coloured(
    count: int, steps: int, actions: int, *, colour: float, generator: torch.Generator
) -> Float[Tensor, "count steps actions"]:
    """Noise of variance one whose power falls with frequency as 1/f^colour, (count, steps, actions).

    Timmer and König, "On generating power law noise" (1995): normal Fourier coefficients, scaled.
    """
    white = torch.randn(count, actions, steps, generator=generator)
    if colour == 0 or steps < 2:
        return white.transpose(1, 2).contiguous()
    frequencies = torch.fft.rfftfreq(steps)
    frequencies[0] = frequencies[1]
    scale = frequencies ** (-colour / 2)
    # Variance of the result: the mean of the squared scales over all of the spectrum.
    weights = torch.full_like(scale, 2.0)
    weights[0] = 1.0
    if steps % 2 == 0:
        weights[-1] = 1.0
    scale = scale / torch.sqrt((weights * scale**2).sum() / steps)
    noise = torch.fft.irfft(torch.fft.rfft(white) * scale, n=steps)
    return noise.transpose(1, 2).contiguous()
