"""The energy of actions: its optimiser finds the least, and its own finds tell more than uniform ones."""

from dataclasses import replace

import pytest
import torch
from conceptgym.agents.baselines.cloning import CloningConfig
from conceptgym.agents.baselines.implicit import ActionEnergy, ImplicitCloning, Sampling
from conceptgym.agents.baselines.supervised import Dataset, PolicyAgent
from conceptgym.agents.lesson import Lesson
from conceptgym.envs.particle.env import ParticleEnv
from torch import Tensor, nn


class Bowl(nn.Module):
    """Least where an action is what was seen."""

    def forward(self, seen: Tensor, actions: Tensor) -> Tensor:
        return 200 * (actions - seen[:, None]).pow(2).sum(-1)


def test_sampling_comes_down_to_the_least_energy_of_each_observation() -> None:
    generator = torch.Generator().manual_seed(0)
    seen = torch.tensor([[0.3, -0.5, 0.0, 0.7, 0.1, -0.9, 0.4], [-1.0, 1.0, 0.2, -0.2, 0.6, 0.0, -0.3]])
    uniform = 2 * torch.rand(2, 256, 7, generator=generator) - 1
    found = Sampling()(Bowl(), seen, uniform, generator)
    assert found.shape == uniform.shape and found.abs().max() <= 1
    first, last = ((actions - seen[:, None]).norm(dim=-1).mean() for actions in (uniform, found))
    assert last < 0.3 * first
    best = found[torch.arange(2), Bowl()(seen, found).argmin(1)]
    torch.testing.assert_close(best, seen, atol=0.12, rtol=0)
    assert torch.equal(Sampling(rounds=0)(Bowl(), seen, uniform, generator), uniform)


def test_an_energy_is_that_of_observation_and_action_side_by_side() -> None:
    torch.manual_seed(0)
    energy, seen, actions = ActionEnergy(5, 3, 16), torch.randn(4, 5), torch.randn(4, 6, 3)
    side_by_side = torch.cat([seen[:, None].expand(-1, 6, -1), actions], dim=-1)
    expected = energy.rest(energy.read(side_by_side))[..., 0]
    torch.testing.assert_close(energy(seen, actions), expected)
    assert expected.std() > 0.01


def copied(contestant: ImplicitCloning, monkeypatch: pytest.MonkeyPatch, numbers: int = 7) -> float:
    """How far off a linear expert's small actions it is, beside doing nothing."""
    generator = torch.Generator().manual_seed(1)
    seen = torch.randn(200, 6, generator=generator)
    wanted = (0.15 * seen @ torch.randn(6, numbers, generator=generator)).clamp(-1, 1)
    data = Dataset(seen, wanted[:, None], torch.zeros(6), torch.ones(6))

    def shown(lesson: Lesson, config: CloningConfig) -> Dataset:
        torch.manual_seed(0)
        return data

    monkeypatch.setattr("conceptgym.agents.baselines.implicit.prepared", shown)
    agent = contestant.learn(Lesson(ParticleEnv, None, 0))
    assert isinstance(agent, PolicyAgent)
    with torch.no_grad():
        said = torch.cat([agent.decide(one[None], generator) for one in seen[:60]])
    return float((said - wanted[:60]).norm() / wanted[:60].norm())


def test_what_the_optimiser_finds_tells_seven_numbers_better_than_uniform_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = ImplicitCloning(CloningConfig(width=64, updates=400))
    found = copied(one, monkeypatch)
    uniform = copied(replace(one, found=0), monkeypatch)
    assert found < 0.25 and found < 0.75 * uniform, (found, uniform)


def test_of_a_few_numbers_all_are_uniform(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four numbers are learned with the settings, whatever holds for many; five are not."""
    one = ImplicitCloning(CloningConfig(width=64, updates=100))
    other = replace(one, found=64, rate_of_many=1e-6, batch_of_many=2)
    assert copied(one, monkeypatch, 4) == copied(other, monkeypatch, 4)
    assert copied(one, monkeypatch, 5) != copied(other, monkeypatch, 5)


def test_more_cannot_be_found_than_there_are() -> None:
    with pytest.raises(ValueError, match="found is 65, negatives is 64"):
        ImplicitCloning(found=65)
    assert ImplicitCloning().config["found"] == 32 and ImplicitCloning().config["rounds"] == 5
