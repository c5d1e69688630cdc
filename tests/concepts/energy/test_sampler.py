"""Generation and identification as bounded descent: who moves, how far, and that it gets there."""

from __future__ import annotations

import pytest
import torch
from conceptgym.concepts.energy.sampler import (
    LARGEST_STEP,
    LONGEST_STEP,
    Energy,
    StepSizes,
    Unknowns,
    gradients,
    smoothing,
    step,
)
from conceptgym.concepts.energy.scene import Scene
from torch import Tensor

from .scenes import codes, energy, example


def quiet(unknowns: Unknowns) -> tuple[Tensor, Tensor]:
    """No noise."""
    return torch.zeros_like(unknowns.positions), torch.zeros_like(unknowns.logits)


def bound() -> Energy:
    """A random energy with codes."""
    network = energy()
    return lambda scene, positions, attention: network(scene, positions, attention, codes(len(attention)))


def start(recognise: list[float], steps: int = 1) -> tuple[Scene, Unknowns]:
    """Two events, each to generate (0) or to identify (1)."""
    scene, positions, attention = example(len(recognise), steps, 5)
    logits = torch.zeros_like(attention)
    return scene, Unknowns(positions, logits, attention, torch.tensor(recognise).double())


def test_only_what_may_change_changes() -> None:
    scene, before = start([0.0, 1.0], steps=3)
    sizes = tuple(torch.tensor(5.0, dtype=torch.float64) for _ in range(3))
    after = step(bound(), sizes, scene, before, quiet(before))  # type: ignore[arg-type]
    moved = (after.positions - before.positions).abs().sum(-1)
    assert moved[0, 1:, 0].min() > 0, "the agent moves at every later state"
    assert moved[0, 0].max() == 0 and moved[0, :, 1:].max() == 0 and moved[1].max() == 0
    torch.testing.assert_close(after.attention(scene)[0], before.given[0])
    assert (after.attention(scene)[1] - before.attention(scene)[1])[1:].abs().min() > 0
    assert after.attention(scene)[1, 0] == 0, "the marker is no candidate"


def test_steps_are_bounded_however_steep_the_energy() -> None:
    scene, before = start([0.0, 1.0])

    def steep(scene: Scene, positions: Tensor, attention: Tensor) -> Tensor:
        return 1e6 * (positions.sum((1, 2, 3)) + attention.sum(1))

    one = torch.tensor(1.0, dtype=torch.float64)
    after = step(steep, (one, one, one), scene, before, quiet(before))
    assert (after.positions - before.positions).abs().max() == pytest.approx(LONGEST_STEP)
    assert (after.logits - before.logits).abs().max() == pytest.approx(LARGEST_STEP)


def test_descent_finds_the_minimum_of_a_known_energy() -> None:
    """The squared distance of the agent to (0.2, -0.1) at every later state."""
    scene, unknowns = start([0.0], steps=4)
    goal = torch.tensor([0.2, -0.1], dtype=torch.float64)

    def known(scene: Scene, positions: Tensor, attention: Tensor) -> Tensor:
        return ((positions[:, 1:, 0] - goal) ** 2).sum(-1).mean(1)

    sizes = tuple(torch.tensor(size, dtype=torch.float64) for size in (0.3, 0.1, 1.0))
    for _ in range(40):
        unknowns = step(known, sizes, scene, unknowns, quiet(unknowns))  # type: ignore[arg-type]
    assert (unknowns.positions[:, 1:, 0] - goal).abs().max() < 1e-3


def test_identification_finds_the_minimum_of_a_known_energy() -> None:
    scene, unknowns = start([1.0])
    wanted = torch.tensor([0.0, 0, 1, 1, 0], dtype=torch.float64)

    def known(scene: Scene, positions: Tensor, attention: Tensor) -> Tensor:
        return ((attention - wanted) ** 2).sum(1)

    sizes = tuple(torch.tensor(size, dtype=torch.float64) for size in (0.3, 0.1, 9.0))
    for _ in range(10):
        unknowns = step(known, sizes, scene, unknowns, quiet(unknowns))  # type: ignore[arg-type]
    assert ((unknowns.attention(scene) > 0.5).double() == wanted).all()


def test_both_ways_to_the_gradient_agree() -> None:
    scene, before = start([0.0, 1.0], steps=3)
    network = bound()
    for one, two in zip(
        gradients(network, scene, before), gradients(network, scene, before, False), strict=True
    ):
        torch.testing.assert_close(one, two, atol=1e-12, rtol=1e-9)
        assert one.abs().max() > 1e-6 and not two.requires_grad


def test_the_last_step_size_goes_on() -> None:
    sizes = StepSizes(3)
    with torch.no_grad():
        sizes.single[2] = 1.0
    assert sizes.at(2)[0].item() == sizes.at(50)[0].item() == pytest.approx(2.71828, abs=1e-4)
    assert sizes.at(1)[0].item() == pytest.approx(0.3)


def test_smoothing_is_the_covariance_of_a_random_walk() -> None:
    matrix = smoothing(3, torch.zeros(1))
    torch.testing.assert_close(matrix, torch.tensor([[1.0, 1, 1], [1, 2, 2], [1, 2, 3]]) / 3)
    assert smoothing(1, torch.zeros(1)).item() == 1.0
