"""Motions: how scenery and solutions move, and what a trajectory is measured by."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from .event import FRAME_SECONDS, Array, Event
from .geometry import length, namespace, root_mean_square, total
from .streams import Streams


def wander(
    streams: Streams,
    start: Float[np.ndarray, "batch n 2"],
    speed: Float[np.ndarray, "batch n"],
    frames: int,
    *,
    turn: float = 1.0,
) -> Float[np.ndarray, "batch frames n 2"]:
    """Curves of constant speed, which set out towards the middle of the plane, more or less.

    Args:
        streams: Random numbers, by row.
        start: First positions.
        speed: Units per second.
        frames: T; the curves have T + 1 states.
        turn: Largest rate of turn, in radians per second.
    """
    width = start.shape[1]
    towards = np.arctan2(-start[..., 1], -start[..., 0])
    heading = towards + streams.uniform("heading", width, low=-0.9, high=0.9)
    rate = streams.uniform("turn", width, low=-turn, high=turn)
    times = np.arange(frames)[None, :, None] * FRAME_SECONDS
    angle = heading[:, None] + rate[:, None] * times
    steps = np.stack([np.cos(angle), np.sin(angle)], axis=-1) * (speed * FRAME_SECONDS)[:, None, :, None]
    return np.concatenate([start[:, None], start[:, None] + np.cumsum(steps, axis=1)], axis=1)


def pursue(
    start: Float[np.ndarray, "batch n 2"],
    target: Float[np.ndarray, "batch frames 2"],
    *,
    speed: float,
    keep: float,
) -> Float[np.ndarray, "batch frames n 2"]:
    """Runs after a moving target, straight, at most at ``speed``, and stops short at a distance ``keep``."""
    positions = [start]
    for t in range(1, target.shape[1]):
        gap = target[:, t, None] - positions[-1]
        distance = np.sqrt((gap**2).sum(-1, keepdims=True))
        step = np.clip(distance - keep, 0.0, speed * FRAME_SECONDS)
        positions.append(positions[-1] + gap / np.maximum(distance, 1e-9) * step)
    return np.stack(positions, axis=1)


def travel(
    waypoints: Float[np.ndarray, "batch points n 2"], times: list[int], frames: int
) -> Float[np.ndarray, "batch frames n 2"]:
    """Straight legs from waypoint to waypoint, each reached at its frame; waits at the last one."""
    legs = []
    for frame in range(frames + 1):
        leg = int(np.clip(np.searchsorted(times, frame, side="right") - 1, 0, len(times) - 2))
        share = np.clip((frame - times[leg]) / (times[leg + 1] - times[leg]), 0.0, 1.0)
        legs.append(waypoints[:, leg] + share * (waypoints[:, leg + 1] - waypoints[:, leg]))
    return np.stack(legs, axis=1)


def set_moving(event: Event, who: np.ndarray, paths: np.ndarray) -> Event:
    """Gives some entities, (B, N), their paths, (B, T+1, N, 2)."""
    return event.replace(positions=np.where(who[:, None, :, None], paths, event.positions))


def first_of(mask: np.ndarray) -> np.ndarray:
    """The mask reduced to its first entity, (B, N)."""
    return mask & (np.cumsum(mask, axis=1) == 1)


def track(event: Event, references: Array) -> Array:
    """Mean position of the references at every state, (..., T+1, 1, 2)."""
    xp = namespace(event.positions)
    mass = total(references)[..., None, None, None]
    weighted = total(event.positions * references[..., None, :, None], axis=-2)[..., None, :]
    return weighted / xp.where(mass > 0, mass, xp.ones_like(mass))


def distances(event: Event, references: Array) -> Array:
    """Distance of every entity to the references' mean, at every state, (..., T+1, N)."""
    return length(event.positions - track(event, references))


def over_time(values: Array, start: int) -> Array:
    """Root mean square over the states from ``start`` on, (..., T+1, N) to (..., N)."""
    xp = namespace(values)
    late = xp.moveaxis(values[..., start:, :], -2, -1)
    return root_mean_square(late, xp.ones_like(late))


def speeds(event: Event) -> Array:
    """Speed between states, in units per second, (..., T, N)."""
    return length(event.positions[..., 1:, :, :] - event.positions[..., :-1, :, :]) / FRAME_SECONDS


def duration(event: Event) -> int:
    """T, the number of steps."""
    return event.positions.shape[1] - 1
