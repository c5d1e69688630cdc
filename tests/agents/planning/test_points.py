"""Following with particles: least squares within a box, checked against SciPy's, and in the world."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from conceptgym.agents.planning import Context
from conceptgym.agents.planning.dynamics import ParticleDynamics
from conceptgym.agents.planning.path import Track
from conceptgym.agents.planning.points import PointTracker, boxed_least_squares, can_follow
from conceptgym.agents.planning_agent import oracle_agent
from conceptgym.concepts.event import FRAME_SECONDS
from conceptgym.envs.arm.env import ArmEnv
from conceptgym.envs.particle.env import ParticleEnv
from conceptgym.evaluation.episodes import run_episode
from scipy.optimize import lsq_linear


@pytest.mark.parametrize("size", (0.01, 5.0))
def test_the_programme_is_solved_to_the_point(size: float) -> None:
    """Free for small gaps, at its bounds for large ones."""
    rng = np.random.default_rng(0)
    lag = np.arange(10)[:, None] - np.arange(10)
    response = np.where(lag >= 0, 0.015 * (lag + 1), 0.0)
    gap = size * rng.normal(size=(10, 6))
    found = boxed_least_squares(response, gap, 1e-4, 20_000)
    stacked = np.concatenate([response, 1e-2 * np.eye(10)])
    for column in range(6):
        target = np.concatenate([gap[:, column], np.zeros(10)])
        known = lsq_linear(stacked, target, bounds=(-1, 1), method="bvls").x
        np.testing.assert_allclose(found[:, column], known, atol=1e-4)
    assert (np.abs(found) == 1).any() == (size > 1)


def _tracker(env: ParticleEnv, path: torch.Tensor) -> PointTracker:
    return PointTracker(ParticleDynamics(env.world), Track(path))


def test_what_is_predicted_is_what_the_world_does() -> None:
    """A place within reach of ten steps is reached in ten, at rest."""
    env = ParticleEnv("near")
    env.reset(seed=0)
    me = int(np.flatnonzero(env.event.movable)[0])
    goal = torch.as_tensor(env.event.final, dtype=torch.float32).clone()
    goal[me] += torch.tensor([-0.06, 0.08])
    tracker, last = _tracker(env, torch.stack([goal, goal])), None
    for step in range(20):
        plan = tracker.plan(env.state, Context(env.event, 0.05 * step, 0.05), torch.Generator(), last)
        expected = plan.best["entities"][0, 1, me]
        env.step(plan.actions[0].numpy())
        np.testing.assert_allclose(env.state.positions[0, me], expected, atol=1e-5)
    assert np.abs(env.state.positions[0, me] - goal[me].numpy()).max() < 2e-3
    assert np.abs(env.state.velocities[0, me]).max() < 0.02
    assert plan.model_steps == 10


def test_a_moving_goal_is_followed_without_lag() -> None:
    env = ParticleEnv("follow")
    env.reset(seed=0)
    me = int(np.flatnonzero(env.event.movable)[0])
    frames = env.world.frames + 1
    path = torch.as_tensor(env.event.positions[:1], dtype=torch.float32).repeat(frames, 1, 1)
    speed = torch.tensor([0.25, -0.2]) * (1 if env.event.final[me, 0] < 0 else -1)
    path[:, me] += torch.arange(frames)[:, None] * FRAME_SECONDS * speed
    tracker, dt = _tracker(env, path.clamp(-0.9, 0.9)), env.world.dt
    for step in range(40):
        plan = tracker.plan(env.state, Context(env.event, dt * step, dt), torch.Generator())
        env.step(plan.actions[0].numpy())
    wanted = tracker.track.places(Context(env.event, dt * 39, dt), 1)[0, me]
    assert np.abs(env.state.positions[0, me] - wanted.numpy()).max() < 0.02


@pytest.mark.parametrize("concept", ("vertical_line",))
def test_many_are_brought_to_their_places_at_once(concept: str) -> None:
    env, agent = ParticleEnv(concept), oracle_agent()
    assert all(run_episode(env, agent, 500_000 + start, k=0, early=False).success for start in range(2))


def test_other_worlds_are_refused() -> None:
    assert not can_follow(ArmEnv("near").world)
    for env in (ParticleEnv("near", collisions=True), ParticleEnv("square", control="push")):
        assert not can_follow(env.world)
        with pytest.raises(ValueError, match="no matter of least squares"):
            _tracker(env, torch.zeros(2, 7, 2))
