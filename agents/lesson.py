"""What an agent may learn a task from before it is tested, with everything that it takes counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import gymnasium as gym
import numpy as np

from ..concepts.event import Event
from ..envs.identify import IdentifyWorld
from ..envs.particle.world import ParticleWorld
from ..envs.single import ConceptEnv
from .agent import Agent
from .demonstrations import EpisodeArrays
from .expert import expert_actions

Track: TypeAlias = Literal["few-shot", "reward", "reference"]
"""Told by demonstrations; told by the reward; or a floor or a ceiling, which takes no part."""

_FIRST_LESSON = 3_000_000
"""Seed of the first start of a lesson; those of an evaluation are below."""


RESERVED = range(1_000_000, 2_000_000)
"""Seeds of the starts of evaluations: nobody practises from them."""


@dataclass
class Meter:
    """Counts what a lesson took.

    Attributes:
        steps: Steps in the test environment.
        episodes: Expert's episodes that were looked at.
        rewarded: Whether a reward was seen.
        ended: Whether each episode of practice ended satisfied, which not every learner is told.
    """

    steps: int = 0
    episodes: int = 0
    rewarded: bool = False
    ended: list[bool] = field(default_factory=list)


class Metered(gym.Wrapper[Any, Any, Any, Any]):
    """An environment whose steps are counted."""

    def __init__(self, env: ConceptEnv, meter: Meter, blind: bool = False) -> None:
        """Wraps an environment.

        Args:
            env: The environment.
            meter: Counts.
            blind: Whether rewards are zero, and ``info`` is empty, as all in it says how well it goes.
        """
        super().__init__(env)
        self.meter, self.blind = meter, blind
        if env.world.goal:  # learners look for it on the outermost environment
            self.compute_reward = env.compute_reward

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:  # noqa: ANN401
        """A step, counted."""
        self.meter.steps += 1
        observation, reward, terminated, truncated, info = super().step(action)
        if terminated or truncated:
            self.meter.ended.append(bool(info["is_success"]))
        if self.blind:
            return observation, 0.0, terminated, truncated, {}
        self.meter.rewarded = True
        return observation, reward, terminated, truncated, info

    def reset(self, **arguments: Any) -> tuple[Any, dict[str, Any]]:  # noqa: ANN401
        """Begins an episode.

        Raises:
            ValueError: The seed is that of a start from which agents are evaluated.
        """
        seed = arguments.get("seed")
        if (
            seed is not None and int(seed) in RESERVED
        ):  # a range goes through all of itself for what is no int
            told = f"{RESERVED.start:,} to {RESERVED.stop - 1:,} are those of evaluations"
            raise ValueError(f"seed is {seed}: starts from {told}, practise from others")
        observation, info = super().reset(**arguments)
        return observation, {} if self.blind else info


@dataclass(frozen=True)
class Lesson:
    """Everything that an agent may learn one task from.

    Attributes:
        make: Makes a fresh environment of the task; takes the environment's keyword arguments.
        demonstrations: Events that show the task, (k, T+1, N, 2).
        seed: Seeds the learning.
        folder: For checkpoints and curves, made by whoever writes there; None writes nothing.
        meter: Counts.
    """

    make: Callable[..., ConceptEnv]
    demonstrations: Event | None
    seed: int
    folder: Path | None = None
    meter: Meter = field(default_factory=Meter)

    def env(self, **arguments: object) -> Metered:
        """An environment to practise in; its steps are charged.

        Who is shown the task is not told the reward: it is zero, and ``info`` is empty.

        Raises:
            ValueError: Who is shown the task asks for the goal variant, which tells a solution.
        """
        blind = self.demonstrations is not None
        if blind and arguments.get("goal"):
            raise ValueError("goal=True tells a solution: who is shown demonstrations practises without")
        return Metered(self.make(**arguments), self.meter, blind)

    def episodes(self, count: int) -> list[EpisodeArrays]:
        """Episodes of the expert, from starts that no evaluation has; charged as demonstrations in actions.

        Their rewards are zero for whoever is shown the task.

        Raises:
            ValueError: Fewer than one episode.
        """
        if count < 1:
            raise ValueError(f"count is {count}, expected one episode at least")
        env, first = self.make(), _FIRST_LESSON + 10_000 * self.seed
        self.meter.episodes += count
        recorded = [recorded_episode(env, first + index) for index in range(count)]
        env.close()
        if self.demonstrations is None:
            return recorded
        return [replace(one, rewards=np.zeros_like(one.rewards)) for one in recorded]


@runtime_checkable
class Contestant(Protocol):
    """Whoever wants to be on the board: learns a task, and is then an agent."""

    @property
    def name(self) -> str:
        """As it stands on the board."""
        ...

    @property
    def track(self) -> Track:
        """What it is told."""
        ...

    @property
    def config(self) -> Mapping[str, object]:
        """Everything that its results depend on, as JSON has it."""
        ...

    def learn(self, lesson: Lesson) -> Agent:
        """Learns one task, from nothing but the lesson."""
        ...


def expert_action(env: ConceptEnv) -> Callable[[], np.ndarray]:
    """The expert of an environment: analytic for particles, a planner with the true error for robots."""
    if isinstance(env.world, (ParticleWorld, IdentifyWorld)):
        return lambda: np.asarray(expert_actions(env.world, env.state)[0])
    from .planning_agent import oracle_agent

    agent = oracle_agent()
    agent.reset(env, None, 0)
    return lambda: agent.act({})


def recorded_episode(env: ConceptEnv, seed: int) -> EpisodeArrays:
    """One episode of the expert, from a start."""
    observation, _ = env.reset(seed=seed)
    act, over = expert_action(env), False
    observations, actions, rewards = [observation], [], []
    while not over:
        action = act()
        observation, reward, terminated, truncated, _ = env.step(action)
        observations.append(observation)
        actions.append(action)
        rewards.append(float(reward))
        over = terminated or truncated
    arrays = {name: np.stack([each[name] for each in observations]) for name in observation}
    acted = np.stack(actions).astype(np.float32)
    return EpisodeArrays(arrays, acted, np.array(rewards), seed, bool(terminated))
