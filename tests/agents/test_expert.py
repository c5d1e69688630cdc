from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from conceptgym.agents import expert_actions
from conceptgym.evaluation.solvability import measure

# The arm has no analytic expert: the oracle agent plans for it, see test_concept_agent.
IDS = [i for i in gym.registry if i.startswith("conceptgym/") and not i.startswith("conceptgym/Arm")]


@pytest.mark.parametrize("env_id", IDS)
def test_every_environment_can_be_solved_and_not_by_doing_nothing(env_id: str) -> None:
    assert measure(env_id, "expert", episodes=60, seed=1).at_end >= 0.95
    assert measure(env_id, "idle", episodes=60, seed=1).at_end <= 0.1


@pytest.mark.parametrize("concept", ["near", "square", "line"])
def test_a_hand_carries_things_home(concept: str) -> None:
    assert measure("conceptgym/Particle-v0", "expert", 40, 1, concept=concept, control="grab").at_end >= 0.9


def test_temporal_concepts_have_no_expert_by_hand() -> None:
    env = gym.make("conceptgym/ParticleFollow-v0", control="grab").unwrapped
    env.reset(seed=0)
    with pytest.raises(ValueError, match="no expert that brings about 'follow' by 'grab'"):
        expert_actions(env.world, env.state)  # type: ignore[attr-defined]


def test_actions_are_within_bounds() -> None:
    env = gym.make_vec("conceptgym/ParticleSquare-v0", num_envs=4)
    env.reset(seed=0)
    actions = expert_actions(env.world, env.state)  # type: ignore[attr-defined]
    assert actions.dtype == np.float32
    assert env.action_space.contains(actions)
