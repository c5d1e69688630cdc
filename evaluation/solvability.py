"""Solvability: how often the expert, a random agent and doing nothing satisfy each environment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode

from ..agents.expert import expert_actions
from ..envs.vector import ConceptVectorEnv
from .statistics import wilson

Policy = Callable[[ConceptVectorEnv, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Rate:
    """Outcome of one policy in one environment.

    Attributes:
        env_id: The environment.
        policy: The policy's name.
        episodes: Number of episodes.
        at_end: Share of episodes that were satisfied in their last step.
        once: Share of episodes that were satisfied at some time.
        interval: Wilson's 95% interval of ``at_end``.
        mean_return: Mean sum of rewards.
    """

    env_id: str
    policy: str
    episodes: int
    at_end: float
    once: float
    interval: tuple[float, float]
    mean_return: float


def expert(env: ConceptVectorEnv, rng: np.random.Generator) -> np.ndarray:
    """The analytic expert."""
    return expert_actions(env.world, env.state)


def random(env: ConceptVectorEnv, rng: np.random.Generator) -> np.ndarray:
    """Uniform actions."""
    return rng.uniform(-1, 1, env.action_space.shape).astype(np.float32)


def idle(env: ConceptVectorEnv, rng: np.random.Generator) -> np.ndarray:
    """No thrust, nobody attended."""
    return np.zeros(env.action_space.shape or (), dtype=np.float32)


POLICIES: dict[str, Policy] = {"expert": expert, "random": random, "idle": idle}


def measure(env_id: str, policy: str, episodes: int = 200, seed: int = 0, **arguments: Any) -> Rate:  # noqa: ANN401
    """Runs one policy for some episodes, each from a scene of its own.

    Args:
        env_id: A registered id.
        policy: A key of ``POLICIES``.
        episodes: Number of episodes.
        seed: Seeds scenes and policy.
        **arguments: For the environment.
    """
    made: Any = gym.make_vec(env_id, num_envs=episodes, autoreset_mode=AutoresetMode.DISABLED, **arguments)
    env: ConceptVectorEnv = made
    rng = np.random.default_rng(seed)
    env.reset(seed=seed)
    once, total = np.zeros(episodes, dtype=bool), np.zeros(episodes)
    success, over = once, False
    while not over:
        _, reward, terminated, truncated, info = env.step(POLICIES[policy](env, rng))
        success = info["is_success"]
        once, total, over = once | success, total + reward, bool((terminated | truncated).all())
    env.close()
    at_end = int(success.sum())
    return Rate(
        env_id,
        policy,
        episodes,
        at_end / episodes,
        float(once.mean()),
        wilson(at_end, episodes),
        float(total.mean()),
    )


def measure_all(ids: list[str], episodes: int = 200, seed: int = 0) -> Iterator[Rate]:
    """Rates of all policies in all the environments, one after the other."""
    for env_id in ids:
        for policy in POLICIES:
            yield measure(env_id, policy, episodes, seed)
