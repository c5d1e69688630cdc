"""Inference of concept codes from demonstrations, by gradient descent at run time.

Mordatch (2018), equation 7: the code is the minimiser of the demonstration loss. The loss says that
demonstrations have low energy, and contrary events, made from the demonstrations themselves, have not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .scene import Example, Scene

CodedEnergy: TypeAlias = Callable[[Scene, Tensor, Tensor, Tensor], Tensor]
"""Maps (scene, positions, attention, code) to energies, (B,)."""

THRESHOLD = 0.1
"""An event with less energy than this satisfies the concept, in the model's judgement."""

_LEAST = 1e-3
_PRIOR = 1e-3
_LONGEST_STEP = 1.0


def surprise(energies: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """log(1 + E / threshold): the negative logarithm of the odds-based probability of "satisfied"."""
    return torch.log1p(energies / THRESHOLD)


def contrary(energies: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """log(1 + threshold / E): the negative logarithm of the probability of "not satisfied"."""
    return torch.log1p(THRESHOLD / (energies + _LEAST))


class CodeSteps(nn.Module):
    """Learned step sizes of the code's optimisation, for each step and dimension."""

    def __init__(self, steps: int, code: int) -> None:
        """Starts with steps of size one."""
        super().__init__()
        self.steps = steps
        self.size = nn.Parameter(torch.zeros(steps, code))
        self.start = nn.Parameter(torch.zeros(code))

    def at(self, step: int) -> Float[Tensor, " d"]:
        """Step sizes, (D,); past the last trained step, the last sizes go on."""
        return self.size[min(step, self.steps - 1)].exp()


def demonstration_loss(
    energy: CodedEnergy,
    demonstrations: Example,
    contraries: Example,
    weights: Float[Tensor, "b k"],
    code: Float[Tensor, "b d"],
) -> Float[Tensor, " b"]:
    """How badly codes explain the demonstrations of their tasks, (B,).

    Args:
        energy: Maps (scene, positions, attention, code) to energies.
        demonstrations: k a task, batch dimension B * k.
        contraries: The same scenes, with other positions or another mask.
        weights: 1 on the demonstrations that count, (B, k).
        code: Concept codes, (B, D).
    """
    tasks, k = weights.shape
    each = code[:, None].expand(-1, k, -1).reshape(tasks * k, -1)
    good = surprise(energy(demonstrations.scene, demonstrations.positions, demonstrations.attention, each))
    bad = contrary(energy(contraries.scene, contraries.positions, contraries.attention, each))
    terms = (good + bad).reshape(tasks, k) * weights
    return terms.sum(1) / weights.sum(1) + _PRIOR * (code * code).sum(1)


def code_step(
    energy: CodedEnergy,
    size: Tensor,
    demonstrations: Example,
    contraries: Example,
    weights: Tensor,
    code: Tensor,
    unrolled: bool = True,
) -> Float[Tensor, "b d"]:
    """One bounded step of the codes, (B, D), down the demonstration loss.

    Unrolled, it can be differentiated, as training does; otherwise it comes faster.
    """

    def total(code: Tensor) -> Tensor:
        return demonstration_loss(energy, demonstrations, contraries, weights, code).sum()

    if unrolled:
        slope = torch.func.grad(total)(code)
    else:
        at = code.detach().requires_grad_()
        with torch.enable_grad():
            (slope,) = torch.autograd.grad(total(at), at)
    return code - _LONGEST_STEP * torch.tanh(size * slope / _LONGEST_STEP)


def contraries_of(demonstrations: Example, recognise: Tensor, generator: torch.Generator) -> Example:
    """Events that the demonstrations are not: half of them shaken, half unfinished.

    Unfinished ones are held back towards the start or, with a course of time, go on as they began.

    Nothing but the demonstrations is known here, so that a contrary may satisfy the concept by
    chance; over several steps and demonstrations that averages out.

    Args:
        demonstrations: Batch of demonstrations, positions (B, T+1, N, 2).
        recognise: 1 on those of a concept to identify, (B,).
        generator: Source of all randomness.
    """
    scene, positions, attention = demonstrations
    batch, frames, width, _ = positions.shape

    def random(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, device=positions.device)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, device=positions.device)

    back = 1 - 0.7 * random(batch, 1, 1, 1)
    held = positions + back * (positions[:, :1] - positions)
    time = torch.linspace(0, 1, frames, device=positions.device)[None, :, None, None]
    extent = 0.6 * 0.1 ** random(batch, 1, 1, 1)
    drift = time * normal(batch, 1, width, 2)
    bend = torch.sin(torch.pi * time * (1 + 3 * random(batch, 1, width, 1))) * normal(batch, 1, width, 2)
    shaken = positions + extent * (drift + bend)
    steps = torch.arange(frames, device=positions.device)[None, :, None, None]
    onward = positions[:, :1] + steps * (positions[:, 1:2] - positions[:, :1])
    which = random(batch, 1, 1, 1)
    straight = held if frames == 2 else torch.where(which < 0.25, held, onward)
    other = torch.where(which < 0.5, straight, shaken)
    free = scene.movable[:, None, :, None] * (1 - recognise[:, None, None, None])
    return demonstrations._replace(
        positions=positions + free * (other - positions),
        attention=attention + recognise[:, None] * (_flipped(demonstrations, random) - attention),
    )


def _flipped(demonstrations: Example, random: object) -> Tensor:
    """Masks with one candidate at least wrong, (B, N)."""
    scene, _, attention = demonstrations
    batch, width = attention.shape
    chance = random(batch, width)  # type: ignore[operator]
    rate = torch.where(random(batch, 1) < 0.5, 0.1, 0.4)  # type: ignore[operator]
    chance = torch.where(scene.candidates > 0, chance, 2.0)
    flip = (chance < rate) | (chance <= chance.amin(1, keepdim=True))
    return torch.where(flip & (scene.candidates > 0), 1 - attention, attention)
