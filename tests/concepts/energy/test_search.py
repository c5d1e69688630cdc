"""Searching: when a search starts afresh, and what it leaves as it was."""

from __future__ import annotations

import math

import pytest
import torch
from conceptgym.concepts.energy.sampler import StepSizes, Unknowns
from conceptgym.concepts.energy.scene import Example, Scene
from conceptgym.concepts.energy.search import Search, descent, those_present
from torch import Tensor

from .scenes import codes, energy, example


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


@pytest.mark.parametrize("form", ("relational", "paper"))
def test_slots_that_nobody_has_are_left_out_and_nothing_changes(form: str) -> None:
    padded, order = example(3, 2, 5, padding=3), torch.tensor([5, 0, 1, 6, 2, 3, 7, 4])
    scene = padded.scene._replace(
        nodes=padded.scene.nodes[:, order], present=padded.scene.present[:, order].clone()
    )
    scene.present[1, 2] = 0.0  # absent in one row alone: the slot stays
    positions = padded.positions[:, :, order].requires_grad_()
    mixed = Example(scene, positions, padded.attention[:, order])
    network, seen = energy(form), those_present(*mixed, codes())
    assert seen[0].present.shape == (3, 5) and seen[1].shape == (3, 3, 5, 2) and seen[2].shape == (3, 5)
    one, two = network(*seen), network(*mixed, codes())
    torch.testing.assert_close(one, two, atol=1e-9, rtol=1e-9)
    slopes = [torch.autograd.grad(values.sum(), positions)[0] for values in (one, two)]
    assert slopes[1].abs().max() > 1e-4
    torch.testing.assert_close(*slopes, atol=1e-9, rtol=1e-9)


def test_where_every_slot_is_taken_nothing_is_copied() -> None:
    given = example(3, 2, 5)
    assert those_present(*given, codes())[1] is given.positions
