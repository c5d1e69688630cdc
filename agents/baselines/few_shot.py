"""Few-shot contestants without training: the concept agent, and averaged goals with the same planner."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ...concepts.event import Event
from ...concepts.joint import parted
from ...concepts.model import ConceptModel
from ...concepts.release import load_pretrained
from ...envs.identify import IdentifyWorld
from ...envs.single import ConceptEnv
from ..agent import Agent, Given
from ..concept_agent import UNDERSTOOD, concept_agent
from ..lesson import Lesson, Track
from ..mission import Intention
from ..planning import ConceptCost
from ..planning_agent import PLANNING, PlanningAgent
from .floors import Act, Reflex


@dataclass(frozen=True)
class ConceptContestant:
    """The concept agent: infers codes from the demonstrations, and plans or points with the energy.

    Attributes:
        model: Gives the model; the shipped one by default.
    """

    model: Callable[[], ConceptModel] = load_pretrained
    name: str = "concept agent"
    track: Track = "few-shot"

    @property
    def config(self) -> Mapping[str, object]:
        """Which weights, and how it plans."""
        return {"weights": self.model().digest, "planning": PLANNING}

    def learn(self, lesson: Lesson) -> Agent:
        """Learns nothing before an episode: inference is part of acting."""
        model = self.model()
        if isinstance(lesson.make().world, IdentifyWorld):
            return Pointing(model)
        return concept_agent(model)


@dataclass
class Pointing:
    """Points out whom the demonstrations are about.

    Attributes:
        model: The model.
        given: What it was given.
        info: Residual energy, and whether it understood.
    """

    model: ConceptModel
    given: Given = field(default_factory=Given)
    info: dict[str, Any] = field(default_factory=dict)
    _action: np.ndarray | None = None

    def reset(self, env: ConceptEnv, demonstrations: Event | None, seed: int) -> None:
        """Infers the code, and points.

        Raises:
            ValueError: There are no demonstrations.
        """
        if demonstrations is None:
            raise ValueError("the concept agent needs demonstrations: five are usual")
        generator = torch.Generator().manual_seed(seed)
        code = self.model.infer(demonstrations, generator=generator)
        event = env.event.replace(attention=np.zeros_like(env.event.attention))
        mask = self.model.identify(event, code, generator=generator)
        residual = float(code.residual[1])
        self.info = {"residual": residual, "understood": residual <= UNDERSTOOD}
        shown = len(demonstrations.positions)
        self.given = Given(demonstrations=shown, pretraining_steps=self.model.training_steps)
        self._action = np.where(mask, 1.0, -1.0).astype(np.float32)

    def act(self, observation: Mapping[str, np.ndarray]) -> Float[np.ndarray, " action"]:
        """The mask, as 1 and -1."""
        assert self._action is not None, "reset comes first"
        return self._action


@dataclass(frozen=True)
class GoalAverage:
    """Averages the demonstrated ways relative to the attended, and plans towards their mean.

    Of a joint concept it averages the goals of the terms, which are shown apart.

    To identify, it attends whoever is most like those attended in the demonstrations, by colour, size
    and place relative to the marker.
    """

    name: str = "goal average"
    track: Track = "few-shot"
    config: Mapping[str, object] = field(default_factory=lambda: {"planning": PLANNING})

    def learn(self, lesson: Lesson) -> Agent:
        """Keeps the demonstrations for later."""
        shown = lesson.demonstrations
        if isinstance(lesson.make().world, IdentifyWorld):
            return Reflex(most_alike, Given(demonstrations=0 if shown is None else len(shown.positions)))
        return PlanningAgent(goal_intention)


def anchor(event: Event) -> Float[np.ndarray, "... 2"]:
    """Mean place of the attended scenery at first, or of everybody else where there is none, (..., 2)."""
    whom = (event.attention > 0.5) & ~event.movable & event.present
    fallback = event.present & ~np.broadcast_to(whom.any(-1, keepdims=True), whom.shape)
    chosen = np.where(whom.any(-1, keepdims=True), whom, fallback)[..., None]
    return (event.initial * chosen).sum(-2) / np.maximum(chosen.sum(-2), 1)


def mean_ways(shown: Event) -> Float[np.ndarray, "t m 2"]:
    """Mean ways of the M movable entities relative to the anchors, (T, M, 2), in their order."""
    count = int(shown.movable[0].sum())
    ways = []
    for index in range(len(shown.positions)):
        one = shown[index]
        own = one.positions[1:][:, one.movable] - anchor(one)
        ways.append(own[:, np.arange(count) % own.shape[1]])
    return np.mean(ways, axis=0)


def goals(event: Event, shown: Event) -> Float[np.ndarray, "t n 2"]:
    """Where the movable entities of an event ought to be at each time, (T, N, 2)."""
    ways = mean_ways(shown)
    slots = np.flatnonzero(event.movable)
    aims = np.repeat(event.positions[-1:], len(ways), axis=0).astype(np.float64)
    aims[:, slots] = anchor(event) + ways[:, np.arange(len(slots)) % ways.shape[1]]
    return np.clip(aims, -0.95, 0.95)


def goal_intention(env: ConceptEnv, demonstrations: Event | None, seed: int) -> Intention:
    """To go the mean way of the demonstrations.

    Raises:
        ValueError: There are no demonstrations.
    """
    if demonstrations is None:
        raise ValueError("averaging goals needs demonstrations")
    event, task, aims = env.event, env.world.task, []
    for shown in parted(task.action, demonstrations):
        seen = event
        if task.asks:  # who is meant is not told here
            seen = event.replace(attention=attended_alike(event, shown).astype(np.float64))
        aims.append(goals(seen, shown))
    return towards(event, np.mean(aims, axis=0))


def towards(event: Event, aims: Float[np.ndarray, "t n 2"]) -> Intention:
    """To be where one ought to be at each time, (T, N, 2)."""
    wanted = torch.as_tensor(aims, dtype=torch.float32)
    free = torch.as_tensor(event.movable, dtype=torch.float32)

    def value(event: Event) -> Tensor:
        gap = ((event.positions[:, 1:] - wanted.to(event.positions)) ** 2).sum(-1) * free.to(event.positions)
        return torch.sqrt(gap.sum((1, 2)) / (free.sum() * gap.shape[1]) + 1e-8)

    def draft(event: Event) -> np.ndarray:
        return np.concatenate([event.positions[:1], aims])

    return Intention(ConceptCost(value), None, lambda event: aims[-1], draft)


def most_alike(env: ConceptEnv, demonstrations: Event | None, seed: int) -> Act:
    """Attends whoever is most like an attended entity of the demonstrations."""
    assert demonstrations is not None, "the harness gives them"
    action = np.where(attended_alike(env.event, demonstrations), 1.0, -1.0).astype(np.float32)
    return lambda observation, step: action


def attended_alike(event: Event, shown: Event) -> Bool[np.ndarray, " n"]:
    """Whose nearest entity of the demonstrations, by looks and place, is attended there, (N,)."""
    usable = shown.candidates.reshape(-1)
    said = (shown.attention > 0.5).reshape(-1)[usable]
    gap = ((features(event)[:, None] - features(shown).reshape(-1, 6)[usable]) ** 2).sum(-1)
    mask: np.ndarray = said[gap.argmin(1)] & event.candidates
    return mask


def features(event: Event) -> Float[np.ndarray, "... n 6"]:
    """Colour, size and place relative to the marker of each entity, (..., N, 6)."""
    marker = (event.initial * event.marker[..., None]).sum(-2, keepdims=True)
    return np.concatenate([event.colors, 10 * event.sizes[..., None], event.initial - marker], axis=-1)
