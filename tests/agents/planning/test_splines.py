"""Plans as splines: known values, and a warm start that keeps to the clock."""

from __future__ import annotations

import pytest
import torch
from conceptgym.agents.planning.splines import Interpolation, advance, basis, check_interpolation, expand

KINDS: tuple[Interpolation, ...] = ("zero", "linear", "cubic")


@pytest.mark.parametrize("kind", KINDS)
def test_weights_add_up_to_one_so_that_a_constant_stays_one(kind: Interpolation) -> None:
    points = torch.linspace(-0.2, 1.3, 40)
    for knots in (1, 2, 3, 7):
        torch.testing.assert_close(basis(kind, knots, points).sum(1), torch.ones(40))


def test_known_values() -> None:
    knots = torch.tensor([[0.0], [1.0], [0.0]])
    torch.testing.assert_close(expand(knots, 6, "zero")[:, 0], torch.tensor([0.0, 0, 1, 1, 0, 0]))
    torch.testing.assert_close(expand(knots, 5, "linear")[:, 0], torch.tensor([0, 0.5, 1, 0.5, 0]))
    # Catmull-Rom half way to the peak: (-0 + 9 * 0 + 9 * 1 - 0) / 16, with the first knot repeated.
    torch.testing.assert_close(expand(knots, 5, "cubic")[:, 0], torch.tensor([0, 9 / 16, 1, 9 / 16, 0]))


@pytest.mark.parametrize("kind", ("linear", "cubic"))
def test_splines_pass_through_their_knots_and_keep_straight_lines(kind: Interpolation) -> None:
    generator = torch.Generator().manual_seed(0)
    knots = torch.randn(4, 2, generator=generator)
    torch.testing.assert_close(expand(knots, 10, kind)[[0, 3, 6, 9]], knots)
    line = torch.linspace(-1, 1, 4)[:, None]
    inner = expand(line, 10, kind)[3:7, 0]
    torch.testing.assert_close(inner, torch.linspace(-1, 1, 10)[3:7])


def test_a_plan_seen_later_is_the_same_plan() -> None:
    """Moved on by whole knots a linear plan is exactly the old one, with its end held."""
    knots = torch.tensor([[0.0], [0.4], [-0.2], [0.6]])
    later = advance(knots, 10, 3.0, "linear")
    torch.testing.assert_close(later, torch.tensor([[0.4], [-0.2], [0.6], [0.6]]))
    torch.testing.assert_close(expand(later, 10, "linear")[:7], expand(knots, 10, "linear")[3:])
    torch.testing.assert_close(advance(knots, 10, 0.0, "cubic"), knots)
    torch.testing.assert_close(advance(knots, 8, 2.0, "zero"), torch.tensor([[0.4], [-0.2], [0.6], [0.6]]))


def test_unknown_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="'quadratic', expected one of"):
        check_interpolation("quadratic")
    with pytest.raises(ValueError, match="0 knots"):
        basis("linear", 0, torch.zeros(1))
