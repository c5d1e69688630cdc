"""The published form of the energy, for comparison: one squared number of attended pairs."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import silu

from .network import Gated, NetworkConfig, motions
from .scene import FEATURES, Scene

_INPUTS = 2 + FEATURES + 9


class PaperEnergy(nn.Module):
    """E = f(sum_{t,i,j} s_i s_j g(x_i^t, x_j^t, w), w)^2, Mordatch (arXiv 1811.02486), section 3.

    s is the attention, and 1 on the marker, which in our events is who acts. The sum over states is
    a mean here, so that the energy does not grow with the duration.
    """

    def __init__(self, config: NetworkConfig) -> None:
        """Makes the network, randomly initialised from torch's generator."""
        super().__init__()
        self.config = config
        width = 2 * config.node
        self.first = Gated(2 * _INPUTS, width, config.code)
        self.second = Gated(width, width, config.code)
        self.third = Gated(width, width, config.code)
        self.out = nn.Linear(width, 1)

    def forward(
        self,
        scene: Scene,
        positions: Float[Tensor, "b t1 n 2"],
        attention: Float[Tensor, "b n"],
        code: Float[Tensor, "b d"],
    ) -> Float[Tensor, " b"]:
        """Energies, (B,) >= 0, of trajectories (B, T+1, N, 2), attention (B, N), codes (B, D)."""
        later = positions[:, 1:] if positions.shape[1] > 1 else positions
        nodes = scene.nodes[:, None].expand(-1, later.shape[1], -1, -1)
        each = torch.cat([later, nodes, motions(positions, scene.seconds)], dim=-1)
        count = each.shape[2]
        mine = each[:, :, :, None].expand(-1, -1, -1, count, -1)
        other = each[:, :, None].expand(-1, -1, count, -1, -1)
        pairs = silu(self.first(torch.cat([mine, other], dim=-1), code))
        pairs = silu(self.second(pairs, code))
        mass = scene.present * (attention + (1 - attention) * scene.marker)
        both = mass[:, :, None] * mass[:, None]
        total = (pairs * both[:, None, :, :, None]).sum((2, 3)).mean(1)
        value = self.out(silu(self.third(total, code)))[:, 0]
        return value * value
