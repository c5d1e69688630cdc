"""The demonstration encoder: where the optimisation of a concept code starts."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import silu

from .network import NetworkConfig, Trunk, readout
from .scene import FEATURES, Example

_BELOW_ALL = -1.0
"""Less than any output of the activation."""


class Encoder(nn.Module):
    """Maps k demonstrations of each of B tasks to B codes of mean zero and variance one.

    The last step is a normalisation over tasks without affine parameters: without it, concepts that
    differ in a direction only share one code for long. Demonstrations with and without a course of
    time have statistics of their own, as they come in batches of their own.
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, config: NetworkConfig, momentum: float = 0.01) -> None:
        """Makes the network, randomly initialised from torch's generator."""
        super().__init__()
        self.trunk = Trunk(config, 0)
        self.each = nn.Linear(3 * config.node + 3, config.node)
        self.joint = nn.Linear(2 * config.node, config.code)
        # Past all layers: who is attended and who is not, as they are. Colours are learned sooner.
        self.plain = nn.Linear(3 * FEATURES + 3, config.code, bias=False)
        self.momentum = momentum
        self.register_buffer("mean", torch.zeros(2, config.code))
        self.register_buffer("variance", torch.ones(2, config.code))

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
        seen = readout(scene, attention, scene.nodes).reshape(*weights.shape, -1)
        plain = (seen * weights[..., None]).sum(1) / weights.sum(1)[:, None]
        return self.joint(torch.cat([mean, largest], dim=-1)) + self.plain(plain)

    def normalised(self, codes: Float[Tensor, "b d"], moving: bool = False) -> Float[Tensor, "b d"]:
        """Codes by the running statistics, or by those of the batch while training."""
        if not self.training:
            return (codes - self.mean[int(moving)]) / torch.sqrt(self.variance[int(moving)] + 1e-5)
        variance, mean = torch.var_mean(codes, dim=0)
        return (codes - mean) / torch.sqrt(variance + 1e-5)

    @torch.no_grad()
    def track(self, codes: Float[Tensor, "b d"], moving: bool = False) -> None:
        """Moves the running statistics towards those of a batch of raw codes."""
        variance, mean = torch.var_mean(codes, dim=0)
        self.mean[int(moving)].lerp_(mean, self.momentum)
        self.variance[int(moving)].lerp_(variance, self.momentum)
