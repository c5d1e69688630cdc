"""Observations in a fixed order, as vectors: the marked entity first, then the attended, then the others.

Scenes are sets: their slots mean nothing. A perceptron that has to find the attended among them needs
orders of magnitude more steps, so that every learned baseline sees them sorted, from near to far at the
start of an episode, and relative to the marked entity where there is one. What the task does not depend on
is left out, colours and sizes, or where those are who are neither attended nor move: constant for an
episode, it would be learned by heart. Actions that belong to entities are sorted back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from jaxtyping import Float, Int

from ...envs.state import World
from ..lesson import Metered
from ..planning_agent import PLANNING

_ENTITIES = (
    "positions", "velocities", "colors", "sizes", "present", "marker", "movable", "attention", "held",
)  # fmt: skip
LOOKS = ("colors", "sizes")
"""Observations of what entities look like."""

_PLACES = ("positions", "velocities", "present", "history")
"""Observations of where entities are."""

SEEN = 10.0
"""Bound of what learners see."""


def order_of(observation: Mapping[str, np.ndarray]) -> Int[np.ndarray, " bodies"]:
    """Slots in order, (M,): marked, attended, movable, present; then from near the marked one to far from it.

    Where nobody is marked, the last is from left to right. It is asked at the start of an episode, and kept:
    an order that follows the places would change just where something moves past another.
    """
    zero = np.zeros(observation["positions"].shape[-2])
    marker, present = observation["marker"], observation["present"]
    attended, movable = observation.get("attention", zero), observation.get("movable", zero)
    rank = -(8 * marker + 4 * attended + 2 * movable + present)
    places = observation["positions"]
    if np.any(marker > 0):
        away = np.linalg.norm(places - places[np.argmax(marker)], axis=-1)
        return np.lexsort((away, rank))
    return np.lexsort((places[:, 1], places[:, 0], rank))


READING = 3
"""Counts up with what learners see, and is part of what their results depend on."""

SHOWN: Mapping[str, object] = {"reading": READING, "planning": PLANNING}
"""What results of those depend on who see an expert's episodes, which plans where it is a robot's."""


def concerned(*roles: np.ndarray) -> np.ndarray:
    """Who has any of some roles: is attended, marked, or moves, (..., N)."""
    return np.any([np.asarray(role) > 0 for role in roles], axis=0)


def _solid_others(world: World[Any]) -> bool:
    """Whether those whom a task does not concern stand in the way."""
    return bool(getattr(world, "collisions", False)) or getattr(world, "kind", "") == "pusher"


def what_matters(world: World[Any]) -> tuple[bool, bool]:
    """Whether a task depends on colours or sizes, and on the places of those it does not concern.

    Both where nobody is told whom it is about; else its error is asked, and whether others are solid.
    """
    part = world.task.generation
    if "attention" not in world.observation_space.spaces or part is None:
        return True, True
    rng = np.random.default_rng(0)
    event = world.task.sample(rng, 32)
    looks = event.replace(colors=event.colors[..., ::-1].copy(), sizes=event.sizes[..., ::-1].copy())
    others = ~concerned(event.attention, event.marker, event.movable)
    away = rng.normal(size=event.positions.shape) * others[:, None, :, None]
    places = event.replace(positions=(event.positions + away).astype(event.positions.dtype))
    error = part.error(event)
    elsewhere = _solid_others(world) or not np.allclose(error, part.error(places))
    return not np.allclose(error, part.error(looks)), elsewhere


@dataclass(frozen=True)
class Reading:
    """How a learner reads a task: what it sees of the entities, and which actions belong to them.

    Attributes:
        each: Numbers of an action that belong to each entity; 0 where an action is not about entities.
        looks: Whether it sees colours and sizes.
        others: Whether it sees where those are whom the task does not concern.
    """

    each: int
    looks: bool = True
    others: bool = True

    @staticmethod
    def of(world: World[Any]) -> Reading:
        """How the task of a world is read."""
        observation, action = world.observation_space, world.action_space
        bodies, size = observation["positions"].shape[0], action.shape[0]  # type: ignore[index]
        entitywise = size in (bodies, 2 * bodies) and "joints" not in observation.spaces
        return Reading(size // bodies if entitywise else 0, *what_matters(world))

    def space(self, seen: spaces.Dict) -> spaces.Box:
        """The vectors of observations, by their own space."""
        zeros = {name: np.zeros(part.shape or (), np.float32) for name, part in seen.spaces.items()}
        size = len(self.vector(zeros, np.arange(len(zeros["positions"]))))
        return spaces.Box(-SEEN, SEEN, (size,), np.float32)

    def vector(
        self, observation: Mapping[str, np.ndarray], order: np.ndarray
    ) -> Float[np.ndarray, " features"]:
        """An observation as one vector, in an order; places relative to the first entity, and its own."""
        parts, observation = [], observation if self.others else _without_others(observation)
        for name in sorted(observation):
            if name in LOOKS and not self.looks:
                continue
            part = np.asarray(observation[name], dtype=np.float32)
            if name == "history":  # of entities alone, without a hand
                part = part[:, order[order < part.shape[1]]]
                part = part - part[-1:, :1]
            elif name in _ENTITIES:
                part = part[order]
                if name == "positions":
                    here = concerned(*_bodies(observation))[order][1:, None]
                    part = np.concatenate([part[:1], (part[1:] - part[:1]) * here])
            parts.append(part.ravel())
        return np.clip(np.concatenate(parts), -SEEN, SEEN)

    def sorted(self, actions: np.ndarray, order: np.ndarray) -> np.ndarray:
        """Actions, (..., A), in an order."""
        if not self.each:
            return actions
        split = actions.reshape(*actions.shape[:-1], -1, self.each)
        return split[..., order, :].reshape(actions.shape)

    def executed(
        self, action: Float[np.ndarray, " numbers"], observation: Mapping[str, np.ndarray]
    ) -> Float[np.ndarray, " numbers"]:
        """What the environment makes of an action: thrust of those who move alone, and of a mask the signs.

        Args:
            action: As the environment has it, (A,).
            observation: Of the same moment.
        """
        if not self.each:
            return action
        if "movable" not in observation:
            return np.where(action > 0, 1, -1).astype(action.dtype)
        who = (observation["movable"] > 0) & (observation["present"] > 0)
        return action * np.repeat(who, self.each)

    def restored(self, actions: np.ndarray, order: np.ndarray) -> np.ndarray:
        """Actions in an order, (..., A), as the environment has them."""
        return self.sorted(actions, np.argsort(order))


def _without_others(observation: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """An observation in which those whom the task does not concern are not there."""
    roles = ("attention", "marker", "movable", "hand")
    known = concerned(*(observation[name] for name in roles if name in observation))
    told = dict(observation)
    for name in _PLACES:
        if name in told:
            who = known if told[name].ndim == 1 else known[: told[name].shape[-2], None]
            told[name] = np.where(who, told[name], 0)
    return told


def _bodies(observation: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Who is there, and the hand, which is no entity."""
    return [observation[name] for name in ("present", "hand") if name in observation]


