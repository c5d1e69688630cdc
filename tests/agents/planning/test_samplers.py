"""Samplers: what is drawn, and known answers of the updates."""

from __future__ import annotations

import pytest
import torch
from conceptgym.agents.planning.samplers import CEM, ICEM, MPPI, SAMPLERS, PredictiveSampling, Sampler
from conceptgym.agents.planning.samplers.cem import coloured


def draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(params=sorted(SAMPLERS))
def sampler(request: pytest.FixtureRequest) -> Sampler:
    return SAMPLERS[request.param]()


def test_the_mean_is_the_first_sample_and_all_stay_in_range(sampler: Sampler) -> None:
    belief = sampler.start(4, 3)
    samples = sampler.sample(belief, 64, 3.0, draw())
    assert samples.shape == (64, 4, 3)
    assert torch.equal(samples[0], belief.mean)
    assert samples.abs().max() == 1.0, "noise as large as this is clamped, and reaches the ends"
    assert len({tuple(row) for row in samples.flatten(1).tolist()}) == 64


def test_noise_scales_and_depends_on_the_seed_alone(sampler: Sampler) -> None:
    belief = sampler.start(4, 3)
    small, large = (sampler.sample(belief, 256, scale, draw()) for scale in (0.01, 0.1))
    torch.testing.assert_close(10 * small, large)
    assert torch.equal(small, sampler.sample(belief, 256, 0.01, draw()))
    assert not torch.equal(small, sampler.sample(belief, 256, 0.01, draw(1)))


def test_every_sampler_finds_the_minimum_of_a_quadratic(sampler: Sampler) -> None:
    goal = torch.linspace(-0.6, 0.6, 12).reshape(4, 3)
    belief, generator = sampler.start(4, 3), draw()
    for index in range(60):
        samples = sampler.sample(belief, 128, max(0.05, 1 - index / 40), generator)
        belief = sampler.update(belief, samples, ((samples - goal) ** 2).flatten(1).sum(1))
    assert (belief.mean - goal).abs().max() < 0.1


def test_samples_of_infinite_cost_do_not_count(sampler: Sampler) -> None:
    belief = sampler.start(3, 2)
    samples = sampler.sample(belief, 32, 1.0, draw())
    costs = samples[..., 0].sum(1)
    costs[samples[..., 1].sum(1) > 0] = torch.inf
    after = sampler.update(belief, samples, costs)
    assert bool(torch.isfinite(after.mean).all())
    assert after.mean[:, 1].sum() < 1e-6, "all that was allowed lies on this side"


@pytest.mark.parametrize("kind", (MPPI(), CEM(), ICEM()))
def test_nothing_is_learned_where_everything_diverged(kind: Sampler) -> None:
    belief = kind.start(3, 2)
    samples = kind.sample(belief, 8, 1.0, draw())
    after = kind.update(belief, samples, torch.full((8,), torch.inf))
    assert torch.equal(after.mean, belief.mean) and torch.equal(after.deviation, belief.deviation)


def test_predictive_sampling_takes_the_best() -> None:
    samples = torch.tensor([0.1, 0.5, -0.3]).reshape(3, 1, 1)
    kind = PredictiveSampling()
    assert kind.update(kind.start(1, 1), samples, torch.tensor([2.0, 0.5, 1.0])).mean.item() == 0.5


def test_path_integral_weights_are_exponentials_in_deviations_of_the_cost() -> None:
    """Costs 0 and 2 have deviation 1: with temperature 2 / ln 3 the weights are 3/4 and 1/4."""
    samples = torch.tensor([0.8, -0.4]).reshape(2, 1, 1)
    kind = MPPI(temperature=2 / torch.tensor(3.0).log().item())
    for factor in (1.0, 1e4):
        mean = kind.update(kind.start(1, 1), samples, factor * torch.tensor([0.0, 2.0])).mean
        assert mean.item() == pytest.approx(0.75 * 0.8 - 0.25 * 0.4, abs=1e-6)


def test_the_elite_gives_mean_and_deviation() -> None:
    samples = torch.tensor([0.1, 0.3, 0.9, -0.9]).reshape(4, 1, 1)
    kind = CEM(elite=0.5, momentum=0.0, least=0.01)
    after = kind.update(kind.start(1, 1), samples, torch.tensor([1.0, 2.0, 3.0, 4.0]))
    assert after.mean.item() == pytest.approx(0.2)
    assert after.deviation.item() == pytest.approx(0.1)
    slow = CEM(elite=0.5, momentum=0.5)
    assert slow.update(slow.start(1, 1), samples, torch.tensor([1.0, 2, 3, 4])).mean.item() == pytest.approx(
        0.1
    )


def test_kept_elites_are_tried_again() -> None:
    kind = ICEM(keep=1.0, elite=0.25)
    belief = kind.start(2, 1)
    samples = kind.sample(belief, 16, 1.0, draw())
    after = kind.update(belief, samples, samples.flatten(1).sum(1))
    again = kind.sample(after, 16, 0.1, draw(1))
    best = samples.flatten(1).sum(1).argsort()[:4]
    assert torch.equal(again[1:5], samples[best])
    assert torch.equal(after.mean, samples[best[0]])


@pytest.mark.parametrize("colour", (0.0, 1.0, 2.0))
@pytest.mark.parametrize("steps", (8, 9))
def test_coloured_noise_has_variance_one_and_the_spectrum_it_should(colour: float, steps: int) -> None:
    noise = coloured(20_000, steps, 2, colour=colour, generator=draw())
    assert noise.shape == (20_000, steps, 2)
    assert noise.var().item() == pytest.approx(1.0, abs=0.02)
    power = (torch.fft.rfft(noise, dim=1).abs() ** 2).mean((0, 2))
    ratio = (power[1] / power[2]).item()
    assert ratio == pytest.approx(2.0**colour, rel=0.05)


@pytest.mark.parametrize(
    "make",
    (
        lambda: MPPI(deviation=0),
        lambda: MPPI(temperature=-1),
        lambda: CEM(momentum=1.0),
        lambda: CEM(elite=2.0),
        lambda: ICEM(colour=-1.0),
        lambda: PredictiveSampling(float("nan")),
    ),
)
def test_numbers_out_of_range_are_refused(make: object) -> None:
    with pytest.raises(ValueError, match=r"expected|is in"):
        make()  # type: ignore[operator]
