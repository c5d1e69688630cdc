"""The demonstration encoder: where the optimisation of a concept code starts."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import silu

from .network import NetworkConfig, Trunk, motions, readout, relations
from .scene import FEATURES, Example

_BELOW_ALL = -1.0
"""Less than any output of the activation."""

_PAIR_MOMENTS, _SIDES, _MOTIONS, _GROUPS = 12, 5, 9, 3
MOMENTS = _SIDES * _PAIR_MOMENTS + _GROUPS * _MOTIONS
"""Columns of ``moments``."""


def _weighted(values: Tensor, weights: Tensor) -> Tensor:
    """Means over all entities or pairs, (B, C), of values (B, ..., C); zero where there is nobody."""
    dimensions = tuple(range(1, weights.ndim))
    return (values * weights[..., None]).sum(dimensions) / (weights.sum(dimensions) + 1e-3)[:, None]


def moments(example: Example) -> Float[Tensor, "b moments"]:
    """Who is where relative to whom, and how they move, as means over pairs and groups.

    A place, a radius, an axis and a speed are linear in first and second moments; a network that has to
    find these by itself takes long to.
    """
    scene, positions, attention = example
    now = relations(positions[:, -1:], torch.zeros_like(scene.seconds))[:, 0]
    change = relations(positions, scene.seconds).mean(1)
    x, y, far = now[..., 0], now[..., 1], now[..., 2]
    ahead, aside = x / far, y / far
    parts = [x, y, far, x * x + y * y, x * x - y * y, 2 * x * y]
    parts += [ahead, aside, ahead * ahead - aside * aside, 2 * ahead * aside, change[..., 5], change[..., 2]]
    pairs = torch.stack(parts, dim=-1)
    attended, others = attention * scene.candidates, (1 - attention) * scene.candidates
    marked, moved = scene.marker * scene.present, scene.movable * scene.present
    apart = 1 - torch.eye(attended.shape[1], dtype=attended.dtype, device=attended.device)
    sides = ((marked, attended), (marked, others), (attended, attended), (attended, others), (others, others))
    means = [_weighted(pairs, one[:, :, None] * other[:, None] * apart) for one, other in sides]
    moves = motions(positions, scene.seconds).mean(1)
    return torch.cat([*means, *(_weighted(moves, group) for group in (attended, others, moved))], dim=-1)


class Encoder(nn.Module):
    """Maps k demonstrations of each of B tasks to B codes of mean zero and variance one.

    The last step is a normalisation over tasks without affine parameters: without it, concepts that
    differ in a direction only share one code for long. Demonstrations with and without a course of
    time have statistics of their own, as they come in batches of their own. While training, values
    are by the running statistics as well, and only slopes by those of the batch (Ioffe, "Batch
    renormalization", 2017): codes that shake with the batch teach an energy that is not exact.
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, config: NetworkConfig, momentum: float = 0.05) -> None:
        """Makes the network, randomly initialised from torch's generator."""
        super().__init__()
        self.trunk = Trunk(config, 0)
        self.each = nn.Linear(3 * config.node + 3, config.node)
        self.joint = nn.Linear(2 * config.node, config.code)
        # Past all layers: who is attended and who is not, as they are. Colours are learned sooner.
        self.reads_moments = config.moments
        self.plain = nn.Linear(3 * FEATURES + 3 + MOMENTS * config.moments, config.code, bias=False)
        with torch.no_grad():
            # What moments are good for is learned; at first they would drown everything else.
            self.plain.weight[:, 3 * FEATURES + 3 :] = 0.0
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
        seen = readout(scene, attention, scene.nodes)
        if self.reads_moments:
            seen = torch.cat([seen, moments(demonstrations)], dim=-1)
        seen = seen.reshape(*weights.shape, -1)
        plain = (seen * weights[..., None]).sum(1) / weights.sum(1)[:, None]
        return self.joint(torch.cat([mean, largest], dim=-1)) + self.plain(plain)

    def normalised(self, codes: Float[Tensor, "b d"], moving: bool = False) -> Float[Tensor, "b d"]:
        """Codes by the running statistics; with the slopes of a batch normalisation while training."""
        middle, spread = self.mean[int(moving)], torch.sqrt(self.variance[int(moving)] + 1e-5)
        if not self.training:
            return (codes - middle) / spread
        variance, mean = torch.var_mean(codes, dim=0)
        deviation = torch.sqrt(variance + 1e-5)
        own = (codes - mean) / deviation
        return own * (deviation / spread).detach() + ((mean - middle) / spread).detach()

    @torch.no_grad()
    def track(self, codes: Float[Tensor, "b d"], moving: bool = False) -> None:
        """Moves the running statistics towards those of a batch of raw codes."""
        variance, mean = torch.var_mean(codes, dim=0)
        self.mean[int(moving)].lerp_(mean, self.momentum)
        self.variance[int(moving)].lerp_(variance, self.momentum)
