"""Codes from demonstrations: what the demonstration loss says, and that descending it finds codes."""

from __future__ import annotations

import torch
from conceptgym.concepts.energy.inference import (
    THRESHOLD,
    code_step,
    contraries_of,
    contrary,
    demonstration_loss,
    surprise,
)
from conceptgym.concepts.energy.scene import Scene
from torch import Tensor

from .scenes import codes, energy, example


def test_surprise_and_contrary_meet_at_the_threshold() -> None:
    at = torch.tensor([0.0, THRESHOLD, 1e6], dtype=torch.float64)
    torch.testing.assert_close(
        surprise(at)[:2], torch.tensor([0.0, 2.0], dtype=torch.float64).clamp(min=1).log()
    )
    assert surprise(at)[2] > 10 and contrary(at)[2] < 1e-6
    assert abs(float(contrary(at)[1]) - 0.693) < 0.01 and contrary(at)[0] > 4


def test_contraries_change_what_is_asked_for_and_nothing_else() -> None:
    given = example(400, 1, 5)
    recognise = (torch.arange(400) % 2).double()
    other = contraries_of(given, recognise, torch.Generator().manual_seed(0))
    acted, pointed = recognise == 0, recognise == 1
    gap = (other.positions - given.positions).abs()
    assert gap[pointed].max() == 0 and gap[:, 0].max() == 0 and gap[:, :, 1:].max() == 0
    assert (gap[acted, 1, 0].sum(-1) > 1e-4).all(), "every demonstration to act is changed"
    flips = (other.attention - given.attention).abs().sum(1)
    assert flips[acted].max() == 0 and (flips[pointed] >= 1).all()
    assert (other.attention[:, 0] == 0).all(), "the marker is never attended"
    assert ((other.attention == 0) | (other.attention == 1)).all()


def test_padding_is_never_attended_by_a_contrary() -> None:
    given = example(200, 1, 4, padding=3)
    other = contraries_of(given, torch.ones(200).double(), torch.Generator().manual_seed(0))
    assert (other.attention[:, 4:] == 0).all()


def test_descent_lowers_the_loss_of_a_random_energy() -> None:
    shown, network, weights = example(6, 1, 5), energy(), torch.ones(2, 3).double()
    contraries = contraries_of(shown, torch.zeros(6).double(), torch.Generator().manual_seed(0))
    code, size = codes(2), torch.full((6,), 0.05, dtype=torch.float64)
    losses = [demonstration_loss(network, shown, contraries, weights, code)]
    for _ in range(60):
        code = code_step(network, size, shown, contraries, weights, code)
        losses.append(demonstration_loss(network, shown, contraries, weights, code))
    assert (losses[-1] < losses[0] - 0.05).all()


def test_demonstrations_without_weight_do_not_count() -> None:
    shown, network = example(6, 1, 5), energy()
    contraries = contraries_of(shown, torch.zeros(6).double(), torch.Generator().manual_seed(0))
    weights = torch.tensor([[1.0, 1, 0], [1, 0, 0]]).double()
    changed = shown._replace(positions=shown.positions.clone())
    changed.positions[[2, 4, 5]] += 0.3
    values = [demonstration_loss(network, e, contraries, weights, codes(2)) for e in (shown, changed)]
    torch.testing.assert_close(*values)


def test_a_known_energy_gives_up_its_code() -> None:
    """E = (distance of agent and first reference - w)^2: five demonstrations at 0.5 reveal w."""
    shown = example(5, 1, 5)
    angle = torch.linspace(0, 5, 5, dtype=torch.float64)
    around = torch.stack([torch.cos(angle), torch.sin(angle)], dim=-1)
    positions = shown.positions.clone()
    positions[:, 1, 0] = positions[:, 1, 1] + 0.5 * around
    shown = shown._replace(positions=positions)

    def known(scene: Scene, positions: Tensor, attention: Tensor, code: Tensor) -> Tensor:
        away = (positions[:, -1, 0] - positions[:, -1, 1]).norm(dim=-1)
        return 4 * (away - code[:, 0]) ** 2

    generator, code = torch.Generator().manual_seed(0), torch.full((1, 1), 0.2).double()
    for index in range(400):
        contraries = contraries_of(shown, torch.zeros(5).double(), generator)
        size = torch.full((1,), 0.02 / (1 + index / 100), dtype=torch.float64)
        code = code_step(known, size, shown, contraries, torch.ones(1, 5).double(), code)
    assert abs(float(code) - 0.5) < 0.03