class Canonical(gym.Wrapper[Any, Any, Any, Any]):
    """An environment whose observations are vectors in order, for learners that know no sets."""

    def __init__(self, env: Metered) -> None:
        """Wraps an environment."""
        super().__init__(env)
        space = env.observation_space
        assert isinstance(space, spaces.Dict), "the environments of this package give dictionaries"
        self._order = np.arange(space["positions"].shape[0])  # type: ignore[index]
        self._first: dict[str, np.ndarray] = {}
        self._reading = Reading.of(env.unwrapped.world)  # type: ignore[attr-defined]
        self.observation_space = self._reading.space(space)

    def _seen(self, observation: dict[str, np.ndarray]) -> np.ndarray:
        return self._reading.vector(observation, self._order)

    def reset(self, **arguments: Any) -> tuple[np.ndarray, dict[str, Any]]:  # noqa: ANN401
        """Starts an episode, and settles its order."""
        self._first, info = self.env.reset(**arguments)
        self._order = order_of(self._first)
        return self._seen(self._first), info

    def executed(self, action: np.ndarray) -> Float[np.ndarray, " numbers"]:
        """What an action in order comes to, in order: who moves is settled for an episode."""
        told = self._reading.restored(np.asarray(action), self._order)
        return self._reading.sorted(self._reading.executed(told, self._first), self._order)

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """A step, with the action sorted back."""
        told = self._reading.restored(np.asarray(action), self._order)
        observation, reward, terminated, truncated, info = self.env.step(told)
        return self._seen(observation), float(reward), terminated, truncated, info
