"""Generation and identification: a few bounded, noisy gradient steps on positions or on attention.

Mordatch (2018), equation 3, with a minus before the gradient (the text prints a plus, which would
climb), learned step sizes, and steps of bounded length in place of unbounded ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .scene import Scene

Energy: TypeAlias = Callable[[Scene, Tensor, Tensor], Tensor]
"""Maps (scene, positions, attention) to energies, (B,): an energy whose code is given."""

LONGEST_STEP = 0.5
"""Largest change of a coordinate in one step, in units of the plane."""

LARGEST_STEP = 4.0
"""Largest change of an attention logit in one step."""

POSITION_NOISE, LOGIT_NOISE = 0.01, 0.03


class Unknowns(NamedTuple):
    """What is optimised, and which parts of it may change.

    Attributes:
        positions: Trajectories, (B, T+1, N, 2).
        logits: Logits of the attention, (B, N).
        given: The attention where it is given, (B, N).
        recognise: 1 on events to identify, 0 on events to generate, (B,).
    """

    positions: Float[Tensor, "batch frames n 2"]
    logits: Float[Tensor, "batch n"]
    given: Float[Tensor, "batch n"]
    recognise: Float[Tensor, " batch"]

    def attention(self, scene: Scene) -> Float[Tensor, "batch n"]:
        """The attention as it stands, (B, N)."""
        chosen = self.recognise[:, None]
        return (1 - chosen) * self.given + chosen * torch.sigmoid(self.logits) * scene.candidates


class StepSizes(nn.Module):
    """Learned sizes of the steps; past the last trained step, the last sizes go on.

    Attributes:
        steps: K, the number of trained steps.
    """

    def __init__(self, steps: int) -> None:
        """Starts with the sizes that are known to train."""
        super().__init__()
        self.steps = steps
        self.single = nn.Parameter(torch.full((steps,), 0.3).log())
        self.smooth = nn.Parameter(torch.full((steps,), 0.1).log())
        self.logit = nn.Parameter(torch.full((steps,), 8.0).log())

    def at(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Step sizes of states alone, of whole trajectories, and of logits, three scalars."""
        index = min(step, self.steps - 1)
        return self.single[index].exp(), self.smooth[index].exp(), self.logit[index].exp()


def smoothing(steps: int, like: Tensor) -> Float[Tensor, "t t"]:
    """Covariance of a random walk, (T, T), min(s, t) / T: spreads a change of one state to later ones."""
    times = torch.arange(1, steps + 1, dtype=like.dtype, device=like.device)
    return torch.minimum(times[:, None], times) / steps


def gradients(
    energy: Energy, scene: Scene, unknowns: Unknowns, unrolled: bool = True
) -> tuple[Tensor, Tensor]:
    """Gradients of the energy by positions, (B, T+1, N, 2), and logits, (B, N).

    Unrolled, they can be differentiated once more, as training does; otherwise they come faster.
    """

    def total(positions: Tensor, logits: Tensor) -> Tensor:
        now = unknowns._replace(positions=positions, logits=logits)
        return energy(scene, positions, now.attention(scene)).sum()

    if unrolled:
        return torch.func.grad(total, argnums=(0, 1))(unknowns.positions, unknowns.logits)
    at = tuple(part.detach().requires_grad_() for part in (unknowns.positions, unknowns.logits))
    with torch.enable_grad():
        slopes = torch.autograd.grad(total(*at), at, materialize_grads=True)
    return slopes[0], slopes[1]


def forgotten(positions: Float[Tensor, "b t1 n 2"]) -> Float[Tensor, "b t1 n 2"]:
    """The same states as if everybody had always been there; what takes time keeps its course."""
    return positions[:, 1:].expand_as(positions) if positions.shape[1] == 2 else positions


def noise_like(
    unknowns: Unknowns, generator: torch.Generator, scale: float = 1.0
) -> tuple[Float[Tensor, "batch frames n 2"], Float[Tensor, "batch n"]]:
    """Noise for one step, of positions and of logits."""
    positions, logits = (
        torch.randn(part.shape, generator=generator, dtype=part.dtype, device=part.device)
        for part in (unknowns.positions, unknowns.logits)
    )
    return scale * POSITION_NOISE * positions, scale * LOGIT_NOISE * logits


def step(
    energy: Energy,
    sizes: tuple[Tensor, Tensor, Tensor],
    scene: Scene,
    unknowns: Unknowns,
    noise: tuple[Tensor, Tensor],
    unrolled: bool = True,
) -> Unknowns:
    """One step downhill.

    Args:
        energy: Maps (scene, positions, attention) to energies, (B,).
        sizes: See ``StepSizes.at``.
        scene: Who is there.
        unknowns: Where the optimisation stands.
        noise: Standard normal numbers like positions and logits, scaled.
        unrolled: Whether the step is to be differentiated, as in training.
    """
    by_position, by_logit = gradients(energy, scene, unknowns, unrolled)
    later = by_position[:, 1:]
    count = later.shape[1]
    spread = torch.einsum("st,btnd->bsnd", smoothing(count, later), later)
    move = sizes[0] * count * later + sizes[1] * spread
    move = LONGEST_STEP * torch.tanh(move / LONGEST_STEP) + noise[0][:, 1:]
    free = scene.movable[:, None, :, None] * (1 - unknowns.recognise[:, None, None, None])
    positions = torch.cat([unknowns.positions[:, :1], unknowns.positions[:, 1:] - free * move], dim=1)
    change = LARGEST_STEP * torch.tanh(sizes[2] * by_logit / LARGEST_STEP) + noise[1]
    return unknowns._replace(positions=positions, logits=unknowns.logits - change * scene.candidates)
