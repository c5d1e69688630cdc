"""A policy conditioned on demonstrations: pre-trained on the scenes of the energy, without an energy.

It says at once where everybody ought to be, or who is meant; the planner that all planning agents have
brings the bodies there. Where things take time it is asked again and again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.error import ResetNeeded
from jaxtyping import Float

from ...concepts.energy.codes import ConceptCode
from ...concepts.event import Event
from ...concepts.joint import parted
from ...concepts.model import Search
from ...envs.identify import IdentifyWorld
from ...envs.single import ConceptEnv
from ..agent import Agent, Given
from ..lesson import Lesson, Track
from ..mission import DRAFTS, Intention
from ..planning_agent import PLANNING, PlanningAgent, planner
from .feed_forward import FeedForward
from .floors import Act, Reflex
from .goals import going_on, towards

WEIGHTS = Path(__file__).parent / "weights" / "conditional-v1.safetensors"
"""The shipped weights, by ``conceptgym train policy``."""

_EVERY = 5
"""Steps after which a course of time is predicted anew."""


@dataclass(frozen=True)
class Conditional:
    """The policy as a contestant.

    Attributes:
        weights: File of its weights.
    """

    weights: Path = WEIGHTS
    name: str = "conditional policy"
    track: Track = "few-shot"

    @cached_property
    def _loaded(self) -> tuple[FeedForward, int]:
        return FeedForward.load(self.weights)

    @property
    def config(self) -> Mapping[str, object]:
        """Which weights, what becomes of its drafts, and how it plans."""
        return {"weights": self._loaded[0].digest, "drafts": DRAFTS, "planning": PLANNING}

    def learn(self, lesson: Lesson) -> Agent:
        """Learns nothing before an episode: the demonstrations are its input."""
        network, steps = self._loaded
        if not isinstance(lesson.make().world, IdentifyWorld):
            return Follower(PlanningAgent(_Predicted(network), pretraining=steps))
        shown = lesson.demonstrations

        def begin(env: ConceptEnv, demonstrations: Event | None, seed: int) -> Act:
            code = code_of(network, demonstrations)
            action = np.where(whom(network, env.event, code), 1.0, -1.0).astype(np.float32)
            return lambda observation, step: action

        return Reflex(begin, Given(0 if shown is None else len(shown.positions), pretraining_steps=steps))


def code_of(network: FeedForward, demonstrations: Event | None) -> ConceptCode:
    """The code of demonstrations, (k, T+1, N, 2).

    Raises:
        ValueError: There are no demonstrations.
    """
    if demonstrations is None:
        raise ValueError("the policy is conditioned on demonstrations, and there are none")
    return network.infer(demonstrations.map(lambda array: array[None]))


def whom(network: FeedForward, event: Event, code: ConceptCode) -> np.ndarray:
    """The mask that the network says, (N,)."""
    empty = event.replace(attention=np.zeros_like(event.attention))
    mask: np.ndarray = network.identify(empty.map(lambda array: array[None]), code, search=Search())[0]
    return mask


@dataclass(frozen=True)
class _Predicted:
    """To be where the network says: makes the intention of an episode, or of what is left of it."""

    network: FeedForward

    def __call__(self, env: ConceptEnv, demonstrations: Event | None, seed: int) -> Intention:
        task, event, aims, masks = env.world.task, going_on(env), [], []
        first = event.replace(positions=event.positions[:1])
        shown = parted(task.action, demonstrations) if demonstrations is not None else [None]
        for part in shown:
            code, asked = code_of(self.network, part), event
            if task.asks:
                mask = whom(self.network, first, code)
                asked = event.replace(attention=mask.astype(event.attention.dtype))
            aims.append(self._places(asked, code))
            masks.append(asked.attention)
        # Goals cannot be added as energies can: between the goals of the terms is the best guess.
        about = event.replace(attention=np.max(masks, axis=0))
        return towards(about, np.clip(np.mean(aims, axis=0), -0.95, 0.95))

    def _places(self, event: Event, code: ConceptCode) -> Float[np.ndarray, "t n 2"]:
        start = event if len(event.positions) > 2 else event.replace(positions=event.positions[[0, 0]])
        made = self.network.generate(start.map(lambda array: array[None]), code, search=Search())
        return np.asarray(made.positions[0, 1:], dtype=np.float64)


@dataclass
class Follower:
    """Plans towards predicted places, and predicts anew as time goes on.

    Attributes:
        inner: What predicts, as its intention, and plans.
    """

    inner: PlanningAgent
    _shown: Event | None = None

    @property
    def given(self) -> Given:
        """What it was given so far."""
        return self.inner.given

    @property
    def info(self) -> dict[str, Any]:
        """Nothing to say."""
        return {}

    def reset(self, env: ConceptEnv, demonstrations: Event | None, seed: int) -> None:
        """Begins an episode, after ``env.reset``."""
        self._shown = demonstrations
        self.inner.reset(env, demonstrations, seed)

    def act(self, observation: Mapping[str, np.ndarray]) -> Float[np.ndarray, " action"]:
        """The next action, in [-1, 1].

        Raises:
            ResetNeeded: No episode has begun.
        """
        mission = self.inner.mission
        if mission is None:
            raise ResetNeeded("call reset(env, demonstrations, seed) before act()")
        world = mission.env.world
        if world.frames > 1 and mission.steps and mission.steps % _EVERY == 0:
            mission.intention = self.inner.intend(mission.env, self._shown, 0)
            mission.found = None  # the path of the last intention
            mission.mpc = planner(world, mission.intention.cost, self.inner.settings)
        return self.inner.act(observation)
