"""Paths to begin with: as fast as one can, close to what was drafted, and along with whom they are about."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from conceptgym.agents.baselines.goals import towards
from conceptgym.agents.mission import Draft, Intention, _brought_along
from conceptgym.agents.planning import ConceptCost, Context
from conceptgym.agents.planning.path import PathPlanner, caught_up, expected
from conceptgym.agents.planning_agent import PlanningAgent
from conceptgym.concepts import get
from conceptgym.concepts.event import FRAME_SECONDS, Event
from conceptgym.envs.particle.env import ParticleEnv
from conceptgym.envs.single import ConceptEnv


def scene(name: str = "follow", seed: int = 1) -> tuple[ParticleEnv, Event]:
    """An environment, and its event as it goes on if nobody acts."""
    env = ParticleEnv(name)
    env.reset(seed=seed)
    return env, expected(Context(env.event, 0.0, env.world.dt), env.state.velocities[0, : env.world.width])


def elsewhere(event: Event, seed: int = 0) -> torch.Tensor:
    """Another path of those who move, which is elsewhere at once."""
    rng = np.random.default_rng(seed)
    begin = rng.uniform(-0.5, 0.5, event.positions.shape[1:])
    path = begin + 0.05 * np.arange(len(event.positions))[:, None, None] * rng.choice([-1, 1], 2)
    free = event.movable[:, None] & (np.arange(len(path)) > 0)[:, None, None]
    return torch.as_tensor(np.where(free, path, event.positions), dtype=torch.float32)


@pytest.mark.parametrize("speed", [0.6, 1.2])
def test_who_begins_elsewhere_catches_up(speed: float) -> None:
    """Straight to where the path is by then, as fast as one can, and on it from there."""
    _, event = scene()
    path, mover = elsewhere(event), int(np.flatnonzero(event.movable)[0])
    made = caught_up(Context(event, 0.0, 0.05), path, speed)
    steps = made[:, mover].diff(dim=0).norm(dim=-1)
    reach = speed * FRAME_SECONDS
    assert float(steps.max()) <= reach + 1e-6
    assert torch.equal(made[0], torch.as_tensor(event.positions[0], dtype=torch.float32))
    there = torch.isclose(made[:, mover], path[:, mover]).all(-1)
    first = 1 + int(there[1:].nonzero()[0])
    assert 1 < first < len(path) - 2 and bool(there[first:].all())
    assert torch.allclose(steps[: first - 1], torch.tensor(reach)), "until then as fast as one can"
    others = torch.as_tensor(~event.movable)
    assert torch.equal(made[:, others], path[:, others])
    both = caught_up(Context(event, 0.0, 0.05), torch.stack([path, made]), speed)
    assert torch.equal(both[0], made) and torch.allclose(both[1], made, atol=1e-6), "in batches as well"


def test_what_has_been_stays_and_one_goes_on_from_where_one_is() -> None:
    """Between two frames, too: the next one is nearer than a frame."""
    _, event = scene()
    mover = int(np.flatnonzero(event.movable)[0])
    now = event.positions.copy()
    now[3:, mover] = (0.4, -0.2)
    begun, path = event.replace(positions=now), elsewhere(event)
    made = caught_up(Context(begun, 3.6 * FRAME_SECONDS, 0.05), path)
    assert torch.equal(made[:4], path[:4]), "what has been is not looked at"
    gone = (made[4, mover] - torch.tensor([0.4, -0.2])).norm()
    assert torch.isclose(gone, torch.tensor(1.2 * 0.4 * FRAME_SECONDS), atol=1e-5)


def test_trust_keeps_a_path_where_it_was_drafted() -> None:
    """The cost draws everybody to one side; straying costs three times the distance."""
    env, event = scene("orbit")
    context, velocities = Context(event, 0.0, env.world.dt), np.zeros((event.positions.shape[1], 2))
    draft = caught_up(context, elsewhere(event))

    def strayed(trust: float) -> float:
        finder = PathPlanner(
            lambda event: (1 - event.positions[..., 0]).mean((1, 2)), samples=1, noise=0.0, trust=trust
        )
        path, _ = finder.plan(context, velocities, torch.Generator().manual_seed(0), draft)
        return float((path - draft).norm(dim=-1).max())

    assert strayed(0.0) > 0.5 and strayed(3.0) < 0.05


def test_a_path_comes_along_with_whom_it_is_about() -> None:
    _, event = scene("guard")
    path = elsewhere(event)
    whom = (event.attention > 0.5) & event.present & ~event.movable
    gone = event.positions + np.where(whom[:, None], [0.1, -0.2], 0.0)
    moved = _brought_along(path, event.replace(positions=gone)) - path
    shift = torch.tensor([0.1, -0.2])
    assert torch.allclose(moved[:, torch.as_tensor(event.movable)], shift, atol=1e-6)
    assert float(moved[:, torch.as_tensor(~event.movable)].abs().max()) == 0
    nobody = event.replace(positions=gone, attention=np.zeros_like(event.attention))
    assert torch.equal(_brought_along(path, nobody), path)


def test_an_episode_keeps_to_a_trusted_draft_that_comes_along(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the cost draws elsewhere, and those whom it is about turn out to be elsewhere, too."""
    env, event = scene("guard")
    whom, mover = (event.attention > 0.5) & ~event.movable, int(np.flatnonzero(event.movable)[0])
    draft, shift = elsewhere(event), np.zeros(2)

    def shifted(context: Context, velocities: np.ndarray) -> Event:
        ahead = expected(context, velocities)
        return ahead.replace(positions=ahead.positions + np.where(whom[:, None], shift, 0.0))

    def intend(env: ConceptEnv, demonstrations: Event | None, seed: int) -> Intention:
        cost = ConceptCost(lambda event: (1 - event.positions[..., 0]).mean((1, 2)))
        return Intention(cost, None, lambda event: event.final, lambda event: Draft(draft.numpy(), 3.0))

    monkeypatch.setattr("conceptgym.agents.mission.expected", shifted)
    agent = PlanningAgent(intend)
    observation, _ = env.reset(seed=1)
    agent.reset(env, None, 0)
    found = []
    for step in range(6):
        shift = np.array([0.0, 0.2]) if step == 5 else shift
        observation, *_ = env.step(agent.act(observation))
        assert agent.mission is not None and agent.mission.found is not None
        found.append(agent.mission.found.path[:, mover])
    wanted = caught_up(Context(event, 0.0, env.world.dt), draft)[:, mover]
    assert float((found[0] - wanted).norm(dim=-1).max()) < 0.08, "as it was drafted, as fast as one can"
    gone = (found[5] - found[0])[6:]
    assert torch.allclose(gone, torch.tensor([0.0, 0.2]), atol=0.05)


@pytest.mark.parametrize("name", ["guard", "at"])
def test_goals_come_along_where_there_is_a_course_of_time(name: str) -> None:
    """The distance from the aims is the same where everybody whom it is about, and who moves, is shifted."""
    shown = get(name).demonstrations(1, seed=0)[0]
    value = towards(shown, shown.positions[1:].astype(np.float64)).cost.value
    whom = ((shown.attention > 0.5) | shown.movable) & shown.present
    shifted = shown.positions + np.where(whom[:, None], [0.1, 0.0], 0.0)
    rows = [shown.positions, np.concatenate([shown.positions[:1], shifted[1:]])]
    batch = shown.map(lambda array: torch.as_tensor(np.repeat(array[None], 2, axis=0)))
    costs = value(batch.replace(positions=torch.as_tensor(np.stack(rows), dtype=torch.float32)))
    expected_cost = 0.0 if name == "guard" else 0.1
    assert costs.tolist() == pytest.approx([0.0, expected_cost], abs=2e-4)
