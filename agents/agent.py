"""What every agent is, and what it has to declare."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from ..concepts.event import Event
from ..envs.single import ConceptEnv


@dataclass(frozen=True)
class Given:
    """What an agent was given; leaderboards print it beside the score.

    Attributes:
        demonstrations: Demonstrations of the task, as events of the particle world.
        reward: Whether it was told the reward, or the true error.
        environment_steps: Steps in the test environment before the evaluation.
        model_steps: Steps of a model, while it acted; planners here have the environment's own.
        episodes: Demonstrations in actions: an expert's episodes in the test environment.
        pretraining_steps: Updates of what it had learned before it met the task.
        goal: Whether it is told a solution of each scene, also while it acts.
    """

    demonstrations: int = 0
    reward: bool = False
    environment_steps: int = 0
    model_steps: int = 0
    episodes: int = 0
    pretraining_steps: int = 0
    goal: bool = False


@runtime_checkable
class Agent(Protocol):
    """Acts in one environment, episode by episode."""

    @property
    def given(self) -> Given:
        """What it was given so far."""
        ...

    @property
    def info(self) -> dict[str, Any]:
        """What it has to say about the present episode."""
        ...

    def reset(self, env: ConceptEnv, demonstrations: Event | None, seed: int) -> None:
        """Begins an episode, after ``env.reset``.

        Args:
            env: The environment; a planner reads its state, which is the model's.
            demonstrations: Events that show the task, (k, T+1, N, 2), or nothing.
            seed: Seeds the agent's own randomness.
        """
        ...

    def act(self, observation: dict[str, np.ndarray]) -> Float[np.ndarray, " action"]:
        """The next action, in [-1, 1]."""
        ...
