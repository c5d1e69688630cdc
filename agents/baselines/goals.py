"""Goals without a model, with the concept agent's planner: demonstrated ways are averaged, or copied."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ...concepts.event import Event
from ...concepts.joint import parted
from ...envs.identify import IdentifyWorld
from ...envs.single import ConceptEnv
from ..agent import Agent, Given
from ..copying import along, matched, ways
from ..lesson import Lesson, Track
from ..mission import DRAFTS, Draft, Intend, Intention
from ..planning import ConceptCost, Context
from ..planning.path import expected
from ..planning_agent import PLANNING, PlanningAgent
from .floors import Act, Reflex

_READING = 2
"""Counts up with what goals are made of, and is part of what results depend on."""

Ways = Callable[[Event, Event], np.ndarray]
"""Says from a scene and the demonstrations which ways to go relative to the anchors, (T, M, 2)."""


@dataclass(frozen=True)
class GoalContestant:
    """Makes goals of the demonstrations, and plans towards them.

    Of a joint concept the terms are shown apart, and it goes to the mean of their goals. To identify, it
    attends whoever is most like those attended in the demonstrations, by colour, size and place relative to
    the marker.

    Attributes:
        intend: What it wants in an episode.
        name: As it stands on the board.
    """

    intend: Intend
    name: str
    track: Track = "few-shot"
    config: Mapping[str, object] = field(
        default_factory=lambda: {"planning": PLANNING, "drafts": DRAFTS, "ways": _READING}
    )

    def learn(self, lesson: Lesson) -> Agent:
        """Keeps the demonstrations for later."""
        shown = lesson.demonstrations
        if isinstance(lesson.make().world, IdentifyWorld):
            return Reflex(most_alike, Given(demonstrations=0 if shown is None else len(shown.positions)))
        return PlanningAgent(self.intend)


def goal_average() -> GoalContestant:
    """Averages the demonstrated ways relative to the attended."""
    return GoalContestant(intention(mean_ways), "goal average")


def nearest_demonstration() -> GoalContestant:
    """Copies the ways of the demonstration whose start is most alike, relative to the attended."""
    return GoalContestant(intention(copied_ways), "nearest demonstration")


def mean_ways(event: Event, shown: Event) -> Float[np.ndarray, "t m 2"]:
    """Mean ways of the M movable entities, (T, M, 2), each matched with one of the first demonstration.

    Slots mean nothing: who is meant by whom is told by where they end.
    """
    every = [ways(shown[index]) for index in range(len(shown.positions))]
    return np.mean([one[:, matched(every[0][-1], one[-1])] for one in every], axis=0)


def copied_ways(event: Event, shown: Event) -> Float[np.ndarray, "t m 2"]:
    """Ways in the demonstration whose start is most alike, (T, M, 2)."""
    like = ((distances(shown) - distances(event)) ** 2).sum(-1).argmin()
    return ways(shown[int(like)])


def distances(event: Event) -> Float[np.ndarray, "... 8"]:
    """The eight smallest distances of the attended from the marked or the movable ones at first, (..., 8).

    3 stands for each that is not there. Whoever is both is nothing away from itself, and counts.
    """
    who = event.marker | event.movable
    offsets = event.initial[..., :, None, :] - event.initial[..., None, :, :]
    distance = np.sqrt((offsets**2).sum(-1))
    pairs = (event.attention > 0.5)[..., :, None] & who[..., None, :]
    values = np.sort(np.where(pairs, distance, 3.0).reshape(*distance.shape[:-2], -1), axis=-1)
    return values[..., :8]


def intention(choice: Ways) -> Intend:
    """To go certain ways.

    Args:
        choice: Says which.

    Raises:
        ValueError: When it is asked without demonstrations.
    """

    def intend(env: ConceptEnv, demonstrations: Event | None, seed: int) -> Intention:
        if demonstrations is None:
            raise ValueError("goals are made of demonstrations, and there are none")
        event, task, aims, whom = going_on(env), env.world.task, [], []
        for shown in parted(task.action, demonstrations):
            seen = event
            if task.asks:  # who is meant is not told here
                seen = event.replace(attention=attended_alike(event, shown).astype(event.attention.dtype))
            aims.append(along(seen, choice(seen, shown)))
            whom.append(seen.attention)
        return towards(event.replace(attention=np.max(whom, axis=0)), np.mean(aims, axis=0))

    return intend


def going_on(env: ConceptEnv) -> Event:
    """The event so far, and then as if nobody acted, see ``planning.path.expected``."""
    event, world = env.event, env.world
    if world.frames == 1:
        return event
    now = Context(event, float(env.state.steps[0]) * world.dt, world.dt)
    return expected(now, env.state.velocities[0, : len(event.present)])


def towards(event: Event, aims: Float[np.ndarray, "t n 2"]) -> Intention:
    """To be where one ought to be at each time, (T, N, 2).

    A path comes along where those whom it is about turn out to be elsewhere than they are here.

    Args:
        event: The scene as it goes on, with the attention that the agent supposes.
        aims: Where everybody is to be.
    """
    wanted = torch.as_tensor(aims, dtype=torch.float32)
    free = torch.as_tensor(event.movable, dtype=torch.float32)
    whom = (event.attention > 0.5) & event.present & ~event.movable & (len(aims) > 1)
    share = torch.as_tensor(whom / max(whom.sum(), 1), dtype=torch.float32)

    def value(event: Event) -> Tensor:
        weights, gap = free.to(event.positions), event.positions[:, 1:] - wanted.to(event.positions)
        gap = gap - torch.einsum("rtnd,n->rtd", gap, share.to(gap))[:, :, None]
        squared = (gap**2).sum(-1) * weights
        return torch.sqrt(squared.sum((1, 2)) / (weights.sum() * gap.shape[1]) + 1e-8)

    def draft(event: Event) -> Draft:
        return Draft(np.concatenate([event.positions[:1], aims]))

    return Intention(ConceptCost(value), event.attention, lambda event: aims[-1], draft)


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
