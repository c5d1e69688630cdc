"""Searching with a formula of codes as the energy: particles, and what a search finds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from .codes import Formula, combined
from .learner import Networks
from .reading import marked
from .sampler import Energy, StepSizes, Unknowns, forgotten, noise_like, step
from .scene import Example, Scene


@dataclass(frozen=True)
class Search:
    """How long and how widely generation and identification search.

    Attributes:
        steps: Steps of each search.
        particles: Searches of each scene, of which the one with the least energy counts.
        spread: Deviation of the searches' first guesses from the scene as it is.
        round: Steps after which a state that takes no time is judged as if everybody had always been
            there, so that the search starts afresh, closer; events with a course of time keep it.
    """

    steps: int = 10
    particles: int = 1
    spread: float = 0.15
    round: int = 5

    def __post_init__(self) -> None:
        """Checks the numbers.

        Raises:
            ValueError: Fewer than one step or particle, or a spread that is negative or not finite.
        """
        if min(self.steps, self.particles, self.round) < 1 or not 0 <= self.spread < np.inf:
            raise ValueError(f"{self}: steps, particles and round are 1 at least, the spread is not negative")


class Found(NamedTuple):
    """The result of a search.

    Attributes:
        positions: Trajectories, (B, T+1, N, 2).
        attention: Masks before rounding, (B, N).
        energy: Energies, (B,).
        path: Positions and attention after every step, each with a leading dimension of steps + 1.
    """

    positions: Float[Tensor, "batch frames n 2"]
    attention: Float[Tensor, "batch n"]
    energy: Float[Tensor, " batch"]
    path: tuple[Tensor, Tensor]


def first_particles(
    example: Example, mode: str, search: Search, generator: torch.Generator
) -> tuple[Unknowns, Scene]:
    """Where the particles start; those of the first row of particles at the scene as it is."""
    count = search.particles

    def repeat(part: Tensor) -> Tensor:
        return part.repeat(count, *[1] * (part.ndim - 1))

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, device=example.positions.device)

    scene = Scene(*map(repeat, example.scene))
    positions, attention = repeat(example.positions), repeat(example.attention)
    rows, frames, width, _ = positions.shape
    recognise = torch.full((rows,), float(mode == "identify"), device=example.positions.device)
    if mode == "generate":
        others = (torch.arange(rows, device=example.positions.device) >= len(example.attention)).float()
        time = torch.linspace(0, 1, frames, device=example.positions.device)[None, :, None, None]
        drift = search.spread * others[:, None, None, None] * normal(rows, 1, width, 2)
        # A standstill does not tell which way to go: with a course of time even the first one drifts.
        lasting = (scene.seconds > 0).float()[:, None, None, None]
        drift = drift + 0.3 * lasting * normal(rows, 1, width, 2)
        positions = positions + time * drift * scene.movable[:, None, :, None]
    logits = 0.1 * normal(rows, width) * recognise[:, None]
    return Unknowns(positions, logits, attention, recognise), scene


def descent(
    energy: Energy,
    sizes: StepSizes,
    scene: Scene,
    unknowns: Unknowns,
    search: Search,
    generator: torch.Generator,
) -> list[Unknowns]:
    """Where the particles are before and after each step, with less and less noise."""
    start, path = unknowns.positions[:, :1], [unknowns]
    acts = unknowns.positions.shape[1] == 2 and not bool(unknowns.recognise.any())
    for index in range(search.steps):
        since = index % search.round if acts else index
        if acts and index and not since:
            unknowns = unknowns._replace(positions=forgotten(unknowns.positions))
        noise = noise_like(unknowns, generator, 1 - (index + 1) / search.steps)
        unknowns = step(energy, sizes.at(since), scene, unknowns, noise, unrolled=False)
        positions = torch.cat([start, unknowns.positions[:, 1:]], dim=1)
        path.append(unknowns._replace(positions=positions))
    return path


def those_present(
    scene: Scene, positions: Tensor, attention: Tensor, vector: Tensor
) -> tuple[Scene, Tensor, Tensor, Tensor]:
    """What an energy takes, without the slots that nobody has in any row: they cost time and say nothing."""
    there = scene.present.any(0)
    if bool(there.all()):
        return scene, positions, attention, vector
    kept = there.nonzero()[:, 0]
    fewer = scene._replace(nodes=scene.nodes[:, kept], present=scene.present[:, kept])
    return fewer, positions[:, :, kept], attention[:, kept], vector


@dataclass(frozen=True, eq=False)
class FormulaEnergy:
    """The energy of a formula, bound to codes and to whom each code is about.

    Attributes:
        networks: What was learned.
        formula: The formula.
        mode: "generate" or "identify".
        codes: Of its leaves, (B, D) each.
        targets: Whom each leaf is about, (B, N), or None.
        trims: Whether it leaves out slots that nobody has: worth it for many rows of one scene.
    """

    networks: Networks
    formula: Formula
    mode: str
    codes: list[Tensor]
    targets: list[Tensor | None]
    trims: bool = False

    def __call__(self, scene: Scene, positions: Tensor, attention: Tensor) -> Tensor:
        """Energies, (B,), of trajectories (B, T+1, N, 2) and attention (B, N)."""
        energies = []
        for vector, target in zip(self.codes, self.targets, strict=True):
            seen, mask = scene, attention
            if target is not None and self.mode == "generate":
                mask = target
            elif target is not None:
                # To be recognised relative to somebody is to have that one marked.
                seen = scene._replace(nodes=marked(scene.nodes, target))
            taken = (seen, positions, mask, vector)
            energies.append(self.networks.energy(*(those_present(*taken) if self.trims else taken)))
        return combined(self.formula, energies)

    def repeated(self, count: int) -> FormulaEnergy:
        """For ``count`` particles of each event."""
        codes = [code.repeat(count, 1) for code in self.codes]
        targets = [None if target is None else target.repeat(count, 1) for target in self.targets]
        return replace(self, codes=codes, targets=targets)
