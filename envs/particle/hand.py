"""The hand: one more body, the last one, that grabs and carries discs, or pushes them."""

from __future__ import annotations

import numpy as np

from ...concepts.event import Event
from ...concepts.scene import GAP
from ...concepts.streams import Streams
from .dynamics import Bodies

HAND_RADIUS = 0.04


def with_hand(array: np.ndarray, value: object) -> np.ndarray:
    """An array over entities, (B, N), with a value for the hand, (B, N + 1)."""
    return np.concatenate([array, np.full((len(array), 1), value, dtype=array.dtype)], axis=1)


def hand_place(streams: Streams, scene: Event) -> np.ndarray:
    """The first of a dozen random places that is free of entities, (B, 1, 2)."""
    places = streams.uniform("hand", 12, 2, low=-0.9, high=0.9)
    away = np.sqrt(((places[:, :, None] - scene.initial[:, None]) ** 2).sum(-1))
    gap = np.where(scene.present[:, None], away, 9.0).min(-1)
    best = np.argmax(np.minimum(gap, GAP), axis=1)
    return places[np.arange(len(best)), best][:, None].astype(np.float32)


def grip(positions: np.ndarray, held: np.ndarray, bodies: Bodies, closed: np.ndarray) -> np.ndarray:
    """Which body the hand holds, (B, M).

    It keeps hold while it is closed; an empty closed hand takes the nearest body within reach.

    Args:
        positions: Of all bodies, the hand last, (B, M, 2).
        held: Which body it held, (B, M).
        bodies: Constants.
        closed: Whether the hand is closed, (B,).
    """
    distance = np.sqrt(((positions - positions[:, -1:]) ** 2).sum(-1)) - bodies.radii
    graspable = (bodies.mobile[..., 0] > 0) & (distance <= HAND_RADIUS)
    graspable[:, -1] = False
    nearest = np.argmin(np.where(graspable, distance, np.inf), axis=1)[:, None]
    taken = (np.arange(distance.shape[1]) == nearest) & graspable
    carrying = held.any(1, keepdims=True)
    return np.where(carrying, held, taken) & closed[:, None]


def carried(
    before: np.ndarray, positions: np.ndarray, velocities: np.ndarray, held: np.ndarray, bodies: Bodies
) -> tuple[np.ndarray, np.ndarray]:
    """Positions and velocities with the held body following the hand, as far as the walls allow."""
    shift = positions[:, -1:] - before[:, -1:]
    moved = np.minimum(np.maximum(before + shift, -bodies.wall), bodies.wall)
    grasp = held[..., None]
    return np.where(grasp, moved, positions), np.where(grasp, velocities[:, -1:], velocities)
