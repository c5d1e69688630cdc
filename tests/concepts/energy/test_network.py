"""The energy as a function: invariances, exact gradients, and any number of entities and states."""

from __future__ import annotations

import pytest
import torch
from conceptgym.concepts.energy.network import motions, relations
from conceptgym.concepts.energy.scene import Example, Scene

from .scenes import codes, energy, example

FORMS = ("relational", "paper")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("steps", (0, 1, 3, 8))
@pytest.mark.parametrize("width", (3, 5, 9))
def test_energies_are_finite_and_never_negative(form: str, steps: int, width: int) -> None:
    given = example(4, steps, width)
    values = energy(form)(*given, codes(4))
    assert values.shape == (4,)
    assert bool(torch.isfinite(values).all()) and bool((values >= 0).all())
    assert values.std() > 1e-4, "different events have different energies"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("steps", (1, 4))
def test_order_of_entities_does_not_matter(form: str, steps: int) -> None:
    given, order = example(3, steps, 6), torch.tensor([3, 1, 5, 0, 4, 2])
    scene = Scene(given.scene.nodes[:, order], given.scene.present[:, order], given.scene.seconds)
    other = Example(scene, given.positions[:, :, order], given.attention[:, order])
    network = energy(form)
    torch.testing.assert_close(network(*other, codes()), network(*given, codes()), atol=1e-9, rtol=1e-9)
    swapped = Example(given.scene, other.positions, given.attention)
    assert (network(*swapped, codes()) - network(*given, codes())).abs().max() > 1e-4


@pytest.mark.parametrize("form", FORMS)
def test_padding_does_not_matter_wherever_it_lies(form: str) -> None:
    plain, padded = example(3, 2, 5), example(3, 2, 5, padding=3)
    elsewhere = padded.positions.clone()
    elsewhere[:, :, 5:] = 0.7
    network, wanted = energy(form), energy(form)(*plain, codes())
    torch.testing.assert_close(network(*padded, codes()), wanted, atol=1e-9, rtol=1e-9)
    moved = padded._replace(positions=elsewhere)
    torch.testing.assert_close(network(*moved, codes()), wanted, atol=1e-9, rtol=1e-9)


def test_the_relational_energy_is_where_it_is_relative_to_one_another() -> None:
    given = example(3, 3, 5)
    moved = given._replace(positions=given.positions + torch.tensor([0.3, -0.2], dtype=torch.float64))
    network = energy()
    torch.testing.assert_close(network(*moved, codes()), network(*given, codes()), atol=1e-9, rtol=1e-9)


def test_a_single_state_is_an_event_in_which_nothing_moved() -> None:
    once = example(3, 0, 5)
    twice = once._replace(positions=once.positions.repeat(1, 2, 1, 1))
    network = energy()
    torch.testing.assert_close(network(*twice, codes()), network(*once, codes()), atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("steps", (1, 4))
def test_gradients_are_exact(form: str, steps: int) -> None:
    """By positions, attention and code, against central differences."""
    scene, positions, attention = example(2, steps, 4)
    network, attention = energy(form), attention * 0.6 + 0.2
    inputs = [positions.requires_grad_(), attention.requires_grad_(), codes(2).requires_grad_()]
    assert torch.autograd.gradcheck(lambda x, a, w: network(scene, x, a, w), inputs, eps=1e-6, atol=1e-6)


def test_every_input_counts() -> None:
    scene, positions, attention = example(2, 3, 5)
    network = energy()
    inputs = [scene.nodes, positions, attention, codes(2)]
    for tensor in inputs:
        tensor.requires_grad_()
    value = network(scene._replace(nodes=inputs[0]), inputs[1], inputs[2], inputs[3]).sum()
    slopes = torch.autograd.grad(value, inputs)
    assert all(float(slope.abs().amin(dim=(0, 1)).max()) > 0 for slope in slopes[:1])
    assert all(float(slope.abs().sum()) > 1e-6 for slope in slopes)


def test_relations_and_motions_have_known_values() -> None:
    """Two entities; the second moves from (0.3, 0.4) to (0.6, 0.8) within half a second."""
    positions = torch.tensor([[[[0.0, 0.0], [0.3, 0.4]], [[0.0, 0.0], [0.6, 0.8]]]], dtype=torch.float64)
    seen = relations(positions, torch.tensor([0.5], dtype=torch.float64))[0, 0, 0, 1]
    torch.testing.assert_close(
        seen, torch.tensor([0.6, 0.8, 1.0, 1.0, 0.5, 1.0], dtype=torch.float64), atol=3e-4, rtol=0
    )
    moves = motions(positions, torch.tensor([0.5], dtype=torch.float64))[0, 0, 1]
    wanted = torch.tensor([0.3, 0.4, 0.6, 0.8, 0.5, 1.0, 1.0, 1.0, 1.0], dtype=torch.float64)
    torch.testing.assert_close(moves, wanted, atol=3e-4, rtol=0)
    timeless = motions(positions, torch.zeros(1, dtype=torch.float64))[0, 0, 1]
    assert timeless[2:4].abs().max() == 0, "what takes no time has no speed"
