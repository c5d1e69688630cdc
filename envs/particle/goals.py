"""Goals of the goal variant: the places of all movable entities, (..., 2 N), zero for the others."""

from __future__ import annotations

import numpy as np

GOAL_TOLERANCE = 0.05
"""Largest distance of any movable entity from its goal place."""


def goal_distance(achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
    """Largest distance of any entity from its goal place, (...,), of goals (..., 2 N)."""
    difference = (achieved - desired).reshape(*achieved.shape[:-1], -1, 2)
    return np.asarray(np.sqrt((difference**2).sum(-1)).max(-1))


def goal_reward(achieved: np.ndarray, desired: np.ndarray, kind: str) -> np.ndarray:
    """Reward, (...,): minus the distance if dense; 0 within ``GOAL_TOLERANCE``, else -1 if sparse."""
    distance = goal_distance(achieved, desired)
    sparse = -(distance > GOAL_TOLERANCE).astype(np.float32)
    return np.asarray(-distance if kind == "dense" else sparse)
