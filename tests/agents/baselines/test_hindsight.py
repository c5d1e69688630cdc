"""Goals in order: what is remembered beside what was achieved later has to mean the same entities."""

from __future__ import annotations

import numpy as np
import pytest
from conceptgym.agents.baselines.hindsight import CanonicalGoal, GoalView
from conceptgym.agents.lesson import Meter, Metered
from conceptgym.evaluation.bodies import make_body


def practice(body: str, concept: str) -> CanonicalGoal:
    env = make_body(body, concept, goal=True, reward="sparse")
    return CanonicalGoal(Metered(env, Meter()))


@pytest.mark.parametrize(
    ("body", "concept"), [("particle", "between"), ("particle", "square"), ("arm", "near")]
)
def test_goals_keep_their_order_for_an_episode(body: str, concept: str) -> None:
    """Entities that move past each other keep their places, and the reward is that of the environment."""
    env, rng = practice(body, concept), np.random.default_rng(0)
    raw = make_body(body, concept, goal=True, reward="sparse")
    seen, _ = env.reset(seed=3)
    raw.reset(seed=3)
    wanted = seen["desired_goal"]
    assert env.observation_space.contains(seen)
    for _ in range(30):
        action = rng.uniform(-1, 1, env.action_space.shape).astype(np.float32)
        seen, reward, *_ = env.step(action)
        other, same, *_ = raw.step(env._view.reading.restored(action, env._order))
        assert env.observation_space.contains(seen) and reward == same
        assert np.array_equal(seen["desired_goal"], wanted)
        assert reward == env.compute_reward(seen["achieved_goal"], wanted, {})
        assert np.array_equal(np.sort(seen["achieved_goal"]), np.sort(other["achieved_goal"]))


def test_an_action_moves_the_entity_that_has_its_goal() -> None:
    env = practice("particle", "square")
    before, _ = env.reset(seed=3)
    width = len(before["achieved_goal"]) // 2
    movers = np.flatnonzero(before["desired_goal"].reshape(-1, 2).any(-1))
    assert 3 <= len(movers) <= width
    for mover in movers:
        env.reset(seed=3)
        action = np.zeros((width, 2), np.float32)
        action[mover, 0] = -1.0
        for _ in range(3):
            seen, *_ = env.step(action.ravel())
        moved = (seen["achieved_goal"] - before["achieved_goal"]).reshape(-1, 2)
        assert np.flatnonzero(np.abs(moved).max(-1) > 1e-4).tolist() == [mover] and moved[mover, 0] < 0


def test_an_evaluation_shows_what_practice_did() -> None:
    env, plain = practice("particle", "between"), make_body("particle", "between")
    seen, _ = env.reset(seed=5)
    plain.reset(seed=5)
    view = GoalView.of(plain.world)
    told = view.seen(plain.state, view.order(plain.state))
    assert {name: part.tolist() for name, part in told.items()} == {
        name: part.tolist() for name, part in seen.items()
    }
