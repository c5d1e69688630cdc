"""The encoder: whitened codes, and demonstrations in any order."""

from __future__ import annotations

import torch
from conceptgym.concepts.energy.encoder import Encoder
from conceptgym.concepts.energy.scene import Example, Scene

from .scenes import SMALL, example


def encoder() -> Encoder:
    """A random encoder in float64."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Encoder(SMALL).double()


def test_codes_become_white_even_if_nearly_all_vary_alike() -> None:
    """Six dimensions that are copies of one, up to a hundredth."""
    network, generator = encoder(), torch.Generator().manual_seed(0)

    def raw() -> torch.Tensor:
        one = torch.randn(64, 1, generator=generator, dtype=torch.float64)
        return 3 + one + 0.1 * torch.randn(64, 6, generator=generator, dtype=torch.float64)

    for _ in range(400):
        network.track(raw())
    codes = torch.cat([network.normalised(raw()) for _ in range(40)])
    spread = torch.linalg.eigvalsh(torch.cov(codes.T))
    assert codes.mean(0).abs().max() < 0.2
    assert spread.max() < 1.5 and spread.min() > 0.4


def test_order_of_demonstrations_does_not_matter_and_only_those_given_count() -> None:
    shown, network = example(6, 1, 5), encoder()
    order = torch.tensor([2, 0, 1, 5, 4, 3])
    other = Example(
        Scene(*(part[order] for part in shown.scene)), shown.positions[order], shown.attention[order]
    )
    weights = torch.ones(2, 3).double()
    torch.testing.assert_close(network(shown, weights), network(other, weights))
    few = torch.tensor([[1.0, 0, 0], [0, 0, 1]]).double()
    one = Example(Scene(*(p[[0, 5]] for p in shown.scene)), shown.positions[[0, 5]], shown.attention[[0, 5]])
    torch.testing.assert_close(network(shown, few), network(one, torch.ones(2, 1).double()))
    assert (network(shown, few) - network(shown, weights)).abs().min() > 1e-6
