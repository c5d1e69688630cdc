"""Social concepts: what one entity does for or against another."""

from __future__ import annotations

import numpy as np

from ..concept import Concept, Generation, relation
from ..event import Array, Event
from ..geometry import as_weights, hinge, length, mean, namespace, to_segment, total
from ..motion import distances, duration, first_of, over_time, set_moving
from ..scene import EDGE, random_sizes
from ..streams import Streams
from .spatial import two_references
from .temporal import LONG, SHORT, moving_reference

HELPED = 0.1
HINDERED = 0.6
BESIDE = 0.3
AVOIDED = 0.35
ROOMY = 0.65
"""Largest coordinate of a disc that is to be pushed: an agent can still get behind it."""


def avoid(event: Event, references: Array) -> Array:
    """Deepest intrusion into the disc of radius ``AVOIDED`` around the threat, (..., N)."""
    return namespace(event.positions).max(hinge(AVOIDED - distances(event, references)), axis=-2)


def _charging(streams: Streams, event: Event) -> Event:
    """The attended entity runs over the place where the agent stands, and beyond."""
    prey = mean(event.initial, event.movable.astype(np.float64))[:, None]
    share = np.linspace(0.0, 1.7, duration(event) + 1)[None, :, None, None]
    paths = event.initial[:, None] + share * (prey - event.initial)[:, None]
    return set_moving(event, event.attention > 0.5, paths)


def _propose_avoid(streams: Streams, event: Event, references: Array) -> np.ndarray:
    """Steps aside, at right angles to the threat's path."""
    threat = mean(event.initial, references)[:, None]
    away = event.initial - threat
    side = np.stack([-away[..., 1], away[..., 0]], axis=-1) / np.maximum(length(away)[..., None], 1e-9)
    sense = np.where(streams.uniform("sense", 1, 1) < 0.5, -1.0, 1.0)
    step = np.minimum(np.arange(duration(event) + 1) / 3, 1.0)[None, :, None, None]
    return event.initial[:, None] + step * (0.45 * sense * side)[:, None]


def guard(event: Event, references: Array) -> Array:
    """Distance to the middle third between ward and threat during the second half, (..., N)."""
    xp = namespace(event.positions)
    frames = event.positions.shape[-3]
    ends = [
        two_references(event.replace(positions=event.positions[..., t : t + 1, :, :]), references)
        for t in range(frames)
    ]
    start, end = (xp.stack([pair[i] for pair in ends], axis=-2)[..., None, :] for i in range(2))
    third = (end - start) / 3
    return over_time(to_segment(event.positions, start + third, end - third), frames // 2)


def _propose_guard(streams: Streams, event: Event, references: Array) -> np.ndarray:
    """Goes to the midpoint between the two within a third of the time, and stays there as it moves."""
    frames = duration(event)
    middle = (event.positions * references[:, None, :, None]).sum(2, keepdims=True) / 2
    share = np.minimum(np.arange(frames + 1) / (frames // 3), 1.0)[None, :, None, None]
    return event.initial[:, None] * (1 - share) + share * middle


def pair_of(event: Event) -> tuple[Array, Array]:
    """Positions, (..., 2), of the one that is pushed and of its goal: both attended, the one movable."""
    patient = as_weights(event.movable, event.attention) * event.attention
    return mean(event.final, patient), mean(event.final, event.attention - patient)


def beside(event: Event, patient: Array) -> Array:
    """What the agent lacks to the side of the one it pushes, (...,)."""
    agent = mean(event.final, as_weights(event.marker, event.attention))
    return hinge(length(agent - patient) - BESIDE)


def missing(event: Event) -> Array:
    """A whole unit for each of the two, patient and goal, that nobody attends."""
    return hinge(2 - total(event.attention))


def help_error(event: Event) -> Array:
    """What the pushed one lacks to its goal, plus what the agent lacks to its side, (...,)."""
    patient, goal = pair_of(event)
    return hinge(length(patient - goal) - HELPED) + beside(event, patient) + missing(event)


def hinder_error(event: Event) -> Array:
    """What the pushed one lacks to be far from its goal, plus what the agent lacks to its side, (...,)."""
    patient, goal = pair_of(event)
    return hinge(HINDERED - length(patient - goal)) + beside(event, patient) + missing(event)


def pushed(event: Event, target: np.ndarray) -> np.ndarray:
    """Positions with the pushed one at the target, (B, 2), and the agent behind it."""
    patient, _ = pair_of(event)
    way = target - patient
    behind = target - 0.17 * way / np.maximum(length(way)[..., None], 1e-9)
    last = np.where(event.marker[..., None], behind[:, None], event.final)
    last = np.where((event.movable & (event.attention > 0.5))[..., None], target[:, None], last)
    return np.concatenate([event.positions[:, :-1], last[:, None]], axis=1)


def _solve_help(streams: Streams, event: Event) -> np.ndarray:
    patient, goal = pair_of(event)
    away = (patient - goal) / np.maximum(length(patient - goal)[..., None], 1e-9)
    return pushed(event, goal + away * streams.uniform("rest", 1, low=0.0, high=0.9 * HELPED))


def _solve_hinder(streams: Streams, event: Event) -> np.ndarray:
    _, goal = pair_of(event)
    return pushed(event, goal + streams.uniform("rest", 1, low=0.62, high=0.9) * streams.direction("flee"))


def off_the_wall(streams: Streams, event: Event) -> Event:
    """The one to be pushed starts where an agent can get behind it from every side."""
    who = first_of(event.attention > 0.5)
    return set_moving(_stout(streams, event), who, event.positions * (ROOMY / EDGE))


def _stout(streams: Streams, event: Event) -> Event:
    """Both the one that pushes and the one that is pushed are large discs."""
    large = random_sizes(streams.fork("stout"), event.movable)
    return event.replace(sizes=np.where(event.movable, large, event.sizes))


def _bring_close(streams: Streams, event: Event) -> Event:
    """The one to be hindered starts close to its goal."""
    _, goal = pair_of(event)
    start = goal + streams.uniform("start", 1, low=0.2, high=0.4) * streams.direction("side")
    start = np.clip(start, -ROOMY, ROOMY)
    who = first_of(event.attention > 0.5)
    return set_moving(
        _stout(streams, event), who, np.broadcast_to(start[:, None, None], event.positions.shape)
    )


_ROUND = frozenset({"translation", "rotation"})

CONCEPTS: tuple[Concept, ...] = (
    Concept(
        "help",
        "social",
        "push the one to its goal, the other",
        Generation(
            help_error,
            _solve_help,
            actor="pusher",
            references=(2, 2),
            script=off_the_wall,
            accepts_argument=False,
        ),
        invariances=_ROUND,
    ),
    Concept(
        "hinder",
        "social",
        "push the one away from its goal, the other",
        Generation(
            hinder_error,
            _solve_hinder,
            actor="pusher",
            references=(2, 2),
            script=_bring_close,
            accepts_argument=False,
        ),
        split="held_out",
        invariances=_ROUND,
    ),
    Concept(
        "avoid",
        "social",
        f"never let it come nearer than {AVOIDED}",
        relation(avoid, _propose_avoid, script=_charging, frames=SHORT, history=True),
        invariances=_ROUND,
    ),
    Concept(
        "guard",
        "social",
        "stay between the one that moves and the other",
        relation(
            guard,
            _propose_guard,
            references=(2, 2),
            script=moving_reference(0.25, 0.4),
            frames=LONG,
            history=True,
        ),
        invariances=_ROUND,
    ),
)
"""The rows of the family."""
