"""The roles in a scene from outside: are they those that the task needs?"""

from __future__ import annotations

import numpy as np

from ...concepts.event import FRAME_SECONDS, Event
from ...concepts.task import Task


def check_roles(task: Task, scene: Event, max_speed: float) -> None:
    """Checks scenes, (B, T+1, N, 2), that are to be acted in.

    Raises:
        ValueError: Too many or too few are attended, nobody can be driven or pushed as the task
            needs it, or something moves faster than ``max_speed``, in units per second.
    """
    name, part = task.name, task.generation
    low, high = part.references
    attended = (scene.attention > 0.5).sum(-1)
    if high > 0 and not ((low <= attended) & (attended <= high)).all():
        raise ValueError(
            f"the scene attends {attended.tolist()} entities, but {name!r} is about {low} to {high}"
        )
    patients = (scene.movable & ~scene.marker & (scene.attention > 0.5)).sum(-1)
    if part.actor == "pusher" and (patients != 1).any():
        raise ValueError(f"{name!r} needs one attended entity that is movable, and one that is not, its goal")
    driven = scene.movable if part.actor == "attended" else scene.movable & scene.marker
    if not driven.any(-1).all():
        who = "movable" if part.actor == "attended" else "both movable and the marker"
        raise ValueError(f"{name!r} needs an entity that is {who} in every scene")
    if part.frames > 1:
        speed = np.sqrt((np.diff(scene.positions, axis=1) ** 2).sum(-1)).max() / FRAME_SECONDS
        if speed > max_speed:
            raise ValueError(
                f"something in the scene moves at {speed:.2f} units per second, the limit is {max_speed}"
            )
