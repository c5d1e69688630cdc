"""Observations in a fixed order, as vectors: the marked entity first, then the attended, then the others.

Scenes are sets: their slots mean nothing. A perceptron that has to find the attended among them needs
orders of magnitude more steps, so that every learned baseline sees them sorted, and relative to the
marked entity where there is one. Looks of whom the task is not about are left out where it is told whom
it is about: constant for an episode, they would be learned by heart. Actions that belong to entities are
sorted back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from jaxtyping import Float, Int

from ..lesson import Metered

_ENTITIES = (
    "positions", "velocities", "colors", "sizes", "present", "marker", "movable", "attention", "held",
)  # fmt: skip
_LOOKS = ("colors", "sizes")
_SEEN = 10.0


def order_of(observation: Mapping[str, np.ndarray]) -> Int[np.ndarray, " bodies"]:
    """Slots in order, (M,): marked, attended, movable, present; then from left to right.

    Not by distance: two entities change places in that order just where one is to be between them.
    """
    zero = np.zeros(observation["positions"].shape[-2])
    marker, present = observation["marker"], observation["present"]
    attended, movable = observation.get("attention", zero), observation.get("movable", zero)
    rank = -(8 * marker + 4 * attended + 2 * movable + present)
    places = observation["positions"]
    return np.lexsort((places[:, 1], places[:, 0], rank))


def vector(observation: Mapping[str, np.ndarray], order: np.ndarray) -> Float[np.ndarray, " features"]:
    """An observation as one vector, in an order; places relative to the first entity, and its own."""
    parts = []
    about = np.ones(len(order), dtype=bool)
    if "attention" in observation:
        about = (observation["attention"] > 0) | (observation["marker"] > 0)
    for name in sorted(observation):
        part = np.asarray(observation[name], dtype=np.float32)
        if name in _LOOKS:
            part = part * about.reshape(-1, *[1] * (part.ndim - 1))
        if name == "history":
            part = part[:, order]
            part = part - part[-1:, :1]
        elif name in _ENTITIES:
            part = part[order]
            if name == "positions":
                here = observation["present"][order][1:, None]
                part = np.concatenate([part[:1], (part[1:] - part[:1]) * here])
        parts.append(part.ravel())
    return np.clip(np.concatenate(parts), -_SEEN, _SEEN)


@dataclass(frozen=True)
class ActionOrder:
    """How actions belong to entities.

    Attributes:
        each: Numbers of an action that belong to each entity; 0 where an action is not about entities.
    """

    each: int

    @staticmethod
    def of(observation: spaces.Dict, action: spaces.Box) -> ActionOrder:
        """The order of an environment's actions, from its spaces."""
        bodies, size = observation["positions"].shape[0], action.shape[0]  # type: ignore[index]
        entitywise = size in (bodies, 2 * bodies) and "joints" not in observation.spaces
        return ActionOrder(size // bodies if entitywise else 0)

    def sorted(self, actions: np.ndarray, order: np.ndarray) -> np.ndarray:
        """Actions, (..., A), in an order."""
        if not self.each:
            return actions
        split = actions.reshape(*actions.shape[:-1], -1, self.each)
        return split[..., order, :].reshape(actions.shape)

    def restored(self, actions: np.ndarray, order: np.ndarray) -> np.ndarray:
        """Actions in an order, (..., A), as the environment has them."""
        return self.sorted(actions, np.argsort(order))


class Canonical(gym.Wrapper[Any, Any, Any, Any]):
    """An environment whose observations are vectors in order, for learners that know no sets."""

    def __init__(self, env: Metered) -> None:
        """Wraps an environment."""
        super().__init__(env)
        space = env.observation_space
        assert isinstance(space, spaces.Dict), "the environments of this package give dictionaries"
        assert isinstance(env.action_space, spaces.Box), "and take boxes"
        self._order = np.arange(space["positions"].shape[0])  # type: ignore[index]
        self._actions = ActionOrder.of(space, env.action_space)
        size = sum(int(np.prod(part.shape)) for part in space.spaces.values() if part.shape is not None)
        self.observation_space = spaces.Box(-_SEEN, _SEEN, (size,), np.float32)

    def _seen(self, observation: dict[str, np.ndarray]) -> np.ndarray:
        self._order = order_of(observation)
        return vector(observation, self._order)

    def reset(self, **arguments: Any) -> tuple[np.ndarray, dict[str, Any]]:  # noqa: ANN401
        """Starts an episode."""
        observation, info = self.env.reset(**arguments)
        return self._seen(observation), info

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """A step, with the action sorted back."""
        told = self._actions.restored(np.asarray(action), self._order)
        observation, reward, terminated, truncated, info = self.env.step(told)
        return self._seen(observation), float(reward), terminated, truncated, info
