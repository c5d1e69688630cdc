"""The demonstration encoder: where the optimisation of a concept code starts."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import silu

from .network import NetworkConfig, Trunk, readout
from .scene import Example

_BELOW_ALL = -1.0
"""Less than any output of the activation."""

_LEAST_SHARE = 1e-3
"""What every direction of the codes varies at least, in shares of the mean direction."""


class Encoder(nn.Module):
    """Maps k demonstrations of each of B tasks to B codes, whitened: mean zero, covariance one.

    The last step is a whitening by running statistics over tasks. Without any normalisation, concepts
    that differ in a direction only share one code for long; with one of each dimension on its own,
    all dimensions become copies of a single one.
    """

    mean: Tensor
    covariance: Tensor
    seen: Tensor

    def __init__(self, config: NetworkConfig, momentum: float = 0.02) -> None:
        """Makes the network, randomly initialised from torch's generator."""
        super().__init__()
        self.trunk = Trunk(config, 0)
        self.each = nn.Linear(3 * config.node + 3, config.node)
        self.joint = nn.Linear(2 * config.node, config.code)
        self.momentum = momentum
        self.register_buffer("mean", torch.zeros(config.code))
        self.register_buffer("covariance", torch.eye(config.code))
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, demonstrations: Example, weights: Float[Tensor, "b k"]) -> Float[Tensor, "b d"]:
        """Raw codes, (B, D), of k demonstrations each: their batch dimension is B * k.

        Args:
            demonstrations: The demonstrations.
            weights: 1 on those that count, (B, k).
        """
        scene, positions, attention = demonstrations
        nodes = self.trunk(scene, positions, attention, None)
        each = silu(self.each(readout(scene, attention, nodes)))
        each = each.reshape(*weights.shape, each.shape[-1])
        mean = (each * weights[..., None]).sum(1) / weights.sum(1)[:, None]
        largest = torch.where(weights[..., None] > 0, each, _BELOW_ALL).amax(1)
        return self.joint(torch.cat([mean, largest], dim=-1))

    def normalised(self, codes: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        """Whitened codes: (code - mean) C^(-1/2), with C the running covariance (ZCA)."""
        values, vectors = torch.linalg.eigh(self.covariance)
        values = values + _LEAST_SHARE * values.mean() + 1e-6
        return (codes - self.mean) @ (vectors / values.sqrt()) @ vectors.T

    @torch.no_grad()
    def track(self, codes: Float[Tensor, "b d"]) -> None:
        """Moves the running statistics towards those of raw codes."""
        self.seen += 1
        share = max(self.momentum, 1 / float(self.seen))
        self.mean.lerp_(codes.mean(0), share)
        away = codes - self.mean
        self.covariance.lerp_(away.T @ away / len(codes), share)
