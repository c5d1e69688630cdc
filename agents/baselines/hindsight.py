"""The goal variant as learners with hindsight see it: sorted, as for all learned baselines, once an episode.

A goal is remembered beside what was achieved later, so that both have to be in the same order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from jaxtyping import Float, Int

from ...envs.state import World
from ..lesson import Metered
from .canonical import Reading, order_of


@dataclass(frozen=True)
class GoalView:
    """What there is to see of a world with goals.

    Attributes:
        world: The world, without goals in its observations.
        reading: How its task is read.
    """

    world: World[Any]
    reading: Reading

    @staticmethod
    def of(world: World[Any]) -> GoalView:
        """The view of a world, whether its observations have goals or not."""
        plain: World[Any] = replace(world, goal=False)  # type: ignore[type-var]
        return GoalView(plain, Reading.of(plain))

    def order(self, state: Any) -> Int[np.ndarray, " bodies"]:  # noqa: ANN401  (a state of the world)
        """The order of slots at a state."""
        return order_of(self._plain(state))

    def seen(self, state: Any, order: np.ndarray) -> dict[str, Float[np.ndarray, " numbers"]]:  # noqa: ANN401
        """Observation, and goals: places of whoever moves, in an order."""
        world: Any = self.world
        return {
            "observation": self.reading.vector(self._plain(state), order),
            "achieved_goal": _sorted(world.achieved(state)[0], order),
            "desired_goal": _sorted(world.desired(state)[0], order),
        }

    def _plain(self, state: Any) -> Mapping[str, np.ndarray]:  # noqa: ANN401
        return {name: part[0] for name, part in self.world.observe(state).items()}


def _sorted(goal: np.ndarray, order: np.ndarray) -> Float[np.ndarray, " numbers"]:
    """A goal, (2 N,), in an order of bodies, of which a hand has no goal."""
    places = goal.reshape(-1, 2)
    return places[order[order < len(places)]].ravel().astype(np.float32)


class CanonicalGoal(gym.Wrapper[Any, Any, Any, Any]):
    """The goal variant of an environment, in order."""

    def __init__(self, env: Metered) -> None:
        """Wraps an environment that was made with ``goal=True``."""
        super().__init__(env)
        self.compute_reward = env.compute_reward  # does not depend on the order, as both goals have the same
        self._env: Any = env.unwrapped
        self._view = GoalView.of(env.unwrapped.world)  # type: ignore[attr-defined]
        self._order = np.arange(0)
        seen = self._view.reading.space(self._view.world.observation_space)
        goal = env.observation_space["desired_goal"]  # type: ignore[index]
        self.observation_space = spaces.Dict(
            {"observation": seen, "achieved_goal": goal, "desired_goal": goal}
        )

    def reset(self, **arguments: Any) -> tuple[dict[str, np.ndarray], dict[str, Any]]:  # noqa: ANN401
        """Starts an episode, and settles its order."""
        _, info = self.env.reset(**arguments)
        self._order = self._view.order(self._env.state)
        return self._view.seen(self._env.state, self._order), info

    def step(self, action: np.ndarray) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        """A step, with the action sorted back."""
        told = self._view.reading.restored(np.asarray(action), self._order)
        _, reward, terminated, truncated, info = self.env.step(told)
        return self._view.seen(self._env.state, self._order), float(reward), terminated, truncated, info
