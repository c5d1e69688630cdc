"""Scenes on purpose: a U of discs between an agent and its goal, in which whoever goes straight is caught."""

from __future__ import annotations

import numpy as np

from ...concepts.event import Event
from ...concepts.streams import Streams
from ...concepts.task import Task

LAYOUTS = ("random", "trap")
TRAP_ENTITIES = 13
"""The agent, its goal, and eleven discs of the U."""

_GAP, _RADIUS = 0.11, 0.12
_CUP = np.array(
    [(0.25, _GAP * k) for k in range(-2, 3)]
    + [(0.25 - _GAP * k, 2 * side * _GAP) for k in (1, 2, 3) for side in (-1, 1)]
)
"""Centres of the U, which opens towards the agent; close enough that nobody gets through at full speed."""

_AGENT, _GOAL, _JITTER = (-0.6, 0.0), (0.65, 0.0), 0.08


def check_layout(layout: str, task: Task, entities: tuple[int, int], collisions: bool, control: str) -> None:
    """Checks that a layout goes together with the rest of a world.

    Raises:
        ValueError: It does not; the message says why.
    """
    if layout not in LAYOUTS:
        raise ValueError(f"layout is {layout!r}, expected one of {LAYOUTS}")
    if layout == "random":
        return
    part = task.generation
    if part.actor != "agent" or part.references[0] != 1 or part.frames > 1 or task.argument is not None:
        raise ValueError(f"layout='trap' is for one agent and one reference, like 'near', not {task.name!r}")
    if entities != (TRAP_ENTITIES, TRAP_ENTITIES) or not collisions or control != "one":
        raise ValueError(
            f"layout='trap' needs n_entities={TRAP_ENTITIES}, collisions=True and control='one', got "
            f"{entities}, {collisions} and {control!r}"
        )


def trapped(streams: Streams, scene: Event) -> Event:
    """The scenes with the agent before a U, and its goal behind it; turned at random, (B, T+1, N, 2)."""
    agent, goal = scene.marker & scene.movable, _one_of(scene.attention > 0.5)
    wall = scene.present & ~agent & ~goal
    slot = np.cumsum(wall, axis=1) - 1
    places = np.where(wall[..., None], _CUP[np.clip(slot, 0, len(_CUP) - 1)], 0.0)
    shaken = streams.uniform("trap/jitter", 2, 2, low=-_JITTER, high=_JITTER)
    places = np.where(agent[..., None], np.array(_AGENT) + shaken[:, :1], places)
    places = np.where(goal[..., None], np.array(_GOAL) + 0.5 * shaken[:, 1:], places)
    angle = streams.uniform("trap/angle", high=2 * np.pi)
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = np.stack([np.stack([cosine, -sine], -1), np.stack([sine, cosine], -1)], -2)
    places = np.einsum("bij,bnj->bni", turn, places)
    sizes = np.where(wall, _RADIUS, np.where(scene.present, 0.05, 0.0))
    positions = np.repeat(places[:, None], scene.positions.shape[1], axis=1)
    return scene.replace(positions=positions, sizes=sizes, attention=goal.astype(np.float64))


def _one_of(mask: np.ndarray) -> np.ndarray:
    """The first entity under each mask, (B, N)."""
    return mask & (np.cumsum(mask, axis=1) == 1)
