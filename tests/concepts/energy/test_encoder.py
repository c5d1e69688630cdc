"""The encoder: normalised codes, and demonstrations in any order."""

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


def test_codes_have_mean_zero_and_variance_one_in_training_and_in_use() -> None:
    network, generator = encoder(), torch.Generator().manual_seed(0)
    scale = torch.tensor([0.1, 1, 5, 1, 1, 1], dtype=torch.float64)

    def raw() -> torch.Tensor:
        return 3 + scale * torch.randn(256, 6, generator=generator, dtype=torch.float64)

    for _ in range(1000):
        network.track(raw())
        network.track(raw() + 9, moving=True)
    after = network.train().normalised(raw()), network.eval().normalised(raw())
    for codes in (*after, network.eval().normalised(raw() + 9, moving=True)):
        assert codes.mean(0).abs().max() < 0.3
        torch.testing.assert_close(codes.std(0), torch.ones(6).double(), atol=0.15, rtol=0)


def test_order_of_demonstrations_does_not_matter_and_only_those_given_count() -> None:
    shown, network = example(6, 1, 5), encoder()
    order = torch.tensor([2, 0, 1, 5, 4, 3])
    scene = Scene(*(part[order] for part in shown.scene))
    other = Example(scene, shown.positions[order], shown.attention[order])
    weights = torch.ones(2, 3).double()
    torch.testing.assert_close(network(shown, weights), network(other, weights))
    few = torch.tensor([[1.0, 0, 0], [0, 0, 1]]).double()
    ends = Scene(*(part[[0, 5]] for part in shown.scene))
    one = Example(ends, shown.positions[[0, 5]], shown.attention[[0, 5]])
    torch.testing.assert_close(network(shown, few), network(one, torch.ones(2, 1).double()))
    assert (network(shown, few) - network(shown, weights)).abs().min() > 1e-6
