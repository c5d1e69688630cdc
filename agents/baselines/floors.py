"""Floors and ceilings: who knows nothing, who copies, and who knows the truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

from ...concepts.event import Event
from ...envs.identify import IdentifyWorld
from ...envs.single import ConceptEnv
from ..agent import Agent, Given
from ..lesson import Lesson, Track
from ..planning_agent import PLANNING, oracle_agent
from .canonical import SHOWN, Reading, order_of

Act = Callable[[Mapping[str, np.ndarray], int], np.ndarray]
"""Maps an observation and the number of the step to an action."""


@dataclass
class Reflex:
    """An agent that is a function of the observation, of the step, and of what it drew at the beginning.

    Attributes:
        begin: Makes the function of an episode from the environment, the demonstrations and a seed.
        given: What it was given.
    """

    begin: Callable[[ConceptEnv, Event | None, int], Act]
    given: Given = field(default_factory=Given)
    _act: Act | None = None
    _steps: int = 0

    @property
    def info(self) -> dict[str, Any]:
        """Nothing to say."""
        return {}

    def reset(self, env: ConceptEnv, demonstrations: Event | None, seed: int) -> None:
        """Begins an episode."""
        self._act, self._steps = self.begin(env, demonstrations, seed), 0

    def act(self, observation: Mapping[str, np.ndarray]) -> Float[np.ndarray, " action"]:
        """The next action."""
        assert self._act is not None, "reset comes first"
        self._steps += 1
        return self._act(observation, self._steps - 1)


@dataclass(frozen=True)
class Random:
    """Uniform actions."""

    name: str = "random"
    track: Track = "reference"
    config: Mapping[str, object] = field(default_factory=dict)

    def learn(self, lesson: Lesson) -> Agent:
        """Learns nothing."""

        def begin(env: ConceptEnv, demonstrations: Event | None, seed: int) -> Act:
            rng, shape = np.random.default_rng([lesson.seed, seed]), env.action_space.shape
            return lambda observation, step: rng.uniform(-1, 1, shape).astype(np.float32)

        return Reflex(begin)


@dataclass(frozen=True)
class Idle:
    """Does nothing: no thrust, nobody attended."""

    name: str = "do nothing"
    track: Track = "reference"
    config: Mapping[str, object] = field(default_factory=dict)

    def learn(self, lesson: Lesson) -> Agent:
        """Learns nothing."""

        def begin(env: ConceptEnv, demonstrations: Event | None, seed: int) -> Act:
            still = np.zeros(env.action_space.shape or (), dtype=np.float32)
            return lambda observation, step: still

        return Reflex(begin)


@dataclass(frozen=True)
class Replay:
    """Repeats the actions of the expert's episode whose start is most like the present one, in order.

    Attributes:
        episodes: Episodes that it looks at.
    """

    episodes: int = 5
    name: str = "nearest replay"
    track: Track = "few-shot"

    @property
    def config(self) -> Mapping[str, object]:
        """The number of episodes, how it reads them, and how a robot's expert plans them."""
        return {"episodes": self.episodes, **SHOWN}

    def learn(self, lesson: Lesson) -> Agent:
        """Looks at the episodes; slots mean nothing, and are sorted as for the other learned baselines."""
        reading = Reading.of(lesson.make().world)
        known = [
            (reading.vector(episode.seen(0), order), reading.sorted(episode.actions, order))
            for episode in lesson.episodes(self.episodes)
            for order in [order_of(episode.seen(0))]
        ]

        def begin(env: ConceptEnv, demonstrations: Event | None, seed: int) -> Act:
            observation = {name: values[0] for name, values in env.world.observe(env.state).items()}
            order = order_of(observation)
            now = reading.vector(observation, order)
            actions = min(known, key=lambda one: float(((now - one[0]) ** 2).sum()))[1]
            told = reading.restored(actions, order)
            return lambda observation, step: told[min(step, len(told) - 1)]

        return Reflex(begin, Given(episodes=self.episodes))


@dataclass(frozen=True)
class Oracle:
    """The same planner as the concept agent's with the true error as its cost; the true mask."""

    name: str = "oracle energy"
    track: Track = "reference"
    config: Mapping[str, object] = field(default_factory=lambda: {"planning": PLANNING})

    def learn(self, lesson: Lesson) -> Agent:
        """Knows everything already."""
        if isinstance(lesson.make().world, IdentifyWorld):
            return Reflex(_true_mask, Given(reward=True))
        return oracle_agent()


def _true_mask(env: ConceptEnv, demonstrations: Event | None, seed: int) -> Act:
    mask = np.where(env.state.scene.attention[0] > 0.5, 1.0, -1.0).astype(np.float32)
    return lambda observation, step: mask
