"""Searching: when a search starts afresh, and what it leaves as it was."""

from __future__ import annotations

import math

import torch
from conceptgym.concepts.energy.sampler import StepSizes, Unknowns
from conceptgym.concepts.energy.scene import Scene
from conceptgym.concepts.energy.search import Search, descent
from torch import Tensor


def alone(frames: int) -> tuple[Scene, Unknowns]:
    """One movable entity, one unit from where it is wanted."""
    nodes = torch.zeros(1, 1, 6)
    nodes[..., 5] = 1.0
    scene = Scene(nodes, torch.ones(1, 1), torch.zeros(1))
    positions = torch.ones(1, frames, 1, 2)
    return scene, Unknowns(positions, torch.zeros(1, 1), torch.zeros(1, 1), torch.zeros(1))


def half_way(scene: Scene, positions: Tensor, attention: Tensor) -> Tensor:
    """Least half-way between the origin and wherever the entity was at first."""
    return 50 * ((positions[:, 1:] - positions[:, :1] / 2) ** 2).sum((1, 2, 3))


def ends(search: Search, frames: int = 2) -> tuple[Tensor, Tensor]:
    """Where the search begins and ends."""
    scene, unknowns = alone(frames)
    sizes = StepSizes(5)
    with torch.no_grad():
        sizes.single.fill_(math.log(0.01 / (frames - 1)))
        sizes.smooth.fill_(-200.0)
    path = descent(half_way, sizes, scene, unknowns, search, torch.Generator().manual_seed(0))
    assert len(path) == search.steps + 1
    return path[-1].positions[:, :1], path[-1].positions[:, 1:]


def test_every_round_starts_where_the_last_one_ended() -> None:
    for rounds, expected in ((1, 0.5), (2, 0.25), (4, 0.0625)):
        first, last = ends(Search(steps=24, round=24 // rounds))
        assert torch.equal(first, torch.ones_like(first)), "the scene's own start is told"
        torch.testing.assert_close(last, torch.full_like(last, expected), atol=0.05, rtol=0)


def test_what_takes_time_keeps_its_course() -> None:
    _, last = ends(Search(steps=24, round=6), frames=4)
    torch.testing.assert_close(last, torch.full_like(last, 0.5), atol=0.1, rtol=0)
